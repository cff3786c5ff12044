package object

import (
	"slices"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/events"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// eachOf returns where the elements of a list are, as far as the description of
// its reply leaves no choice: the root, or its only array.
func eachOf(op gatehouse.Operation) string {
	described, ok := op.(*openapi.Operation)
	if !ok {
		return ""
	}
	r := described.Response(200)
	if r == nil {
		return ""
	}
	m := openapi.Match(r.Content, "application/json")
	if m == nil && len(r.Content) > 0 && !slices.ContainsFunc(r.Content, func(t openapi.MediaType) bool { return events.Of(t.Type) == events.None }) {
		return "[*]" // of a sequence, every item is one
	}
	if m == nil || m.Schema == nil {
		return ""
	}
	if m.Schema.Types()&openapi.TypeArray != 0 && m.Schema.Items() != nil {
		return "[*]"
	}
	each := ""
	for _, name := range m.Schema.Properties() {
		if p := m.Schema.Property(name); p == nil || p.Types()&(openapi.TypeArray|openapi.TypeObject) != openapi.TypeArray {
			continue
		}
		if each != "" {
			return ""
		}
		each = name + "[*]"
	}
	return each
}
