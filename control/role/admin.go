package role

import (
	"slices"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

var adminWords = []string{"admin", "admins", "administration", "administrator", "administrators", "internal", "debug"}

// administrative reports whether an operation looks like an administrator's
// function, from the words of its id, its path and its tags.
func administrative(op gatehouse.Operation) bool {
	said := append(words.Of(op.ID()), words.OfPath(op.Template())...)
	for _, tag := range tagsOf(op) {
		said = append(said, words.Of(tag)...)
	}
	return slices.ContainsFunc(said, func(w string) bool { return slices.Contains(adminWords, w) })
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
