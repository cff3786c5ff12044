package scope

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// demand is what one endpoint demands, and what it answers to those who lack it.
type demand struct {
	any    [][]string // one of these suffices; none means nothing is demanded here
	all    []string   // on top
	answer *gatehouse.Answer
}

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if b.Operation == nil {
		return nil, nil
	}
	if err := c.check(b); err != nil {
		return nil, err
	}
	d := &demand{any: described(b.Operation), all: c.Scopes[b.Operation.ID()]}
	if slices.ContainsFunc(d.any, func(s []string) bool { return len(s) == 0 }) {
		d.any = nil // an empty requirement is met by any token
	}
	if len(d.any) == 0 && len(d.all) == 0 {
		return nil, nil
	}
	if b.Public != nil && len(d.all) == 0 {
		return nil, nil // the waiver of public says why the description does not hold
	}
	if b.Public != nil {
		return nil, &gatehouse.Fault{Key: "scopes", Says: b.Name() + " is public: nobody there has scopes", Fix: "remove it from public, or its scopes"}
	}
	needed := d.all
	if len(d.any) > 0 {
		needed = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(d.any[0]), d.all...))))
	}
	d.answer = &gatehouse.Answer{Status: 403, Reason: "scope.insufficient", Public: "The token lacks a scope that this operation demands",
		// RFC 6750 section 3.1
		Fields: gatehouse.Fields{{Name: "www-authenticate", Value: `Bearer error="insufficient_scope", scope="` + strings.Join(needed, " ") + `"`}}}
	return []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Authorize, Enforce: d.enforce}}, nil
}

// described returns the scopes that the operation's description demands: one of
// the lists suffices, of which every scope is demanded.
func described(op gatehouse.Operation) [][]string {
	switch o := op.(type) {
	case *openapi.Operation:
		var lists [][]string
		for _, requirement := range o.Security {
			var list []string
			for _, scheme := range requirement {
				list = append(list, scheme.Scopes...)
			}
			lists = append(lists, list)
		}
		return lists
	case interface{ RequiredScopes() [][]string }: // of another loader
		return o.RequiredScopes()
	}
	return nil
}

func (c *Config) check(b *gatehouse.Build) error {
	var errs []error
	for _, id := range slices.Sorted(maps.Keys(c.Scopes)) {
		if !slices.ContainsFunc(b.All, func(o gatehouse.Operation) bool { return o.ID() == id }) {
			errs = append(errs, &gatehouse.Fault{Key: "scopes." + id, Says: "there is no operation " + id, Fix: "an operationId of the OpenAPI description"})
		}
		if len(c.Scopes[id]) == 0 {
			errs = append(errs, &gatehouse.Fault{Key: "scopes." + id, Says: "no scope is demanded", Fix: id + ": [orders:read]"})
		}
		for _, s := range c.Scopes[id] {
			if !isScope(s) {
				errs = append(errs, &gatehouse.Fault{Key: "scopes." + id, Says: fmt.Sprintf("%q is not a scope (RFC 6749 section 3.3)", s), Fix: id + ": [orders:read]"})
			}
		}
	}
	return errors.Join(errs...)
}

// isScope reports whether s is a scope-token of RFC 6749 section 3.3.
func isScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || r == '"' || r == '\\' })
}
