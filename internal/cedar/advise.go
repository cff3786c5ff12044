package cedar

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/words"
)

// unexpected says what stands in a place where something else must, and what was
// probably meant. insert is what is missing, where that is one word.
func (r *reading) unexpected(want, insert string) {
	if r.bad != nil {
		return
	}
	t := r.peek()
	says := "expected " + want + ", found " + r.found()
	if before := r.last(); insert == "::" && t.text != ":" && before.kind == isIdent {
		r.bad = &misread{before, "an entity has a type and an id", "the id stands in quotes", strconv.Quote(before.text)}
		return
	}
	if fix, instead, ok := r.habit(t, insert); ok {
		r.wrong(says, fix, instead)
		return
	}
	switch {
	case insert == ";" && t.kind == isIdent && words.Nearest(t.text, []string{"when", "unless"}) != "":
		r.wrong(says, "", words.Nearest(t.text, []string{"when", "unless"}))
	case slices.Contains(variables, insert) && t.kind == isIdent:
		r.wrong(says, "the head of a policy is (principal, action, resource)", insert)
	case insert != "" && (t.kind == isEnd || slices.Contains([]string{";", ")", ",", "}"}, insert)):
		r.missing(says, insert)
	case want == "a value" && t.kind == isIdent && words.Nearest(t.text, variables) != "":
		r.wrong(says, "", words.Nearest(t.text, variables))
	case strings.HasPrefix(want, "the annotation's text"):
		r.wrong(says, "", strconv.Quote(strings.Trim(t.text, "'")))
	case insert == "else":
		r.wrong(says, "an `if` says both: if a then b else c", "")
	case want == "a value" && t.kind == isIdent:
		r.wrong(says, `attributes stand behind principal, resource or context, entities are written Type::"id", texts "in quotes"`, "")
	default:
		r.wrong(says, "", "")
	}
}

// missing points behind the word before, where something was left out.
func (r *reading) missing(says, insert string) {
	before := r.last()
	r.bad = &misread{token{isOther, before.text, before.start, before.end}, says, "", before.text + insert}
}

// habit knows what people bring from other languages.
func (r *reading) habit(t token, insert string) (fix, instead string, ok bool) {
	switch t.text {
	case "=":
		return "one compares with ==", "==", true
	case "and", "AND", "&":
		return "", "&&", true
	case "or", "OR", "|":
		return "", "||", true
	case "not", "NOT":
		return "a condition is negated by ! before it: !(principal in Role::\"x\")", "", true
	case "'":
		return `texts stand in double quotes: "EU"`, r.requoted(t), true
	case "#":
		return "a comment begins with //", "//", true
	case "<", ">", "<=", ">=", "==", "!=", "in":
		if insert == "}" || insert == ")" {
			return "comparisons do not chain: write a < b && b < c", "", true
		}
		if t.text == ">" && r.last().text == "<" {
			return "unequal is written !=", "", true
		}
	case ":":
		if insert == "::" {
			return "", "::", true
		}
	case "(":
		switch insert {
		case "{":
			return "conditions stand in braces: when { ... }", "", true
		case "":
			if r.last().text == "in" {
				return `several actions stand in brackets: action in [Action::"order.read", Action::"order.list"]`, "", true
			}
		}
	case "[":
		return "only actions may be a list in the head; write `when { principal in [...] }`, or one policy for each", "", r.last().text == "in"
	}
	if t.kind == isOther && strings.HasPrefix(t.text, `"`) {
		return "the text does not end on its line", "", true
	}
	if t.kind == isString && r.last().text == "==" || t.kind == isString && r.last().text == "in" {
		return "entities have a type: " + `User::"alice", Action::"order.read"`, "Type::" + t.text, true
	}
	return "", "", false
}

// requoted is the whole of a text in single quotes, in double ones.
func (r *reading) requoted(t token) string {
	rest := r.src[t.start+1:]
	if end := strings.IndexByte(rest[:lineEnd(rest)], '\''); end >= 0 {
		r.tokens[r.at].end = t.start + end + 2
		return `"` + rest[:end] + `"`
	}
	return ""
}

// effect is what stands in place of permit or forbid.
func (r *reading) effect() {
	t := r.peek()
	instead := map[string]string{"allow": "permit", "grant": "permit", "deny": "forbid", "block": "forbid", "reject": "forbid"}[strings.ToLower(t.text)]
	if instead == "" && t.kind == isIdent {
		instead = words.Nearest(t.text, []string{"permit", "forbid"})
	}
	if fix, other, ok := r.habit(t, ""); ok && instead == "" {
		r.wrong("expected permit or forbid, found "+r.found(), fix, other)
		return
	}
	r.wrong("expected permit or forbid, found "+r.found(), "", instead)
}

// notCallable is a method or function that the language does not have.
func (r *reading) notCallable(name, what string) {
	list := functions
	if what == "method" {
		list = slices.Sorted(maps.Keys(methods))
	}
	instead := words.Nearest(name, list)
	fix := ""
	if instead == "" {
		fix = "there are " + strings.Join(list, ", ")
	}
	r.wrong("there is no "+what+" `"+name+"`", fix, instead)
}

// checkEscapes refuses what is no escape in a string.
func (r *reading) checkEscapes() {
	t := r.peek()
	if t.kind != isString {
		return
	}
	for i := 0; i+1 < len(t.text); i++ {
		if t.text[i] != '\\' {
			continue
		}
		i++
		if strings.IndexByte(`nrt\0"'xu*`, t.text[i]) < 0 {
			r.wrong("`"+t.text[i-1:i+1]+"` is no escape in a text", `a backslash is written \\`, t.text[:i-1]+`\\`+t.text[i:])
			return
		}
	}
}
