package orders

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"strings"

	"github.com/gatehouse-api/gatehouse/sdk/rows"
)

// queries is what the API needs of a database: [sql.DB] has it, and [rows.DB].
type queries interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// OpenKept returns the API with its sample data in a file, and with every hole that it
// has, but for one thing: its queries go through sdk/rows, which keeps them to the rows
// of whoever asks. Put identity.Verifier.Middleware in front of it.
func OpenKept(ctx context.Context, path string) (*API, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(5000)")
	if err != nil {
		return nil, fmt.Errorf("orders: opening the database: %w", err)
	}
	a := &API{raw: db, kept: true}
	err = a.Reset()
	if err == nil {
		a.db, err = rows.Wrap(ctx, db, rows.Table("orders", rows.Tenant("tenant_id"), rows.Owner("customer_id")), rows.Table("users", rows.Tenant("tenant_id"), rows.Owner("id")))
	}
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("orders: keeping rows apart: %w", err)
	}
	return a, nil
}

// next is how the next order is numbered. Whoever sees own rows only cannot count them
// all.
func (a *API) next(ctx context.Context) (string, error) {
	if a.kept {
		return strings.ToLower(rand.Text()[:10]), nil
	}
	var n int
	err := a.db.QueryRowContext(ctx, "SELECT coalesce(max(rowid), 0) FROM orders").Scan(&n)
	return fmt.Sprintf("%03d", n), err
}

// insert keeps a new order. Whose it is, the guard writes: the query cannot.
func (a *API) insert(ctx context.Context, o *Order) error {
	var err error
	if a.kept {
		_, err = a.db.ExecContext(ctx, "INSERT INTO orders (id, item, quantity, note, status, paid, created_at, cost_price, supplier_key) VALUES (?,?,?,?,?,?,?,?,?)",
			o.ID, o.Item, o.Quantity, o.Note, o.Status, o.Paid, o.CreatedAt, o.CostPrice, o.SupplierKey)
	} else {
		_, err = a.db.ExecContext(ctx, "INSERT INTO orders VALUES (?,?,?,?,?,?,?,?,?,?,?)", o.ID, o.CustomerID, o.TenantID, o.Item, o.Quantity, o.Note, o.Status, o.Paid, o.CreatedAt, o.CostPrice, o.SupplierKey)
	}
	return err
}

// update changes an order, and whose it is where nobody keeps it from that.
func (a *API) update(ctx context.Context, o *Order) error {
	var err error
	if a.kept {
		_, err = a.db.ExecContext(ctx, "UPDATE orders SET item=?, quantity=?, note=?, status=?, paid=? WHERE id=?", o.Item, o.Quantity, o.Note, o.Status, o.Paid, o.ID)
	} else {
		_, err = a.db.ExecContext(ctx, "UPDATE orders SET customer_id=?, tenant_id=?, item=?, quantity=?, note=?, status=?, paid=? WHERE id=?",
			o.CustomerID, o.TenantID, o.Item, o.Quantity, o.Note, o.Status, o.Paid, o.ID)
	}
	return err
}
