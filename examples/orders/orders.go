// Package orders is a sample API that is wrong on purpose: `gatehouse demo` puts
// it behind the gateway, and the tour attacks it with and without. It is a real
// server with real data in SQLite, and it makes the mistakes of the OWASP API
// Security Top 10 the way real APIs make them. Every one is marked HOLE.
//
// Never serve it on anything but loopback.
package orders

import (
	"database/sql"
	_ "embed" // the description
	"encoding/json"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	_ "modernc.org/sqlite" // the driver
)

//go:embed orders.openapi.yaml
var description string

// Description returns the API's OpenAPI document: what it says it does.
func Description() string { return description }

// API is the sample API. It implements [http.Handler].
type API struct {
	raw  *sql.DB // for what no request does: the sample data, and looking at what became of it
	db   queries
	kept bool // db knows whose rows are whose
	mu   sync.Mutex
	seen []Seen
}

// Seen is one request that reached the API.
type Seen struct{ Method, Target string }

// Open returns the API with its sample data in memory.
func Open() (*API, error) {
	db, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		return nil, fmt.Errorf("orders: opening the database: %w", err)
	}
	db.SetMaxOpenConns(1) // each connection would have a memory of its own
	a := &API{raw: db, db: db}
	if err := a.Reset(); err != nil {
		_ = db.Close()
		return nil, err
	}
	return a, nil
}

// Close frees the data.
func (a *API) Close() error { return a.raw.Close() }

// Seen returns the requests that have reached the API since the last [API.Reset],
// in order. At most 1,000 are remembered.
func (a *API) Seen() []Seen {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.seen)
}

func (a *API) note(r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.seen) < 1000 {
		a.seen = append(a.seen, Seen{r.Method, r.RequestURI})
	}
}

// ServeHTTP answers a request, as badly as the package says.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.note(r)
	// HOLE: the server tells its make and version to whoever looks for known faults.
	w.Header().Set("Server", "orders/0.9.1 (Go; SQLite 3.50)")
	w.Header().Set("X-Powered-By", "orders-legacy")
	defer func() {
		if e := recover(); e != nil {
			leak(w, fmt.Errorf("panic: %v", e), "")
		}
	}()
	// HOLE: every web site may ask in the name of a signed-in user (API8).
	if origin := r.Header.Get("Origin"); origin != "" {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
		w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, TRACE")
		w.Header().Set("Access-Control-Allow-Headers", "*")
	}
	method := r.Method
	// HOLE: a field makes another request of this one, behind the back of whatever
	// has looked at the method.
	if m := field(r, "X-HTTP-Method-Override"); m != "" {
		method = strings.ToUpper(m)
	}
	switch method {
	case http.MethodOptions:
		w.WriteHeader(http.StatusNoContent)
		return
	case http.MethodTrace:
		echo(w, r)
		return
	case http.MethodHead:
		method = http.MethodGet
	}
	a.route(w, r, method, strings.Split(strings.Trim(clean(r.RequestURI), "/"), "/"))
}

// route finds the operation by the segments of the cleaned path.
func (a *API) route(w http.ResponseWriter, r *http.Request, method string, path []string) {
	at := func(template string) bool {
		return slices.EqualFunc(strings.Split(template, "/"), path, func(t, p string) bool { return t == "*" || t == p })
	}
	who := callerOf(r)
	switch {
	case at("v1/status"):
		a.status(w, r)
	case at("v1/login"):
		a.login(w, r)
	case at("v1/me"):
		a.me(w, r, method, who)
	case at("v1/orders") && method == http.MethodPost:
		a.create(w, r, who)
	case at("v1/orders"):
		a.list(w, r, who)
	case at("v1/search"):
		a.search(w, r, who)
	case at("v1/orders/*"):
		a.order(w, r, method, path[2])
	case at("v1/admin/users"), at("v1/admin/users/*"):
		a.users(w, r, method, path)
	// HOLE: what nobody has written down nobody has looked at (API9).
	case at("v1/internal/export"):
		a.export(w, r)
	case at("debug/vars"):
		a.vars(w)
	case at("v0/orders"):
		a.everyone(w, r)
	default:
		send(w, http.StatusNotFound, map[string]string{"error": "no such path: " + r.RequestURI})
	}
}

// echo answers TRACE. HOLE: a script reads its own request with the token in it.
func echo(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "message/http")
	fmt.Fprintf(w, "%s %s %s\r\n", r.Method, r.RequestURI, r.Proto)
	_ = r.Header.Write(w)
}

func send[T any](w http.ResponseWriter, status int, body T) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// leak answers with everything that went wrong. HOLE: the stack, the query and
// the files' names are a map for the attacker (API8).
func leak(w http.ResponseWriter, err error, query string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(http.StatusInternalServerError)
	fmt.Fprintf(w, "%v\nwhile executing: %s\n\n%s", err, query, debug.Stack())
}
