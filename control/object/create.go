package object

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/store"
)

// conflict is what a conflict looks like where the existence of objects is hidden and
// nothing is said of conflicts: as any other request that the upstream does not take.
var conflict = &gatehouse.Answer{Status: 400, Reason: "object.not_made", Public: "The object could not be made"}

// errNotRecorded is returned when an object was made and its owner is not known to be
// recorded: whose it is must not be left to a later guess.
var errNotRecorded = errors.New("object: whose the new object is could not be recorded")

// made judges the reply to a creation, and records whose the new objects are before
// a byte of it leaves.
func (r *rule) made(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	s, refusal := r.stands(x)
	res := &x.Response
	switch {
	case refusal != nil:
		return gatehouse.Deny(refusal), nil
	case res.Own:
		return gatehouse.Pass, nil
	case r.hide && slices.Contains(r.untold, res.Status):
		return gatehouse.Deny(conflict), nil
	case r.hides(x):
		return gatehouse.Deny(notFound), nil
	case res.Status < 200 || res.Status > 299:
		return gatehouse.Pass, nil
	case r.learn == nil && !r.inObject():
		return gatehouse.Pass, nil
	}
	d, err := jsonwalk.Of(&res.Parsed, res.Body, limits)
	if err != nil || res.BodyTooLarge || res.Fields.Encoded() {
		if r.learn == nil {
			return gatehouse.Pass, nil // what is not the object cannot be somebody else's
		}
		r.lost(s.p, "")
		return gatehouse.Deny(unverifiable).Because("the reply to a creation cannot be read"), nil
	}
	if r.others(d, s) {
		return r.refuse(), nil
	}
	if r.learn == nil {
		return gatehouse.Pass, nil
	}
	return r.record(ctx, x, d, s)
}

// madeItem judges an item of a sequence that answers a creation: it may not be
// somebody else's.
func (r *rule) madeItem(_ context.Context, x *gatehouse.Exchange, item *gatehouse.Item) (gatehouse.Verdict, error) {
	s, refusal := r.stands(x)
	if refusal != nil {
		return gatehouse.Deny(refusal), nil
	}
	if x.Response.Parsed != nil {
		x.Response.Parsed.Reset() // the item before stood in the same memory
	}
	d, err := jsonwalk.Of(&x.Response.Parsed, item.Data, limits)
	theirs := err == nil && r.others(d, s)
	x.Response.Parsed.Reset()
	if theirs {
		return r.refuse(), nil
	}
	return gatehouse.Pass, nil
}

// others reports whether a reply says that what was made is somebody else's. It may
// say nothing.
func (r *rule) others(d *jsonwalk.Doc, s standing) bool {
	v := r.values(d, 0)
	return r.tenant.path != nil && v[pickedTenant] != nil && same(v[pickedTenant], s.p.Tenant) != own ||
		r.owner.path != nil && v[pickedOwner] != nil && !s.role && same(v[pickedOwner], s.p.ID) != own
}

// record puts every object that a reply names into the map of owners.
func (r *rule) record(ctx context.Context, x *gatehouse.Exchange, d *jsonwalk.Doc, s standing) (gatehouse.Verdict, error) {
	owner := s.p.ID
	if s.role && r.owner.path != nil {
		// A role may make objects for others inside its tenant.
		if text, ok := openapi.Text(raw(d, r.owner.path.Find(d, 0))); ok {
			owner = string(text)
		}
	}
	var refusal *gatehouse.Answer
	var failed error
	n := 0
	r.learn.Each(d, 0, func(at int) bool {
		id, ok := []byte(nil), at != jsonwalk.Missing
		if ok {
			id, ok = openapi.Text(d.Raw(at))
		}
		if n++; !ok || len(id) == 0 {
			r.lost(s.p, "")
			refusal = unverifiable
			return false
		}
		e := store.Owner{Kind: r.kind, ID: string(id), Owner: strings.Clone(owner), Tenant: s.p.Tenant, Author: "gateway", At: x.At}
		switch err := r.owners.Claim(ctx, e); {
		case errors.Is(err, store.ErrExists):
			refusal = unverifiable // the upstream says that somebody else's object was made
		case err != nil:
			r.lost(s.p, e.ID)
			failed = errors.Join(errNotRecorded, err)
		}
		return failed == nil && refusal == nil
	})
	switch {
	case failed != nil:
		return gatehouse.Verdict{}, failed
	case refusal != nil:
		return gatehouse.Deny(refusal).Because("the reply names no new object that could be the caller's"), nil
	case n == 0:
		return gatehouse.Pass, nil
	}
	return gatehouse.PassBy("object.recorded"), nil
}

// lost tells the operators of an object that exists and belongs to nobody: the log
// has what is needed to set its owner.
func (r *rule) lost(p *gatehouse.Principal, id string) {
	if r.log == nil {
		return
	}
	r.log.Error("an object was made whose owner is not recorded: gatehouse owners set", "object", r.kind, "id", strings.Clone(id), "owner", p.ID, "tenant", p.Tenant)
}

// ended takes objects that were deleted out of the map of owners: an id that is used
// again is somebody else's.
func (r *rule) ended(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if s := x.Response.Status; x.Response.Own || s != http.StatusGone && (s < 200 || s > 299) {
		return gatehouse.Pass, nil
	}
	var failed error
	r.eachID(x, func(id string) *gatehouse.Answer {
		if err := r.owners.Forget(ctx, r.kind, id); err != nil && !errors.Is(err, store.ErrNotFound) {
			failed = errors.Join(failed, err)
			if r.log != nil {
				r.log.Error("an object was deleted and its owner is not: gatehouse owners forget", "object", r.kind, "id", strings.Clone(id))
			}
		}
		return nil
	})
	if failed != nil {
		return gatehouse.Verdict{}, failed
	}
	return gatehouse.PassBy("object.ended"), nil
}
