package rows

import (
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/sdk/rows/internal/guard"
)

// Option is what [Wrap] and [NewGuard] are told. Tables are options.
type Option interface{ apply(*settings) }

// settings is what the options come to.
type settings struct {
	wanted guard.Wanted
	plans  bool
}

// GuardedTable is a table whose rows are somebody's; [Table] makes one.
type GuardedTable struct{ wanted guard.WantedTable }

func (t GuardedTable) apply(s *settings) { s.wanted.Tables = append(s.wanted.Tables, t.wanted) }

// Table names a table whose rows are somebody's, and the columns that say whose:
//
//	rows.Table("orders", rows.Tenant("tenant_id"))
//
// Every column that is named is compared: with [Tenant] and [Owner] a caller sees
// only own rows, inside the own tenant. The name may have a schema in front
// ("sales.orders"); without one it is public in PostgreSQL, and it is main in SQLite.
// Names are as the database keeps them, in lower case where nobody quoted them.
func Table(name string, by ...Whose) GuardedTable {
	t := guard.WantedTable{Name: name}
	if schema, rest, ok := strings.Cut(name, "."); ok {
		t.Schema, t.Name = schema, rest
	}
	for _, w := range by {
		if w.owner {
			t.Owner, t.OwnerType = w.column, w.typ
		} else {
			t.Tenant, t.TenantType = w.column, w.typ
		}
	}
	return GuardedTable{t}
}

// Whose is a column that says whose a row is.
type Whose struct {
	column string
	typ    guard.Type
	owner  bool
}

// whose reads "name" or "name type", as tables of policies have them.
func whose(column string, owner bool) Whose {
	name, typ, _ := strings.Cut(column, " ")
	switch typ {
	case "":
		return Whose{name, guard.Text, owner}
	case "integer":
		return Whose{name, guard.Integer, owner}
	case "uuid":
		return Whose{name, guard.UUID, owner}
	case "text":
		return Whose{name, guard.Text, owner}
	}
	return Whose{column, guard.Text, owner} // no column is called that, and the database says so
}

// Tenant names the column that equals the tenant of those who may touch the row. Behind
// the name may stand its type, text, integer or uuid, which [RowSecurity.Migration]
// needs where it is not text; the guard asks the database.
func Tenant(column string) Whose { return whose(column, false) }

// Owner names the column that equals the id of the one user who may touch the row. An
// OAuth client that acts for itself has no rows there, though its id be the same.
func Owner(column string) Whose { return whose(column, true) }

type option func(*settings)

func (o option) apply(s *settings) { o(s) }

// Reviewed names views, functions and triggers that touch guarded tables, and may be
// used all the same: somebody has looked at what they do with whose rows.
func Reviewed(names ...string) Option {
	return option(func(s *settings) { s.wanted.Reviewed = append(s.wanted.Reviewed, names...) })
}

// CheckPlans sets whether PostgreSQL is asked (EXPLAIN) how it would run each text that
// is seen for the first time, so that a guarded table which it would read without the
// condition is found. Without this option that is done in tests (testing.Testing) and
// not otherwise: it costs a round trip for each new text, and its verdict depends on
// statistics and indexes, which must not decide whether production answers. Set it in
// development: rows.CheckPlans(environment == "development").
func CheckPlans(on bool) Option { return option(func(s *settings) { s.plans = on }) }

func settle(options []Option) settings {
	s := settings{plans: testing.Testing()}
	for _, o := range options {
		o.apply(&s)
	}
	return s
}
