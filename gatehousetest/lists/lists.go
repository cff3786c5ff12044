// Package lists puts the lists that tests of policies expect through SQL: the predicate
// of sdk/rows, on an SQLite database in memory that holds the objects.
//
// It defends from an application whose rows are others than its gateway's policies say.
// The table is laid out by what the configuration says of it, and not by what sdk/rows
// makes of that, so that a column which the two take for different ones is found.
package lists

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/policytest"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/sdk/identity"
	"github.com/gatehouse-api/gatehouse/sdk/rows"
)

// where writes the predicate of a listing.
type where func(ctx context.Context, l *policytest.Listing) (predicate string, args []any, err error)

// New returns a filter. It keeps the policies that it has seen, compiled, and no
// database; it is used by one goroutine.
func New() policytest.Filter { return filter(newAsker(rows.SQLite).where) }

// filter selects by a predicate.
func filter(by where) policytest.Filter {
	return func(ctx context.Context, l *policytest.Listing) (policytest.Selection, error) {
		predicate, args, err := by(ctx, l)
		if err != nil {
			return policytest.Selection{}, unfiltered(l, err)
		}
		s, err := selected(ctx, l, predicate, args)
		s.Predicate, s.Args = predicate, written(args)
		return s, err
	}
}

// Predicate returns what an application filters a listing by, in the SQL of a kind of
// database, and the arguments of its placeholders as they are written in Go. The error
// is a [*policytest.Unfiltered] where the policies cannot be said in SQL, or nobody has
// said where the objects are kept.
func Predicate(ctx context.Context, l *policytest.Listing, d rows.Dialect) (predicate string, args []string, err error) {
	predicate, values, err := newAsker(d).where(ctx, l)
	if err != nil {
		return "", nil, unfiltered(l, err)
	}
	return predicate, written(values), nil
}

func written(args []any) []string {
	out := make([]string, len(args))
	for i, a := range args {
		out[i] = fmt.Sprint(a)
		if text, ok := a.(string); ok {
			out[i] = fmt.Sprintf("%q", text)
		}
	}
	return out
}

// unfiltered tells what SQL cannot do from what is wrong.
func unfiltered(l *policytest.Listing, err error) error {
	for _, because := range []error{rows.ErrNotSQL, rows.ErrTooMany, rows.ErrNoTable} {
		if !errors.Is(err, because) {
			continue
		}
		says := strings.TrimPrefix(strings.TrimPrefix(err.Error(), rows.ErrNotSQL.Error()+": "), l.Action.String()+" "+l.Policy.Kind(l.Object)+": ")
		return &policytest.Unfiltered{Why: strings.TrimPrefix(strings.TrimPrefix(says, "rows: "), "cedar: ")}
	}
	return err
}

// asker asks sdk/rows for predicates.
type asker struct {
	dialect rows.Dialect
	known   map[*policy.Policy]*rows.Policy
	listing *policytest.Listing // that is asked about
}

func newAsker(d rows.Dialect) *asker {
	return &asker{dialect: d, known: map[*policy.Policy]*rows.Policy{}}
}

// where asks as an application does: by the bundle, for the identity of a context.
func (a *asker) where(ctx context.Context, l *policytest.Listing) (string, []any, error) {
	a.listing = l
	p := a.known[l.Policy]
	if p == nil {
		text, err := l.Policy.Bundle().Text()
		if err != nil {
			return "", nil, err
		}
		if p, err = rows.Open(text, a.dialect, rows.WithRelations(a), rows.WithClock(func() time.Time { return a.listing.At })); err != nil {
			return "", nil, err
		}
		a.known[l.Policy] = p
	}
	return p.Where(identity.With(ctx, identityOf(l)), l.Policy.Kind(l.Object), l.Action.String(), rows.Operation(l.Operation), rows.Address(l.Address))
}

// identityOf is the caller as the gateway tells an application.
func identityOf(l *policytest.Listing) identity.Identity {
	c := l.Caller
	who := identity.Identity{Kind: identity.User, Subject: c.ID, Tenant: c.Tenant, Roles: c.Roles, Scopes: c.Scopes, Claims: map[string]string{}}
	if c.Service {
		who.Kind = identity.Client
	}
	for _, name := range l.Policy.Claims() {
		if c.Claim == nil {
			break
		}
		if text, ok := c.Claim(name); ok {
			who.Claims[name] = text
		}
	}
	return who
}

// List implements [rows.Relations] by the relations that were given.
func (a *asker) List(ctx context.Context, _ identity.Identity, names []string, _ string, most int) ([][]string, error) {
	var out [][]string
	for _, name := range names {
		ids, err := a.listing.Related(ctx, name, most)
		if errors.Is(err, relations.ErrTooMany) {
			return nil, fmt.Errorf("%w (%s)", rows.ErrTooMany, name)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, ids)
	}
	return out, nil
}
