package jwt

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
)

// staleAfter is how long tokens are still accepted by what was last known of
// revocations, when the store cannot be read any more.
const staleAfter = 60 * time.Second

// errStale says that nobody knows which tokens were revoked in the meantime.
var errStale = errors.New("jwt: the revocations are not known: the store has not been read for more than " + staleAfter.String())

// revocations is the present snapshot, and since when it may be behind.
type revocations struct {
	now     atomic.Pointer[snapshot]
	checked func() time.Time
}

// snapshot is every revocation, arranged for looking up. It is immutable.
type snapshot struct {
	tokens   map[name]struct{}
	grants   map[name]struct{}
	subjects map[name]int64 // iat in seconds: it and all before it
}

// name is an identifier and its issuer, or "" for that of any issuer.
type name struct{ issuer, id string }

// watched returns the process's one snapshot. It lives as long as the process: a
// reload keeps what it knows. Where the store cannot be read it is an error, and
// nothing is served.
func watched(b *gatehouse.Build) (*revocations, error) {
	from, err := gatehouse.Require[store.Revocations](b.Kept)
	if err != nil {
		return nil, fmt.Errorf("jwt: finding the revocations: %w", err)
	}
	r, err := gatehouse.Keep(b.Kept, "jwt.revocations", func() (*revocations, error) {
		r := &revocations{checked: from.Checked}
		_, err := from.Watch(func(all []store.Revocation) { r.now.Store(arrange(all)) })
		return r, err
	})
	if err != nil {
		return nil, fmt.Errorf("jwt: watching the revocations: %w", err)
	}
	return r, nil
}

// arrange makes a snapshot. Entries whose time is over are harmless: their tokens
// have expired.
func arrange(all []store.Revocation) *snapshot {
	r := &snapshot{}
	put := func(set *map[name]struct{}, n name) {
		if *set == nil {
			*set = map[name]struct{}{}
		}
		(*set)[n] = struct{}{}
	}
	for i := range all {
		n := name{all[i].Issuer, all[i].Subject}
		switch all[i].Kind {
		case store.RevokeToken:
			put(&r.tokens, n)
		case store.RevokeGrant:
			put(&r.grants, n)
		case store.RevokeSubject:
			if r.subjects == nil {
				r.subjects = map[name]int64{}
			}
			r.subjects[n] = max(r.subjects[n], all[i].Before.Unix())
		}
	}
	return r
}

// hold reports whether a token is among the revoked. It is asked at every
// request, for a token that is remembered too.
func (r *revocations) hold(c *claims, at time.Time) (bool, error) {
	s := r.now.Load()
	if checked := r.checked(); s == nil || !checked.IsZero() && at.Sub(checked) > staleAfter {
		return false, errStale
	}
	issuer := c.issuer.name
	if len(s.tokens) > 0 && c.principal.TokenID != "" && has(s.tokens, issuer, c.principal.TokenID) {
		return true, nil
	}
	if len(s.grants) > 0 && c.grant != "" && has(s.grants, issuer, c.grant) {
		return true, nil
	}
	if len(s.subjects) > 0 {
		// iat has whole seconds: what was issued in the second of the revocation
		// may have been issued before it.
		before, ok := s.subjects[name{issuer, c.subject}]
		return ok && c.issued <= before, nil
	}
	return false, nil
}

func has(set map[name]struct{}, issuer, id string) bool {
	if _, ok := set[name{issuer, id}]; ok {
		return true
	}
	_, ok := set[name{"", id}]
	return ok
}
