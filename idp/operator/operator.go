// Package operator is what those may do who run the authorization server: people,
// clients, tenants, roles, keys and sessions. The commands and the admin API both
// call it and nothing below it, so that rules, revocations and the record are the
// same whichever way somebody came.
//
// It defends from administrators of one customer reaching into another's
// (CVE-2025-64431 and its like: whose something is is asked of the store, never of the
// caller), from administrators who give themselves more than they have, from
// roles that exist nowhere but in a typing error, from changes that nobody can be
// asked about afterwards, and from two who change the same thing unawares.
package operator

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/idp/people"
	"github.com/gatehouse-api/gatehouse/internal/password"
	"github.com/gatehouse-api/gatehouse/internal/words"
	"github.com/gatehouse-api/gatehouse/store"
)

// The roles of those who come by the admin API.
const (
	RoleOperator    = "gatehouse-admin" // reaches everything
	RoleTenantAdmin = "tenant-admin"    // reaches the people of the own tenant
)

// The errors beside those of package store, for errors.Is. [store.ErrNotFound] is
// also said of what exists and is somebody else's.
var (
	// ErrForbidden says that somebody who may see a thing may not do this to it.
	ErrForbidden = errors.New("operator: not permitted")
	// ErrStale says that a thing is not any more what the caller has seen.
	ErrStale = errors.New("operator: changed meanwhile")
)

// Store is the roles of the store that are worked on.
type Store interface {
	people.Store
	Directory() store.Directory
	Clients() store.Clients
	Relations() store.Relations
}

// Desk is where the work is done.
type Desk struct {
	Store    Store
	Accounts *people.Accounts // nil where nobody knows the issuer: clients and tenants only
	// Keys returns the signing keys; nil where there are none to work on.
	Keys func(context.Context) (*idp.Keys, error)
	Now  func() time.Time
	// Roles are those that exist, with what each may do; nil is not known, and any
	// may be given.
	Roles []Role
	// Related are the models of relations: what tuples may say.
	Related []RelationModel
	// Development lets clients be told of logouts over http.
	Development bool
	// Delegated are the roles that administrators of tenants may give and take away.
	Delegated []string
	Audit     *slog.Logger // gets one line for every change
}

// By is who does something, how far they reach, and why.
type By struct {
	Name    string // a subject or the name of a person, for the record
	Because string
	Reach   Reach
}

// Reach is whose things somebody may see and change. The zero value is nobody's.
type Reach struct {
	all    bool
	tenant string
}

// Everywhere reaches everything.
func Everywhere() Reach { return Reach{all: true} }

// Within reaches what is of one tenant; of "" there is nothing.
func Within(tenant string) Reach { return Reach{tenant: tenant} }

func (r Reach) holds(tenant string) bool { return r.all || r.tenant != "" && r.tenant == tenant }

// Tenant returns the tenant that the reach ends at, or "" where it does not.
func (r Reach) Tenant() string { return r.tenant }

// reached is [store.ErrNotFound] for what is not within reach: that it exists is not
// told.
func (b *By) reached(tenant string) error {
	if !b.Reach.holds(tenant) {
		return store.ErrNotFound
	}
	return nil
}

// everywhere refuses who does not reach everything.
func (b *By) everywhere() error {
	if !b.Reach.all {
		return ErrForbidden
	}
	return nil
}

// reasoned refuses a change that says nothing of why it is made.
func (b *By) reasoned() error {
	if strings.TrimSpace(b.Because) == "" {
		return invalid("nothing says why: a reason is kept with the change")
	}
	return nil
}

// invalid is an error whose text can be said to whoever asked.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", store.ErrInvalid, fmt.Sprintf(format, args...))
}

// Says returns what can be said of an error to whoever asked, and whether there is
// anything: the rest is for the log.
func Says(err error) (string, bool) {
	switch {
	case errors.Is(err, people.ErrName):
		return "this is no e-mail address: a name, @ and a domain", true
	case errors.Is(err, password.ErrShort):
		return fmt.Sprintf("the password is too short: %d characters are the least", password.Shortest), true
	case errors.Is(err, password.ErrCommon):
		return "the password is too common, or made of the person's own name; leave it out for one that is not", true
	case errors.Is(err, store.ErrInvalid):
		_, says, _ := strings.Cut(err.Error(), store.ErrInvalid.Error()+": ")
		return says, true
	}
	return "", false
}

// kept is a time as the store keeps it, so that what was just made and what is read
// later is the same thing.
func kept(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// Version is a name for what somebody has seen of a thing: a change can be made on
// the condition that it still is so. "" is no condition.
type Version string

// versionOf names a thing as it is shown.
func versionOf(shown any) Version {
	text, err := json.Marshal(shown)
	if err != nil {
		panic(err) // of texts and times: it cannot fail
	}
	sum := sha256.Sum256(text)
	return Version(base64.RawURLEncoding.EncodeToString(sum[:12]))
}

func (v Version) still(now Version) error {
	if v != "" && v != now {
		return ErrStale
	}
	return nil
}

// record writes down one change: who, what, and what became of what. Neither secrets
// nor their hashes are in what is shown of things.
func (d *Desk) record(ctx context.Context, by *By, action, object string, before, after any) {
	line := []any{"audit", action, "by", by.Name, "object", object}
	if by.Reach.tenant != "" {
		line = append(line, "within", by.Reach.tenant)
	}
	if by.Because != "" {
		line = append(line, "because", by.Because)
	}
	for name, shown := range map[string]any{"before": before, "after": after} {
		if shown == nil {
			continue
		}
		if text, err := json.Marshal(shown); err == nil {
			line = append(line, name, string(text))
		}
	}
	d.Audit.InfoContext(ctx, "an operator made a change", line...)
}

// checkTenant refuses a tenant that nobody registered.
func (d *Desk) checkTenant(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	_, err := d.Store.Tenants().Tenant(ctx, id)
	if !errors.Is(err, store.ErrNotFound) {
		return err
	}
	known, err := d.Store.Tenants().List(ctx, "", pageMost)
	if err != nil {
		return err
	}
	var ids []string
	for _, t := range known {
		ids = append(ids, t.ID)
	}
	if near := words.Nearest(id, ids); near != "" {
		return invalid("there is no tenant %q; is %q meant?", id, near)
	}
	return invalid("there is no tenant %q; it has to be added before: gatehouse tenants add", id)
}

// checkRoles refuses roles that nothing knows, unless they are held already.
func (d *Desk) checkRoles(by *By, roles, held []string) error {
	var known []string
	for _, r := range d.Roles {
		known = append(known, r.Name)
	}
	for i, r := range roles {
		switch {
		case slices.Contains(roles[:i], r):
			return invalid("the role %q is there twice", r)
		case r == "authenticated":
			return invalid("%q stands for every authenticated caller; nobody is given it", r)
		case d.Roles != nil && !slices.Contains(known, r) && !slices.Contains(held, r):
			if near := words.Nearest(r, known); near != "" {
				return invalid("no policy knows the role %q; is %q meant?", r, near)
			}
			return invalid("no policy knows the role %q: it would grant nothing. Known are %s; roles that other programs know stand in idp.roles", r, strings.Join(known, ", "))
		}
	}
	if by.Reach.all {
		return nil
	}
	for _, r := range slices.Concat(roles, held) {
		if slices.Contains(roles, r) != slices.Contains(held, r) && !slices.Contains(d.Delegated, r) {
			return ErrForbidden
		}
	}
	return nil
}

// pageMost is the most that is listed at once.
const pageMost = 500
