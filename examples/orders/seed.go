package orders

import (
	"context"
	"fmt"
)

const schema = `
DROP TABLE IF EXISTS users;
DROP TABLE IF EXISTS orders;
CREATE TABLE users (id TEXT PRIMARY KEY, tenant_id TEXT, email TEXT, name TEXT, role TEXT, password TEXT, password_hash TEXT);
CREATE TABLE orders (id TEXT PRIMARY KEY, customer_id TEXT, tenant_id TEXT, item TEXT, quantity INTEGER, note TEXT,
	status TEXT, paid INTEGER, created_at TEXT, cost_price REAL, supplier_key TEXT);
`

// AlicesPassword is the 25th of [CommonPasswords]: guessing finds it when
// nobody counts.
const AlicesPassword = "sunshine"

// CommonPasswords returns the beginning of every attacker's list.
func CommonPasswords() []string {
	return []string{
		"123456", "password", "12345678", "qwerty", "123456789", "12345", "1234", "111111", "1234567", "dragon", "123123", "baseball",
		"abc123", "football", "monkey", "letmein", "696969", "shadow", "master", "666666", "qwertyuiop", "123321", "mustang", "1234567890",
		AlicesPassword, "michael", "654321", "superman", "1qaz2wsx", "7777777",
	}
}

// AlicesOrders is how many orders Alice has: more than fit on one page.
const AlicesOrders = 130

// Reset puts the sample data back and forgets what was seen.
func (a *API) Reset() error {
	ctx := context.Background()
	a.mu.Lock()
	a.seen = nil
	a.mu.Unlock()
	tx, err := a.raw.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("orders: seeding: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, schema); err != nil {
		return fmt.Errorf("orders: seeding: %w", err)
	}
	for _, u := range [][]any{
		{"alice", "acme", "alice@acme.example", "Alice Archer", "customer", AlicesPassword},
		{"bob", "acme", "bob@acme.example", "Bob Baker", "customer", "correct horse battery"},
		{"carol", "acme", "carol@acme.example", "Carol Cook", "customer", "staple-2024-carol"},
		{"dave", "acme", "dave@acme.example", "Dave Dyer", "customer", "no-one-guesses-dave"},
		{"sam", "acme", "sam@acme.example", "Sam Smith", "support", "ask-sam-for-help-77"},
		{"ada", "acme", "ada@acme.example", "Ada Admin", "admin", "analytical-engine-1843"},
		{"mallory", "globex", "mallory@globex.example", "Mallory Miller", "support", "let-me-in-everywhere"},
	} {
		u = append(u, "$argon2id$v=19$m=65536,t=3,p=4$"+u[0].(string)+"$c2VjcmV0IGhhc2g")
		if _, err := tx.ExecContext(ctx, "INSERT INTO users VALUES (?,?,?,?,?,?,?)", u...); err != nil {
			return fmt.Errorf("orders: seeding: %w", err)
		}
	}
	insert := func(id, customer, tenant, item string, quantity int, note string) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO orders VALUES (?,?,?,?,?,?,?,?,?,?,?)", id, customer, tenant, item, quantity, note,
			"open", false, "2026-03-14T09:26:53Z", 3.5*float64(quantity), "sk_supplier_51Hx9")
		if err != nil {
			return fmt.Errorf("orders: seeding: %w", err)
		}
		return nil
	}
	for i := range AlicesOrders {
		if err := insert(fmt.Sprintf("ord-1%03d", i+1), "alice", "acme", []string{"tea", "book", "lamp"}[i%3], i%9+1, ""); err != nil {
			return err
		}
	}
	for _, o := range []struct {
		id, customer, tenant, item string
		quantity                   int
		note                       string
	}{
		{"ord-2001", "bob", "acme", "engagement ring", 1, "do not tell Carol"},
		{"ord-2002", "bob", "acme", "book", 2, "deliver to the back door"},
		{"ord-3001", "carol", "acme", "violin", 1, "geige für Köln"},
		{"ord-3002", "carol", "acme", "strings", 4, ""},
		{"ord-4001", "dave", "acme", "lamp", 2, ""},
		{"ord-5001", "grace", "acme", "gift card", 1, "refund with sk_live_4eC39HqLyjWDarjtT1zdp7dc, thanks"},
		{"ord-9001", "mallory", "globex", "crowbar", 3, "globex only"},
	} {
		if err := insert(o.id, o.customer, o.tenant, o.item, o.quantity, o.note); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("orders: seeding: %w", err)
	}
	return nil
}
