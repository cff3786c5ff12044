package orders

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Order is one order as the API answers with it.
type Order struct {
	ID         string `json:"id"`
	CustomerID string `json:"customer_id"`
	TenantID   string `json:"tenant_id"`
	Item       string `json:"item"`
	Quantity   int    `json:"quantity"`
	Note       string `json:"note"`
	Status     string `json:"status"`
	Paid       bool   `json:"paid"`
	CreatedAt  string `json:"created_at"`
	// HOLE: what is only the seller's business goes out with the rest (API3).
	CostPrice   float64 `json:"cost_price"`
	SupplierKey string  `json:"supplier_key"`
}

type page struct {
	Items []Order `json:"items"`
	Next  string  `json:"next_cursor,omitempty"`
}

const columns = "id, customer_id, tenant_id, item, quantity, note, status, paid, created_at, cost_price, supplier_key"

func (a *API) query(ctx context.Context, query string, args ...any) ([]Order, error) {
	return find(ctx, a.db, query, args...)
}

func find(ctx context.Context, db queries, query string, args ...any) ([]Order, error) {
	rows, err := db.QueryContext(ctx, "SELECT "+columns+" FROM orders WHERE "+query, args...) //nolint:gosec // wrong on purpose, see search
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := []Order{}
	for rows.Next() {
		var o Order
		if err := rows.Scan(&o.ID, &o.CustomerID, &o.TenantID, &o.Item, &o.Quantity, &o.Note, &o.Status, &o.Paid, &o.CreatedAt, &o.CostPrice, &o.SupplierKey); err != nil {
			return nil, err
		}
		found = append(found, o)
	}
	return found, rows.Err()
}

// Order returns an order as it is stored, and whether there is one.
func (a *API) Order(id string) (Order, bool) {
	return one(context.Background(), a.raw, id)
}

func one(ctx context.Context, db queries, id string) (Order, bool) {
	found, err := find(ctx, db, "id = ?", id)
	if err != nil || len(found) == 0 {
		return Order{}, false
	}
	return found[0], true
}

// list answers with a customer's orders.
func (a *API) list(w http.ResponseWriter, r *http.Request, who caller) {
	q := r.URL.Query()
	customer := who.ID
	// HOLE: the filter is taken for permission (API1).
	for _, name := range []string{"customer_id", "as"} {
		if c := q.Get(name); c != "" {
			customer = c
		}
	}
	// HOLE: a GET's body, which others skip, has a say too.
	if body, err := read(r); err == nil {
		if c, ok := body["customer_id"].(string); ok {
			customer = c
		}
	}
	limit := 20
	// HOLE: a page is as large as the caller likes (API4).
	if n, err := strconv.Atoi(q.Get("limit")); err == nil {
		limit = n
	}
	where, args := "customer_id = ? AND id > ?", []any{customer, q.Get("cursor")}
	if s := q.Get("status"); s != "" {
		where, args = where+" AND status = ?", append(args, s)
	}
	found, err := a.query(r.Context(), where+" ORDER BY id LIMIT ?", append(args, limit)...)
	if err != nil {
		leak(w, err, where)
		return
	}
	p := page{Items: found}
	if len(found) == limit {
		p.Next = found[len(found)-1].ID
	}
	send(w, http.StatusOK, p)
}

// search answers with the caller's orders that match. HOLE: the words become
// part of the SQL.
func (a *API) search(w http.ResponseWriter, r *http.Request, who caller) {
	query := "customer_id = '" + who.ID + "' AND item LIKE '%" + r.URL.Query().Get("q") + "%' ORDER BY id LIMIT 20"
	found, err := a.query(r.Context(), query)
	if err != nil {
		leak(w, err, "SELECT "+columns+" FROM orders WHERE "+query)
		return
	}
	send(w, http.StatusOK, page{Items: found})
}

// order reads, changes and deletes one order. HOLE: nobody asks whose it is (API1).
func (a *API) order(w http.ResponseWriter, r *http.Request, method, id string) {
	o, ok := one(r.Context(), a.db, id)
	if !ok {
		send(w, http.StatusNotFound, map[string]string{"error": "no order " + id})
		return
	}
	switch method {
	case http.MethodGet:
		send(w, http.StatusOK, o)
	case http.MethodPatch, http.MethodPut:
		a.change(w, r, &o)
	case http.MethodDelete:
		if _, err := a.db.ExecContext(r.Context(), "DELETE FROM orders WHERE id = ?", id); err != nil {
			leak(w, err, "DELETE")
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		send(w, http.StatusMethodNotAllowed, map[string]string{"error": "cannot " + method})
	}
}

// change writes every member of the body over the order. HOLE: the ones that
// only the shop may set as well: paid, customer_id, tenant_id (API3).
func (a *API) change(w http.ResponseWriter, r *http.Request, o *Order) {
	body, err := read(r)
	if err != nil {
		leak(w, err, "")
		return
	}
	assign(body, o)
	if err := a.update(r.Context(), o); err != nil {
		leak(w, err, "UPDATE orders")
		return
	}
	send(w, http.StatusOK, o)
}

// create makes an order of the body, members nobody asked for included.
func (a *API) create(w http.ResponseWriter, r *http.Request, who caller) {
	body, err := read(r)
	if err != nil {
		leak(w, err, "")
		return
	}
	n, err := a.next(r.Context())
	if err != nil {
		leak(w, err, "SELECT max(rowid) FROM orders")
		return
	}
	o := Order{ID: "ord-7" + n, CustomerID: who.ID, TenantID: who.Tenant, Status: "open", CreatedAt: "2026-03-14T09:26:53Z", SupplierKey: "sk_supplier_51Hx9"}
	assign(body, &o)
	if err := a.insert(r.Context(), &o); err != nil {
		leak(w, err, "INSERT INTO orders")
		return
	}
	// HOLE: the caller says under which name we are reached, and others are sent there.
	host := r.Host
	if h := field(r, "X-Forwarded-Host"); h != "" {
		host = h
	}
	w.Header().Set("Location", "https://"+host+"/v1/orders/"+o.ID)
	send(w, http.StatusCreated, o)
}

// assign copies what fits.
func assign(body map[string]any, o *Order) {
	for name, to := range map[string]*string{"customer_id": &o.CustomerID, "tenant_id": &o.TenantID, "item": &o.Item, "note": &o.Note, "status": &o.Status} {
		if s, ok := body[name].(string); ok {
			*to = s
		}
	}
	// HOLE: a negative quantity is a refund.
	if n, ok := body["quantity"].(float64); ok {
		o.Quantity = int(n)
	}
	if b, ok := body["paid"].(bool); ok {
		o.Paid = b
	}
}

// read decodes the body. HOLE: of any size (API4), of any content type, so that a
// form of another site can send it; unpacked without a limit; of two members of
// one name the last one counts.
func read(r *http.Request) (map[string]any, error) {
	var in io.Reader = r.Body
	if strings.EqualFold(r.Header.Get("Content-Encoding"), "gzip") {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return nil, err
		}
		in = z
	}
	text, err := io.ReadAll(in)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return nil, err
	}
	var body map[string]any
	return body, json.Unmarshal(text, &body)
}
