package object

import (
	"context"
	"net/http"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/learned"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// suspicions are the rules by which a sighting is suspicious.
var suspicions = [...]string{
	learned.Again:      "object.foreign_again",
	learned.Before:     "object.foreign_before",
	learned.Foreign:    "object.foreign_suspected",
	learned.Enumerated: "object.enumeration_suspected",
}

// watch notes what a caller was given. It comes after everything that could refuse,
// decides nothing, and reads no more of a reply than others had held anyway.
func (w *watcher) watch(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	p, status := x.Principal, x.Response.Status
	if p == nil || x.EndedBy != "" || x.Response.Own || status != http.StatusOK && status != http.StatusCreated && status != http.StatusNoContent {
		return gatehouse.Pass, nil
	}
	caller := w.page.Caller(p.ID, p.Tenant, p.Roles, p.IsClient(), w.lifted(p))
	s := learned.Sighting{Caller: caller, Asked: true, At: x.At}
	if w.param != "" {
		id, _ := x.Request.Param(w.param)
		s.Object = w.page.Object(id)
	}
	w.named(x, p, &s)
	worst := learned.None
	if d := w.document(x); d != nil && w.action == policy.List {
		worst = w.elements(d, p, s)
	} else if d != nil {
		w.told(d, 0, p, &s)
		if w.action == policy.Create && status == http.StatusCreated {
			s.Made = true
			s.Object = w.made(x, d)
		}
	}
	said := w.page.Note(&s)
	if said < worst {
		said = worst
	}
	return w.says(said, s.Object), nil
}

// lifted reports whether the configuration lets the caller reach objects of others.
func (w *watcher) lifted(p *gatehouse.Principal) bool {
	for _, role := range w.roles {
		if p.HasRole(role) {
			return true
		}
	}
	return false
}

// says is the verdict on what was noted: it passes, whatever that is.
func (w *watcher) says(said learned.Suspicion, object uint64) gatehouse.Verdict {
	switch said {
	case learned.None:
		return gatehouse.Pass
	case learned.Again:
		return gatehouse.PassBy(suspicions[said])
	}
	v := gatehouse.Suspect(suspicions[said])
	if object != 0 {
		return v.Because("the object " + w.page.Pseudonym(object))
	}
	return v
}

// document returns the reply where it was held and is declared, or nil. Nobody holds a
// reply in order to learn from it.
func (w *watcher) document(x *gatehouse.Exchange) *jsonwalk.Doc {
	res := &x.Response
	if len(w.members) == 0 && w.id == nil || x.Cursor.Have < gatehouse.ReplyBody || len(res.Body) == 0 || res.BodyTooLarge || res.Fields.Encoded() {
		return nil
	}
	declared := w.op.Response(res.Status)
	if declared == nil || declared.JSON(res.Fields.Get("content-type")) == nil {
		return nil
	}
	d, err := jsonwalk.Of(&res.Parsed, res.Body, limits)
	if err != nil {
		return nil
	}
	return d
}

// named compares the parameters of the request with the caller.
func (w *watcher) named(x *gatehouse.Exchange, p *gatehouse.Principal, s *learned.Sighting) {
	for i := range w.params {
		bit := uint64(1) << (len(w.members) + i)
		_ = w.params[i].at.each(x, func(value string) *gatehouse.Answer {
			s.Looked |= bit
			if value == p.ID {
				s.Own |= bit
			}
			if value == p.Tenant && value != "" {
				s.Tenant |= bit
			}
			return nil
		})
	}
}

// told compares the members of an object with the caller.
func (w *watcher) told(d *jsonwalk.Doc, node int, p *gatehouse.Principal, s *learned.Sighting) {
	for i := range w.members {
		bit := uint64(1) << i
		s.Looked |= bit
		at := w.members[i].path.Find(d, node)
		if at == jsonwalk.Missing {
			continue
		}
		raw := d.Raw(at)
		if same(raw, p.ID) == own {
			s.Own |= bit
		}
		if same(raw, p.Tenant) == own {
			s.Tenant |= bit
		}
	}
}

// elements notes every element of a list, and returns the worst that was suspicious.
func (w *watcher) elements(d *jsonwalk.Doc, p *gatehouse.Principal, of learned.Sighting) (worst learned.Suspicion) {
	if w.each == nil {
		return learned.None
	}
	w.each.Each(d, 0, func(node int) bool {
		if node == jsonwalk.Missing || d.Kind(node) != jsonwalk.Object {
			return true
		}
		s := learned.Sighting{Caller: of.Caller, At: of.At}
		w.told(d, node, p, &s)
		if w.id != nil {
			if text, ok := openapi.Text(raw(d, w.id.Find(d, node))); ok {
				s.Object = w.page.ObjectIn(text)
			}
		}
		if said := w.page.Note(&s); said > worst {
			worst = said
		}
		return true
	})
	return worst
}

// made returns the id of a new object: of the reply, or of its Location (RFC 9110
// section 10.2.2).
func (w *watcher) made(x *gatehouse.Exchange, d *jsonwalk.Doc) uint64 {
	if w.id != nil {
		if text, ok := openapi.Text(raw(d, w.id.Find(d, 0))); ok {
			return w.page.ObjectIn(text)
		}
	}
	location, _, _ := strings.Cut(x.Response.Fields.Get("location"), "?")
	return w.page.Object(location[strings.LastIndexByte(location, '/')+1:])
}
