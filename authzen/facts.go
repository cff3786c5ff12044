package authzen

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// Facts are what a decision point knows of subjects and resources by itself. They
// never change. The zero value knows nothing.
type Facts struct {
	of map[string]map[string]map[string]json.RawMessage // by type and id
}

// ReadFacts reads facts: by type, then id, the attributes: {"user": {"alice": {"role":
// "editor"}}}.
func ReadFacts(text []byte) (*Facts, error) {
	f := &Facts{}
	if err := json.Unmarshal(text, &f.of); err != nil {
		return nil, fmt.Errorf("authzen: reading facts: %w", err)
	}
	return f, nil
}

// known returns what is known of one entity.
func (f *Facts) known(kind, id string) map[string]json.RawMessage {
	if f == nil {
		return nil
	}
	return f.of[kind][id]
}

// ids returns the ids of a type, in order.
func (f *Facts) ids(kind string) (out []string) {
	if f == nil {
		return nil
	}
	for id := range f.of[kind] {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

// typeName is the type of Cedar that a type of AuthZEN is: order-line and order_line
// are OrderLine, as objects of the configuration are.
func typeName(name string) (cedar.EntityType, error) {
	var b strings.Builder
	for part := range strings.FieldsFuncSeq(name, func(r rune) bool { return r == '_' || r == '-' || r == '.' }) {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return cedar.NewEntityType(b.String())
}

// entity makes an entity with the attributes that the schema gives its type: what is
// known here, and for the rest what the question says.
func (s *Server) entity(e *entity) (cedar.Entity, error) {
	t, err := typeName(e.Type)
	if err != nil {
		return cedar.Entity{}, fmt.Errorf("authzen: %w", err)
	}
	out := cedar.Entity{UID: cedar.NewEntityUID(t, cedar.String(e.ID))}
	known, m := s.options.Facts.known(e.Type, e.ID), cedar.RecordMap{}
	for _, a := range s.options.Policies.Attributes(t) {
		raw, ok := known[a.Name]
		if !ok {
			raw, ok = e.Properties[a.Name]
		}
		if !ok || string(raw) == "null" {
			continue
		}
		v, err := valueOf(raw, a.Type)
		if err != nil {
			return cedar.Entity{}, fmt.Errorf("authzen: %s of %s: %w", a.Name, e.Type, err)
		}
		m[cedar.String(a.Name)] = v
	}
	out.Attributes = cedar.NewRecord(m)
	return out, nil
}

// valueOf reads a value of a type of the schema. Nothing is converted.
func valueOf(raw json.RawMessage, t cedar.Type) (cedar.Value, error) {
	switch t.Kind {
	case cedar.KindString:
		v, err := decoded[string](raw)
		return cedar.String(v), err
	case cedar.KindLong:
		v, err := decoded[int64](raw)
		return cedar.Long(v), err
	case cedar.KindBool:
		v, err := decoded[bool](raw)
		return cedar.Boolean(v), err
	case cedar.KindEntity:
		v, err := decoded[string](raw)
		return cedar.NewEntityUID(t.Entity, cedar.String(v)), err
	case cedar.KindSet:
		list, err := decoded[[]json.RawMessage](raw)
		var values []cedar.Value
		for _, one := range list {
			v, err := valueOf(one, *t.Element)
			if err != nil {
				return nil, err
			}
			values = append(values, v)
		}
		return cedar.NewValueSet(values...), err
	}
	return nil, fmt.Errorf("a %s cannot be given", t)
}

func decoded[T any](raw json.RawMessage) (v T, err error) {
	err = json.Unmarshal(raw, &v)
	return v, err
}
