package policy

import (
	"fmt"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// contextOf returns the context of a decision. Only relations that policies ask for
// are looked up.
func (t *Template) contextOf(f *Facts) (*bundle.Context, error) {
	var more cedar.RecordMap
	if t.related != nil {
		related, err := t.relationsOf(f)
		if err != nil {
			return nil, err
		}
		more = cedar.RecordMap{"rel": related}
	}
	if t.holds {
		names := make([]cedar.Value, len(f.Holds))
		for i, name := range f.Holds {
			names[i] = cedar.String(name)
		}
		more = cedar.RecordMap{"policies": cedar.NewValueSet(names...)}
	}
	return t.scene.Context(bundle.Moment{At: f.At, Address: f.Address, Operation: f.Operation}, more), nil
}

// relationsOf asks which relations the caller has. Those that no policy asks for are not
// looked up: what they are is read by nobody.
func (t *Template) relationsOf(f *Facts) (cedar.Value, error) {
	m := make(cedar.RecordMap, len(t.related))
	for _, r := range t.related {
		m[cedar.String(r)] = cedar.Boolean(false)
	}
	if t.Action == Create && f.ID == "" {
		return cedar.NewRecord(m), nil // nobody is related to what is not there yet
	}
	for _, r := range t.Relations {
		if f.Related == nil {
			return nil, fmt.Errorf("policy: nobody knows relations: %s", r)
		}
		has, err := f.Related(r)
		if err != nil {
			return nil, fmt.Errorf("policy: asking for the relation %s: %w", r, err)
		}
		m[cedar.String(r)] = cedar.Boolean(has)
	}
	return cedar.NewRecord(m), nil
}
