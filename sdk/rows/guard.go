package rows

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse/sdk/identity"
	"github.com/gatehouse-api/gatehouse/sdk/rows/internal/guard"
)

var (
	// ErrNoTenant says that the caller belongs to no tenant, so that no row of a table
	// with tenants is the caller's.
	ErrNoTenant = errors.New("rows: the caller has no tenant")
	// ErrNoOwner says that the caller is no user, so that no row of a table with owners
	// is the caller's.
	ErrNoOwner = errors.New("rows: the caller is no user, and owns nothing")
	// ErrOtherCaller says that a statement of a transaction comes from another caller
	// than the one who began it.
	ErrOtherCaller = errors.New("rows: the transaction was begun for another caller: use one context for all of it")
	// ErrUnsafeConnection says that the connection reads texts in another way than they
	// were judged in.
	ErrUnsafeConnection = errors.New("rows: the connection must have standard_conforming_strings = on and client_encoding = UTF8: set them where it is opened")
)

// Refused is that a statement will not be run; it says where, why, and what to write
// instead. Errors are a *Refused.
type Refused = guard.Refused

// Ask runs a query of the guard's own and returns its rows as text; NULL is "".
type Ask = guard.Ask

// forget is after how long the database is asked again for views, partitions and
// functions that reach into guarded tables.
const forget = time.Minute

// Guard judges the texts of one database. [Wrap] and pgxrows.Wrap have one; it is
// exported for adapters of other libraries. It is safe for concurrent use.
type Guard struct {
	settings settings
	dialect  guard.Dialect
	now      func() time.Time

	mu    sync.Mutex // held while the database is asked
	asked time.Time
	known *guard.Cache
	guard *guard.Guard
}

// NewGuard asks a database what it is, and what reaches into the tables that the
// options name. It fails when a table is not there, when a column cannot be compared
// exactly, and for databases other than PostgreSQL and SQLite.
func NewGuard(ctx context.Context, ask Ask, options ...Option) (*Guard, error) {
	g := &Guard{settings: settle(options), now: time.Now}
	var err error
	if g.dialect, err = guard.DialectOf(ctx, ask); err != nil {
		return nil, err
	}
	return g, g.Refresh(ctx, ask)
}

// Refresh asks the database again when that was last done a minute ago, so that new
// partitions, views and functions are known. Adapters call it before they use a
// connection.
func (g *Guard) Refresh(ctx context.Context, ask Ask) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.now()
	if g.known != nil && now.Sub(g.asked) < forget {
		return nil
	}
	facts, err := guard.Discover(ctx, g.dialect, ask, g.settings.wanted)
	if err != nil {
		return err
	}
	g.asked = now
	if g.known != nil && g.guard.Same(facts) {
		return nil // what was rewritten stays right
	}
	g.guard = guard.New(g.dialect, facts)
	g.known = guard.NewCache(g.guard)
	return nil
}

// cache returns the texts that were judged by what is known now.
func (g *Guard) cache() (*guard.Cache, *guard.Guard) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.known, g.guard
}

// Caller is whom a connection works for. It is comparable.
type Caller struct {
	Tenant string // or ""
	User   string // or "", also for a client that acts for itself
	System bool   // of [AsSystem]
	known  bool   // an identity is there
}

// Caller returns whom the context's queries are for; nobody is no error here. The
// error is [ErrNoReason].
func (g *Guard) Caller(ctx context.Context) (Caller, error) {
	who, system, err := caller(ctx)
	switch {
	case errors.Is(err, ErrNoIdentity):
		return Caller{}, nil
	case err != nil:
		return Caller{}, err
	case system:
		return Caller{System: true}, nil
	}
	c := Caller{Tenant: who.Tenant, User: who.Subject, known: true}
	if who.Kind == identity.Client {
		c.User = ""
	}
	return c, nil
}

// Judged is what may be run.
type Judged struct {
	Text string
	Add  []driver.NamedValue // arguments behind those of the caller
	// System says that the text was not judged: run it as it is.
	System bool

	statement *guard.Statement
	guard     *guard.Guard
	cache     *guard.Cache
}

// Judge returns what to run instead of a text that comes with so many arguments. The
// error is a *[Refused], or one of this package's.
func (g *Guard) Judge(c Caller, text string, arguments int) (Judged, error) {
	if c.System {
		return Judged{Text: text, System: true}, nil
	}
	cache, by := g.cache()
	s, err := cache.Rewrite(text)
	if err != nil {
		return Judged{}, err
	}
	if s.Params >= 0 && s.Params != arguments {
		return Judged{}, fmt.Errorf("rows: the text has %d placeholders, and there are %d arguments", s.Params, arguments)
	}
	j := Judged{Text: s.Text, statement: s, guard: by, cache: cache}
	for i, slot := range s.Slots {
		v, err := c.value(slot)
		if err != nil {
			return Judged{}, err
		}
		j.Add = append(j.Add, driver.NamedValue{Name: slot.Name, Ordinal: arguments + 1 + i, Value: v})
	}
	return j, nil
}

// Look has PostgreSQL explain a text that is seen for the first time, where
// [CheckPlans] says so, and refuses what reads a guarded table without the condition.
func (g *Guard) Look(j Judged, explain func(text string) (plan string, err error)) error {
	if !g.settings.plans || j.System || g.dialect != guard.PostgreSQL || len(j.statement.Tables) == 0 || j.cache.Checked(j.statement) {
		return nil
	}
	plan, err := explain("EXPLAIN (VERBOSE, FORMAT JSON) " + j.Text)
	if err != nil {
		return err
	}
	var values []string
	for _, a := range j.Add {
		values = append(values, fmt.Sprint(a.Value))
	}
	if err := j.guard.CheckPlan(plan, values); err != nil {
		return err
	}
	j.cache.Check(j.statement)
	return nil
}

// value returns what a row of the caller's has in a column.
func (c Caller) value(s guard.Slot) (driver.Value, error) {
	id, none := c.Tenant, ErrNoTenant
	if s.Owner {
		id, none = c.User, ErrNoOwner
	}
	switch {
	case !c.known:
		return nil, ErrNoIdentity
	case id == "":
		return nil, none
	case !utf8.ValidString(id) || strings.IndexByte(id, 0) >= 0:
		return nil, fmt.Errorf("%w: the id is not UTF-8, or holds a zero byte", none)
	}
	switch s.Type {
	case guard.Integer:
		n, err := strconv.ParseInt(id, 10, 64)
		if err != nil || strconv.FormatInt(n, 10) != id { // "07" is another tenant than "7"
			return nil, fmt.Errorf("%w: the id is no integer in its shortest form, as the column has them", none)
		}
		return n, nil
	case guard.UUID:
		if !canonicalUUID(id) {
			return nil, fmt.Errorf("%w: the id is no UUID in lower case with hyphens, as the column has them", none)
		}
	}
	return id, nil
}

// canonicalUUID reports whether an id is a UUID in the one form of RFC 9562 section 4
// that PostgreSQL prints.
func canonicalUUID(id string) bool {
	for i := range len(id) {
		if hyphen := i == 8 || i == 13 || i == 18 || i == 23; hyphen != (id[i] == '-') || !hyphen && strings.IndexByte("0123456789abcdef", id[i]) < 0 {
			return false
		}
	}
	return len(id) == 36
}
