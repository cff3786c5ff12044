package policy

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// Caller is who asks.
type Caller = bundle.Caller

// Subject is a caller as policies see it. It may be kept for as long as its caller, and
// used by many goroutines: what it learns from one decision spares work in the next,
// and changes none.
type Subject struct {
	policy *Policy
	tenant string
	entity cedar.Entity
	known  [4]atomic.Pointer[known] // by templates
}

// known is what a subject keeps of its last decisions by one template.
type known struct {
	of *Template
	// In this context the policies deny whatever the object is like, or do not.
	context *bundle.Context
	denies  bool
	// The facts of the last object that was allowed, as they stood in the document, and
	// the attributes that are made of them. Those of others' objects are not kept: that
	// two objects are alike must not be told by how long a refusal takes.
	facts      string
	attributes cedar.Record
}

// Subject makes a subject of a caller. A claim that is not of its declared type
// is an error; one that is not there is not there, and a policy that reads it
// denies.
func (p *Policy) Subject(c Caller) (*Subject, error) {
	entity, err := bundle.Principal(p.set, c)
	if err != nil {
		return nil, fmt.Errorf("policy: %w", err)
	}
	return &Subject{policy: p, tenant: c.Tenant, entity: entity}, nil
}

// ID returns the caller's id.
func (s *Subject) ID() string { return string(s.entity.UID.ID) }

// Of reports whether it is these policies that see the caller so.
func (s *Subject) Of(p *Policy) bool { return s.policy == p }

// knows returns what is known of a template's decisions, empty where nothing is.
func (s *Subject) knows(t *Template) known {
	if k := s.known[t.serial%len(s.known)].Load(); k != nil && k.of == t {
		return *k
	}
	return known{of: t}
}

func (s *Subject) learn(k known) { s.known[k.of.serial%len(s.known)].Store(&k) }

// stood appends the facts of an object as they stand, each with its length, and reports
// whether they are all that its attributes are made of.
func (f *Facts) stood(b []byte) ([]byte, bool) {
	if f.Given != nil || f.Mapped || f.template.Action == Create {
		return b, false
	}
	for i := range f.template.Attributes {
		a := &f.template.Attributes[i]
		switch {
		case a.From == "owners":
			kept := f.kept(a)
			b = append(binary.AppendUvarint(b, uint64(len(kept))), kept...)
		case a.param != "":
			text, ok := "", false
			if f.Path != nil {
				text, ok = f.Path.Param(a.param)
			}
			if !ok {
				return b, false
			}
			b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
		case f.Doc == nil:
			return b, false
		default:
			var raw []byte // none is none: a value has a byte at least
			if n := a.path.Find(f.Doc, f.Node); n != jsonwalk.Missing {
				raw = f.Doc.Raw(n)
			}
			b = append(binary.AppendUvarint(b, uint64(len(raw))), raw...)
		}
		if len(b) > mostStood {
			return b, false
		}
	}
	return b, true
}

// mostStood is how many bytes of facts are compared with those of the object before.
const mostStood = 192
