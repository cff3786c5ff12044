package guard

import (
	"slices"
	"strings"
)

// reach finds views, rules, functions, types and tables that touch guarded tables, or
// what does.
func (c *catalogue) reach() {
	for again := true; again; {
		again = false
		for _, r := range c.lists[pgRules] {
			again = c.rule(r) || again
		}
		for _, p := range c.lists[pgFunctions] {
			if c.functions[p[0]] != "" || slices.Contains(c.wanted.Reviewed, p[1]) {
				continue
			}
			if why := c.body(p); why != "" {
				c.functions[p[0]], c.facts.Functions[p[1]], again = why, why, true
			}
		}
		for _, t := range c.lists[pgTypes] {
			if why := c.functions[t[2]]; why != "" && c.functions[t[0]] == "" && !slices.Contains(c.wanted.Reviewed, t[1]) {
				c.functions[t[0]], again = why, true
				c.facts.Relations[t[1]] = "values of that type call a function that is refused (" + why + ")"
			}
		}
		again = c.written() || again
	}
}

// rule judges a view, or a rule of a table, and reports whether that is new.
func (c *catalogue) rule(r []string) bool {
	view := c.relations[r[0]]
	if view == nil || c.oids[r[0]] != "" || slices.Contains(c.wanted.Reviewed, view[1]) {
		return false
	}
	if through := c.touched(r[1], r[2]); through != "" {
		c.oids[r[0]] = view[1]
		c.reached = append(c.reached, r[0])
		c.facts.Relations[view[1]] = "it reads " + through
		return true
	}
	if of := c.relations[r[2]]; r[1] == "pg_class" && of != nil && c.facts.Writes[of[1]] != "" {
		return c.unwritable(r[0], "what is written to it is written to "+of[1])
	}
	return false
}

// written finds tables that must not be written, and reports whether one is new.
func (c *catalogue) written() (again bool) {
	for _, t := range c.lists[pgTriggers] {
		if why := c.functions[t[2]]; why != "" && !slices.Contains(c.wanted.Reviewed, t[0]) {
			again = c.unwritable(t[1], "its trigger "+t[0]+" calls a function that is refused ("+why+")") || again
		}
	}
	for _, r := range c.lists[pgWritten] {
		if c.oids[r[0]] != "" && !slices.Contains(c.wanted.Reviewed, r[1]) { // what it makes of a statement is not held to anybody's rows
			again = c.unwritable(r[0], "its rule "+r[1]+" writes something else, or more") || again
		}
	}
	for _, u := range c.lists[pgCalled] {
		if why := c.functions[u[2]]; why != "" {
			again = c.unwritable(u[1], u[0]+" calls a function that is refused ("+why+")") || again
		}
	}
	for _, t := range c.lists[pgTypeTables] {
		if why := c.functions[t[1]]; why != "" {
			again = c.unwritable(t[0], "a type in it calls a function that is refused ("+why+")") || again
		}
	}
	for _, i := range c.lists[pgInherits] { // what is written to the parent may be written there
		if below := c.relations[i[1]]; below != nil && c.facts.Writes[below[1]] != "" {
			again = c.unwritable(i[0], "its partition or child "+below[1]+" must not be written") || again
		}
	}
	return again
}

// unwritable says that a table must not be written, and reports whether that is new.
func (c *catalogue) unwritable(oid, because string) bool {
	r := c.relations[oid]
	if r == nil || c.facts.Writes[r[1]] != "" || slices.Contains(c.wanted.Reviewed, r[1]) {
		return false
	}
	c.facts.Writes[r[1]] = because
	return true
}

// touched returns what of an object is guarded or refused, or "".
func (c *catalogue) touched(class, oid string) string {
	if class == "pg_class" {
		return c.oids[oid]
	}
	return c.functions[oid]
}

// body says why a function is refused, or "".
func (c *catalogue) body(p []string) string {
	for _, b := range c.lists[pgBodies] {
		if b[0] == p[0] {
			if through := c.touched(b[1], b[2]); through != "" {
				return "it touches " + through
			}
		}
	}
	switch language, aggregate, extension := p[2], p[4] == "true", p[5] == "true"; {
	case aggregate, language != "sql" && language != "plpgsql" && extension:
		return ""
	case language != "sql" && language != "plpgsql":
		return "it is written in " + language + ", which is not read here"
	}
	words := names(p[3])
	guarded := map[string]string{}
	for _, t := range c.facts.Tables {
		guarded[t.Name] = ""
	}
	if strings.Contains(lower(p[3]), "u&") {
		return "there are Unicode escapes in it"
	}
	if through := among(p[3], words, guarded, c.facts.Relations, c.facts.Functions); through != "" {
		return "it touches " + through
	}
	if words["insert"] || words["update"] || words["delete"] || words["merge"] {
		if through := among(p[3], words, c.facts.Writes); through != "" {
			return "it writes to " + through
		}
	}
	if words["execute"] {
		return "it runs text"
	}
	for w := range words {
		if reaches(PostgreSQL, w, true) {
			return "it calls " + w
		}
	}
	return ""
}
