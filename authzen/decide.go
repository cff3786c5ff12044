package authzen

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/relations"
)

// facts are the two entities of one decision.
type facts struct {
	server            *Server
	subject, resource *entity
	subjectUID        cedar.EntityUID
	resourceUID       cedar.EntityUID
}

// Entity implements [cedar.Entities].
func (f *facts) Entity(uid cedar.EntityUID) (cedar.Entity, bool, error) {
	var e cedar.Entity
	var err error
	switch uid {
	case f.subjectUID:
		e, err = f.server.entity(f.subject)
	case f.resourceUID:
		e, err = f.server.entity(f.resource)
	default:
		return e, false, nil
	}
	return e, err == nil, err
}

// decide answers one question. What cannot be found out is no, and says so.
func (s *Server) decide(ctx context.Context, q *question) decision {
	d, err := s.asked(ctx, q)
	if err == nil {
		err = d.Err()
	}
	if err != nil {
		s.options.Log.Warn("the decision point could not decide", "action", q.Action.Name, "type", q.Resource.Type, "error", err)
		return failed(http.StatusInternalServerError, "what the policies need could not be found out")
	}
	out := decision{Decision: d.Allowed}
	for _, p := range d.Deciding() {
		if out.Context == nil {
			out.Context = &because{}
		}
		out.Context.Policies = append(out.Context.Policies, p.ID)
	}
	return out
}

// asked asks the policies.
func (s *Server) asked(ctx context.Context, q *question) (cedar.Decision, error) {
	subject, err := typeName(q.Subject.Type)
	if err != nil {
		return cedar.Decision{}, err
	}
	resource, err := typeName(q.Resource.Type)
	if err != nil {
		return cedar.Decision{}, err
	}
	f := &facts{s, q.Subject, q.Resource, cedar.NewEntityUID(subject, cedar.String(q.Subject.ID)), cedar.NewEntityUID(resource, cedar.String(q.Resource.ID))}
	r := cedar.Request{Principal: f.subjectUID, Action: cedar.NewEntityUID("Action", cedar.String(q.Action.Name)), Resource: f.resourceUID}
	rules := s.options.Policies.Rules(r.Action, resource)
	reads := rules.Reads()
	var held cedar.RecordMap
	if len(reads.Relations) > 0 || reads.AllRelations {
		if held, err = s.held(ctx, q, reads); err != nil {
			return cedar.Decision{}, err
		}
	}
	if r.Context, err = s.context(q, reads, held); err != nil {
		return cedar.Decision{}, err
	}
	return rules.Decide(r, f), nil
}

// held asks for the relations that policies read, all at one revision.
func (s *Server) held(ctx context.Context, q *question, reads cedar.Reads) (cedar.RecordMap, error) {
	if s.options.Relations == nil || reads.AllRelations {
		return nil, fmt.Errorf("authzen: nobody knows the relations that policies ask for")
	}
	who := relations.Subject{Type: q.Subject.Type, ID: relations.EscapeID(q.Subject.ID)}
	what := relations.Object{Type: q.Resource.Type, ID: relations.EscapeID(q.Resource.ID)}
	m, at := cedar.RecordMap{}, relations.Revision{}
	for _, name := range reads.Relations {
		a, err := s.options.Relations.Check(ctx, at, who, name, what)
		if err != nil {
			return nil, fmt.Errorf("authzen: %w", err)
		}
		m[cedar.String(name)], at = cedar.Boolean(a.Held), a.At
	}
	return m, nil
}

// context makes the context of a decision. Time and relations are ours, whatever the
// question says of them; address and operation are the asker's to say.
func (s *Server) context(q *question, reads cedar.Reads, held cedar.RecordMap) (cedar.Record, error) {
	var address netip.Addr
	operation := ""
	if raw, ok := q.Context["ip"]; ok {
		text, err := decoded[string](raw)
		if err == nil {
			address, err = netip.ParseAddr(text)
		}
		if err != nil {
			return cedar.Record{}, fmt.Errorf("authzen: context.ip: %w", err)
		}
	}
	if raw, ok := q.Context["operation"]; ok {
		var err error
		if operation, err = decoded[string](raw); err != nil {
			return cedar.Record{}, fmt.Errorf("authzen: context.operation: %w", err)
		}
	}
	m := cedar.RecordMap{}
	if held != nil {
		m["rel"] = cedar.NewRecord(held)
	}
	for name, raw := range q.Context {
		switch name {
		case "now", "local", "ip", "operation", "rel":
			continue
		}
		if v, ok := plain(raw); ok {
			m[cedar.String(name)] = v
		}
	}
	return bundle.NewScene(reads, s.options.Zone).Context(bundle.Moment{At: s.options.Now(), Address: address, Operation: operation}, m).Record, nil
}

// plain reads a text, an integer or a boolean; others are not taken into a context.
func plain(raw json.RawMessage) (cedar.Value, bool) {
	if v, err := decoded[string](raw); err == nil && raw[0] == '"' {
		return cedar.String(v), true
	}
	if v, err := decoded[int64](raw); err == nil && raw[0] != 'n' {
		return cedar.Long(v), true
	}
	if v, err := decoded[bool](raw); err == nil && raw[0] != 'n' {
		return cedar.Boolean(v), true
	}
	return nil, false
}
