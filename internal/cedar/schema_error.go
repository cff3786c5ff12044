package cedar

import (
	"regexp"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/words"
)

// undefined is what the resolver says of names that are declared nowhere.
var undefined = regexp.MustCompile(`undefined (?:entity type|type|built-in type|parent action) (?:"([^"]+)"|(.+))$`)

// schemaError finds the place of what is wrong with a schema. The resolver gives
// none: it is where the name stands first behind a colon, a bracket or `in`.
func schemaError(src Source, err error) *Error {
	if located.MatchString(err.Error()) {
		return readPlace(src, err)
	}
	tokens := lex(src.Text)
	m := undefined.FindStringSubmatch(err.Error())
	if m == nil {
		return at(src, 0, 0, err.Error(), "")
	}
	name := strings.TrimSuffix(strings.TrimPrefix(m[1]+m[2], `Action::"`), `"`)
	for i, t := range tokens {
		if strings.Trim(t.text, `"`) != name || i == 0 || declares(tokens, i) {
			continue
		}
		e := at(src, t.start, t.end, name+" is declared nowhere in the schema", "")
		if near := words.Nearest(name, declared(tokens)); near != "" {
			e.Says += ": did you mean " + near + "?"
			e.Fix = rewrite(src, t.start, t.end, strings.Replace(t.text, name, near, 1))
		}
		return e
	}
	return at(src, 0, 0, err.Error(), "")
}

// declares reports whether a word is the name in a declaration.
func declares(tokens []token, i int) bool {
	for i--; i >= 0 && (tokens[i].text == "," || tokens[i].kind == isIdent || tokens[i].kind == isString); i-- {
		switch tokens[i].text {
		case "entity", "action", "type":
			return true
		case "in", "appliesTo", "enum":
			return false
		}
	}
	return false
}

func declared(tokens []token) (out []string) {
	for i, t := range tokens {
		if i > 0 && (t.kind == isIdent || t.kind == isString) && declares(tokens, i) {
			out = append(out, strings.Trim(t.text, `"`))
		}
	}
	return append(out, "String", "Long", "Bool", "Set", "ipaddr", "decimal", "datetime", "duration")
}
