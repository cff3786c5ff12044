package policytest

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/relations"
)

// Listing is one question for a list: who asks for which objects, and when.
type Listing struct {
	Policy    *policy.Policy
	Object    string
	Action    policy.Action // [policy.List], or another that a predicate is wanted for
	Caller    policy.Caller
	At        time.Time
	Address   netip.Addr
	Operation string
	Rows      []Row // that the table holds
	// Related returns the ids of the rows to which the caller has a relation. The error
	// wraps [relations.ErrTooMany] where they are more than most.
	Related func(ctx context.Context, relation string, most int) ([]string, error)
}

// Row is one object in a table. Several may have one id.
type Row struct {
	ID    string
	Given *policy.Given
	// Like says what the row was made up from, "" for what was given.
	Like string
}

// Selection is what came of a listing in SQL.
type Selection struct {
	Rows      []int    // that were selected, in order, as places in the listing
	Left      []int    // made-up rows that the table's columns could not hold, in order
	Predicate string   // by which they were selected
	Args      []string // of its placeholders, as they are written in Go
}

// Filter selects the rows of a listing by SQL: what applications filter by (sdk/rows),
// on a database that holds the rows. Whoever runs tests brings it, since no room of
// internal imports what an application does. The error is an [*Unfiltered] where the
// predicate was not run and nothing is wrong with that. It is used by one goroutine.
type Filter func(ctx context.Context, l *Listing) (Selection, error)

// Unfiltered says why a list was not put through SQL.
type Unfiltered struct{ Why string }

// Error returns why.
func (u *Unfiltered) Error() string { return u.Why }

// Listing returns the question for the objects that a caller may do an action on. The
// rows are the objects that are given, and beside them what must not be mistaken for
// them: the same in another's name, in another tenant, with another value or with none
// in whatever the policies read.
func (w *World) Listing(q Question) (*Listing, error) {
	c, ok := w.callers[q.Who]
	if !ok {
		return nil, fmt.Errorf("there is no user %s; write: %s", q.Who, nearest(q.Who, w.names()))
	}
	if !slices.Contains(w.policy.Objects(), q.Object) {
		return nil, fmt.Errorf("there is no object %q; write: %s", q.Object, nearest(q.Object, w.policy.Objects()))
	}
	l := w.listing(c, q)
	for _, id := range w.order[q.Object] {
		l.Rows = append(l.Rows, Row{ID: id, Given: w.objects[q.Object][id]})
	}
	w.madeUp(l)
	return l, nil
}

// listing is a question without rows.
func (w *World) listing(c policy.Caller, q Question) *Listing {
	l := &Listing{Policy: w.policy, Object: q.Object, Action: q.Action, Caller: c, At: w.at, Address: w.from, Operation: w.policy.OperationOf(q.Object, q.Action)}
	l.Related = func(ctx context.Context, relation string, most int) ([]string, error) {
		if w.engine == nil {
			return nil, nil
		}
		all, err := w.engine.List(ctx, relations.Revision{}, subjectOf(c), relation, w.policy.Kind(q.Object), most)
		if err != nil {
			return nil, err
		}
		var ids []string
		for _, row := range l.Rows {
			if slices.Contains(all.IDs, relations.EscapeID(row.ID)) && !slices.Contains(ids, row.ID) {
				ids = append(ids, row.ID)
			}
		}
		return ids, nil
	}
	return l
}
