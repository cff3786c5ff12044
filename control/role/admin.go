package role

import (
	"slices"
	"strings"
	"unicode"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

var adminWords = []string{"admin", "admins", "administration", "administrator", "administrators", "internal", "debug"}

// administrative reports whether an operation looks like an administrator's
// function, from the words of its id, its path and its tags.
func administrative(op gatehouse.Operation) bool {
	names := append([]string{op.ID()}, tagsOf(op)...)
	for s := range strings.SplitSeq(op.Template(), "/") {
		if !strings.HasPrefix(s, "{") {
			names = append(names, s)
		}
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return slices.ContainsFunc(wordsOf(name), func(w string) bool { return slices.Contains(adminWords, w) })
	})
}

// tagged is an operation that knows its tags and is not OpenAPI's.
type tagged interface{ Tags() []string }

func tagsOf(op gatehouse.Operation) []string {
	switch o := op.(type) {
	case *openapi.Operation:
		return o.Tags
	case tagged:
		return o.Tags()
	}
	return nil
}

// wordsOf splits a name at everything that is no letter or digit and where
// camel case has a hump, and returns its words in lower case.
func wordsOf(name string) []string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		hump := unicode.IsUpper(r) && i > 0 && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			r = ' '
		case hump:
			b.WriteByte(' ')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.Fields(b.String())
}
