package policy

import (
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

var adminWords = []string{"admin", "admins", "administration", "administrator", "administrators", "internal", "debug"}

// Reaches reports whether an entry of a role reaches the operation. What looks
// like an administrator's function is reached by its own name only.
func Reaches(entry string, op Operation) bool {
	return entry == op.ID() || Matches(entry, op) && !Administrative(op)
}

// Matches reports whether an entry of a role speaks of the operation: its
// operationId, "tag:NAME", or the beginning of an operationId with "*" behind it.
func Matches(entry string, op Operation) bool {
	switch {
	case entry == op.ID():
		return true
	case strings.HasPrefix(entry, "tag:"):
		return slices.Contains(Tags(op), entry[len("tag:"):])
	case strings.HasSuffix(entry, "*"):
		return strings.HasPrefix(op.ID(), strings.TrimSuffix(entry, "*"))
	}
	return false
}

// Administrative reports whether an operation looks like an administrator's
// function, from the words of its id, its path and its tags (authz.function).
func Administrative(op Operation) bool {
	said := append(words.Of(op.ID()), words.OfPath(op.Template())...)
	for _, tag := range Tags(op) {
		said = append(said, words.Of(tag)...)
	}
	return slices.ContainsFunc(said, func(w string) bool { return slices.Contains(adminWords, w) })
}

// tagged is an operation that knows its tags and is not OpenAPI's.
type tagged interface{ Tags() []string }

// Tags returns the operation's tags.
func Tags(op Operation) []string {
	switch o := op.(type) {
	case *openapi.Operation:
		return o.Tags
	case tagged:
		return o.Tags()
	}
	return nil
}
