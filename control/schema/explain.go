package schema

import (
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// Explain implements [gatehouse.Control].
func (c *Config) Explain(s *gatehouse.Sheet) {
	s.Fact("input.openapi", "path, query, header and cookie parameters and JSON, form and multipart bodies must be as the description declares them")
	s.Fact("input.json-strict", "a JSON body is exactly one document without duplicate names, byte order mark, lone surrogates or deep nesting")
	if c.Undeclared == "reject" {
		s.Fact("input.no-extra", "members and parameters that are not declared are refused; so are readOnly members")
	} else {
		s.Fact("input.no-extra", "undeclared members are let in: %s", c.Waiver)
	}
	for _, says := range sent(s.Build) {
		s.Fact("authz.property", "%s", says)
	}
	s.Fact("input.pagination", "integers that ask for a number of results are at most %d, and those that say from which one on at most %d, in queries and bodies, unless they have a declared maximum", c.PaginationMax, c.OffsetMax)
	s.Fact("input.size", "strings without maxLength have at most %d characters, arrays without maxItems %d elements", c.MaxString, c.MaxItems)
	s.Fact("input.size", "a form has at most %d parts, and a file at most %d bytes", c.MaxParts, c.MaxFile)
	s.Fact("input.content-type", "an uploaded file is of a declared type and begins like one; file names have no paths")
}

// sent says which members of the endpoint's body are for whom.
func sent(b *gatehouse.Build) (list []string) {
	if b == nil {
		return nil
	}
	op, ok := b.Operation.(*openapi.Operation)
	if !ok || op.RequestBody == nil {
		return nil
	}
	for _, m := range op.RequestBody.Content {
		if m.Schema == nil {
			continue
		}
		for _, r := range m.Schema.Restricted(openapi.Request) {
			says := r.Member + " may be sent by nobody"
			if len(r.Roles) > 0 {
				says = r.Member + " may be sent by " + strings.Join(r.Roles, " or ") + " only"
			}
			if !slices.Contains(list, says) {
				list = append(list, says)
			}
		}
	}
	return list
}
