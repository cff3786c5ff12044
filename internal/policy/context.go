package policy

import (
	"fmt"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// contextOf makes the context of a decision. Only relations that policies ask for
// are looked up.
func (t *Template) contextOf(f *Facts) (cedar.Record, error) {
	var relations cedar.RecordMap
	if len(t.related) > 0 {
		// Those that no policy asks for are not looked up: what they are is read by
		// nobody.
		relations = make(cedar.RecordMap, len(t.related))
		for _, r := range t.related {
			relations[cedar.String(r)] = cedar.Boolean(false)
		}
	}
	if t.Action == Create && f.ID == "" {
		// Nobody is related to what is not there yet.
		return bundle.Context(f.At, t.policy.Zone, f.Address, f.Operation, relations)
	}
	for _, r := range t.Relations {
		if f.Related == nil {
			return cedar.Record{}, fmt.Errorf("policy: nobody knows relations: %s", r)
		}
		has, err := f.Related(r)
		if err != nil {
			return cedar.Record{}, fmt.Errorf("policy: asking for the relation %s: %w", r, err)
		}
		relations[cedar.String(r)] = cedar.Boolean(has)
	}
	context, err := bundle.Context(f.At, t.policy.Zone, f.Address, f.Operation, relations)
	if t.typ != fieldType || err != nil {
		return context, err
	}
	names := make([]cedar.Value, len(f.Holds))
	for i, name := range f.Holds {
		names[i] = cedar.String(name)
	}
	m := context.Map()
	m["policies"] = cedar.NewValueSet(names...)
	return cedar.NewRecord(m), nil
}
