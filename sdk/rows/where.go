package rows

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/sdk/identity"
	"github.com/gatehouse-api/gatehouse/sdk/rows/internal/guard"
)

// MaxRelated is the most objects that a caller may be related to by one relation for a
// predicate to list them.
const MaxRelated = 1000

var (
	// ErrNotSQL says that a policy cannot be said as a predicate, or cannot be evaluated
	// for this caller. No rows are filtered more loosely instead.
	ErrNotSQL = errors.New("rows: the policies cannot be said in SQL")
	// ErrNoTable says that the bundle does not say in which table the objects are kept.
	ErrNoTable = errors.New("rows: nobody has said where these objects are kept")
	// ErrTooMany says that the caller is related to more than [MaxRelated] objects.
	ErrTooMany = errors.New("rows: the caller is related to more objects than a predicate lists; select by something else and ask for each row, or keep the relation in a column")
)

// A WhereOption is a choice for [Policy.Where].
type WhereOption func(*question)

// question is what is asked of one call of Where.
type question struct {
	from      int
	alias     string
	operation string
	address   netip.Addr
}

// From says which number the first placeholder has: 3 where the statement has $1 and
// $2 before the predicate. It is 1 when left out, and of no meaning where
// placeholders are not numbered.
func From(n int) WhereOption { return func(q *question) { q.from = n } }

// As says what the table is called in the statement, where that is not its own name:
// the "o" of `FROM orders AS o`. Columns in a predicate always have a table's name
// before them.
func As(alias string) WhereOption { return func(q *question) { q.alias = alias } }

// Operation says which operation of the API this is for, where several do the action
// and a policy asks (context.operation).
func Operation(id string) WhereOption { return func(q *question) { q.operation = id } }

// Address says from where the caller asks, for policies that read it (context.ip).
func Address(a netip.Addr) WhereOption { return func(q *question) { q.address = a } }

// Where returns which rows the caller of ctx may do the action on ("list", "read",
// "update", "delete"), as a predicate to stand behind WHERE, in parentheses, and the
// arguments of its placeholders:
//
//	predicate, args, err := policy.Where(ctx, "order", "list", rows.From(2))
//	db.QueryContext(ctx, "SELECT id, total FROM orders WHERE status = $1 AND "+predicate, append([]any{"open"}, args...)...)
//
// It is exactly what the policies allow, or an error: without a caller [ErrNoIdentity];
// what the policies ask for and SQL cannot, [ErrNotSQL], with the policy's name and
// place. Under [AsSystem] it is TRUE. No value of any kind stands in the text, so that
// the texts are few and can be prepared. (The arguments are of type any because that
// is what database/sql takes: each is a string, an int64 or a bool.)
func (p *Policy) Where(ctx context.Context, object, action string, options ...WhereOption) (predicate string, args []any, err error) {
	o, a, err := p.find(object, action)
	if err != nil {
		return "", nil, err
	}
	who, system, err := caller(ctx)
	if err != nil {
		return "", nil, err
	}
	if system {
		return "(TRUE)", nil, nil
	}
	_, name := split(o.table.name)
	q := question{from: 1, alias: name, operation: a.operation}
	for _, option := range options {
		option(&q)
	}
	if q.from < 1 {
		return "", nil, fmt.Errorf("rows: the first placeholder has number 1, not %d", q.from)
	}
	residual, err := p.residual(o, a, who, &q)
	if err != nil {
		return "", nil, notSQL(object, action, err)
	}
	w := writer{table: o.table, dialect: p.dialect, qualifier: guard.Ident(q.alias) + ".", next: q.from, text: make([]byte, 0, 128)}
	if w.related, err = p.related(ctx, o.table, who, residual); err != nil {
		return "", nil, err
	}
	w.put("(")
	if err := w.residual(residual); err != nil {
		return "", nil, notSQL(object, action, err)
	}
	w.put(")")
	return string(w.text), w.args, nil
}

func notSQL(object, action string, err error) error {
	return fmt.Errorf("%w: %s %s: %w", ErrNotSQL, action, object, err)
}

// residual evaluates the policies as far as that goes without a row.
func (p *Policy) residual(o *object, a *asked, who identity.Identity, q *question) (cedar.Residual, error) {
	principal, err := bundle.Principal(p.bundle.Set(), bundle.Caller{
		Service: who.Kind == identity.Client, ID: who.Subject, Tenant: who.Tenant, Roles: who.Roles, Scopes: who.Scopes, Claim: who.Claim,
	})
	if err != nil {
		return cedar.Residual{}, err
	}
	var open cedar.RecordMap // what they are is left open
	if len(o.related) > 0 && a.scene.Needs("rel") {
		rel := cedar.RecordMap{}
		for _, r := range o.related {
			rel[cedar.String(r)] = cedar.Boolean(false)
		}
		open = cedar.RecordMap{"rel": cedar.NewRecord(rel)}
	}
	context := a.scene.Context(bundle.Moment{At: p.now(), Address: q.address, Operation: q.operation}, open)
	request := cedar.Request{Principal: principal.UID, Action: a.action, Context: context.Record}
	return a.rules.Residual(request, cedar.EntityMap{principal.UID: principal})
}

// related asks for every relation that is left in a residual, at once.
func (p *Policy) related(ctx context.Context, t *table, who identity.Identity, r cedar.Residual) (map[string][]string, error) {
	var names []string
	for _, term := range slices.Concat(r.Permits, r.Forbids) {
		names = relationsIn(term.When, names)
	}
	if len(names) == 0 || p.relations == nil {
		return nil, nil
	}
	lists, err := p.relations.List(ctx, who, names, t.object, MaxRelated)
	if err != nil {
		return nil, fmt.Errorf("rows: asking for the relations %v: %w", names, err)
	}
	if len(lists) != len(names) {
		return nil, fmt.Errorf("rows: asking for the relations %v: %d lists were returned", names, len(lists))
	}
	out := make(map[string][]string, len(names))
	for i, ids := range lists {
		if len(ids) > MaxRelated {
			return nil, fmt.Errorf("%w (%s: %d)", ErrTooMany, names[i], len(ids))
		}
		out[names[i]] = ids
	}
	return out, nil
}

// relationsIn appends the relations of a condition that are not there yet.
func relationsIn(x cedar.Expr, names []string) []string {
	switch x := x.(type) {
	case cedar.And:
		for _, y := range x {
			names = relationsIn(y, names)
		}
	case cedar.Or:
		for _, y := range x {
			names = relationsIn(y, names)
		}
	case cedar.Not:
		return relationsIn(x.X, names)
	case cedar.Relation:
		if !slices.Contains(names, x.Name) {
			names = append(names, x.Name)
		}
	}
	return names
}
