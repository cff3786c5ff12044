package lists

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policytest"
)

// table is where an application would keep the objects of a listing.
type table struct {
	object  string
	name    string // without a schema
	columns []*column
}

// column is one column of a table, and what stands in it.
type column struct {
	name       string
	typ        string   // text, integer, boolean or uuid; "" where nobody cares, which is text
	attributes []string // "" is the id that the object is called by
}

// tableOf lays out the table of a listing's object by the bundle's words: the columns
// that are named, and for every other attribute one that is called like it.
func tableOf(l *policytest.Listing) (*table, error) {
	o := l.Policy.Bundle().Objects[l.Policy.Kind(l.Object)]
	_, name, qualified := strings.Cut(o.Table.Name, ".")
	if !qualified {
		name = o.Table.Name
	}
	t := &table{object: l.Object, name: name}
	said := maps.Clone(o.Table.Columns)
	if said == nil {
		said = map[string]string{}
	}
	for attribute, column := range map[string]string{"owner": o.Table.Owner, "tenant": o.Table.Tenant} {
		if column != "" {
			said[attribute] = column
		}
	}
	if err := t.put("", o.Table.ID, "text"); err != nil {
		return nil, err
	}
	read := l.Policy.Set().Rules(cedar.NewEntityUID("Action", cedar.String(l.Policy.Kind(l.Object)+"."+l.Action.String())), o.Type).Reads().Resource
	for _, a := range l.Policy.Set().Attributes(o.Type) {
		typ := map[cedar.Kind]string{cedar.KindString: "text", cedar.KindEntity: "text", cedar.KindLong: "integer", cedar.KindBool: "boolean"}[a.Type.Kind]
		at, ok := said[a.Name]
		switch {
		case typ == "":
			continue // a set or a record is in no column
		case !ok && a.Name == "id":
			at = o.Table.ID
		case !ok && a.Name == "owner":
			continue // nobody has said where, and the member it stands in has a column
		case !ok:
			at = a.Name
			if !slices.Contains(read, a.Name) {
				typ = "" // whatever it is
			}
		}
		if err := t.put(a.Name, at, typ); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// put says that an attribute stands in a column, written "name" or "name type", whose
// type is natural where nothing else is said, "" where that is all the same. One column is of
// one type.
func (t *table) put(attribute, at, natural string) error {
	name, typ, _ := strings.Cut(strings.TrimSpace(at), " ")
	typ = cmp.Or(strings.TrimSpace(typ), natural)
	i := slices.IndexFunc(t.columns, func(c *column) bool { return strings.EqualFold(c.name, name) })
	if i < 0 {
		t.columns = append(t.columns, &column{name, typ, []string{attribute}})
		return nil
	}
	c := t.columns[i]
	switch {
	case c.name != name:
		return &policytest.Unfiltered{Why: fmt.Sprintf("the columns %s and %s are one in SQLite, on which tests are run", c.name, name)}
	case typ != "" && c.typ != "" && c.typ != typ:
		return fmt.Errorf("the column %s is %s for %s and %s for %s; say of both which: table: {columns: {ATTRIBUTE: %s TYPE}}", name, c.typ, named(c.attributes[0]), typ, named(attribute), name)
	}
	c.typ, c.attributes = cmp.Or(c.typ, typ), append(c.attributes, attribute)
	return nil
}

func named(attribute string) string {
	if attribute == "" {
		return "the object's id"
	}
	return "resource." + attribute
}

// quote makes an identifier of a name. That of sdk/rows is what is tried here.
func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// ddl makes the table, with a column for the place in the listing before the others.
func (t *table) ddl(place string) string {
	kinds := map[string]string{"": "TEXT", "text": "TEXT", "uuid": "TEXT", "integer": "INTEGER", "boolean": "INTEGER"}
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE TABLE %s (%s INTEGER NOT NULL", quote(t.name), quote(place))
	for _, c := range t.columns {
		fmt.Fprintf(&b, ", %s %s", quote(c.name), kinds[c.typ])
	}
	return b.String() + ") STRICT"
}

// place is a name that no column has.
func (t *table) place() string {
	name := "place"
	for slices.ContainsFunc(t.columns, func(c *column) bool { return strings.EqualFold(c.name, name) }) {
		name += "_"
	}
	return name
}

// unfit says that a column cannot hold a value.
type unfit struct{ says string }

func (u *unfit) Error() string { return u.says }

// values are a row's, in the order of the columns. The error is an [*unfit] where a
// column cannot hold one of them.
func (t *table) values(row policytest.Row) ([]any, error) {
	out := make([]any, len(t.columns))
	for i, c := range t.columns {
		var first cedar.Value
		var of string
		for _, attribute := range c.attributes {
			var v cedar.Value = cedar.String(row.ID)
			if attribute != "" {
				v = row.Given.Attribute(attribute)
			}
			switch {
			case v == nil:
			case first == nil:
				first, of = v, attribute
			case text(first) != text(v):
				return nil, fmt.Errorf("the column %s holds %s, which is %s, and %s, which is %s; objects.%s.table: say where each is kept", c.name, named(of), first.MarshalCedar(), named(attribute), v.MarshalCedar(), t.object)
			}
		}
		if first == nil {
			continue // NULL
		}
		kept, ok := c.keep(text(first))
		if !ok {
			return nil, &unfit{fmt.Sprintf("%s is %s, which the column %s (%s) cannot hold; give what it can", named(of), first.MarshalCedar(), c.name, c.typ)}
		}
		out[i] = kept
	}
	return out, nil
}

// text is what a value is in words.
func text(v cedar.Value) string {
	switch v := v.(type) {
	case cedar.String:
		return string(v)
	case cedar.EntityUID:
		return string(v.ID)
	}
	return v.String()
}

// keep is a value as an application writes it into the column, if it can.
func (c *column) keep(text string) (any, bool) {
	switch c.typ {
	case "integer":
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil && strconv.FormatInt(n, 10) == text
	case "boolean":
		b, err := strconv.ParseBool(text)
		return b, err == nil
	case "uuid":
		if len(text) != 36 || strings.Trim(text, "0123456789abcdef-") != "" {
			return nil, false
		}
		parts := strings.Split(text, "-")
		return text, len(parts) == 5 && len(parts[0]) == 8 && len(parts[1]) == 4 && len(parts[2]) == 4 && len(parts[3]) == 4
	}
	return text, !strings.Contains(text, "\x00")
}
