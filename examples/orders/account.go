package orders

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// User is one user as the API answers with it.
type User struct {
	ID       string `json:"id"`
	TenantID string `json:"tenant_id"`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Role     string `json:"role"`
	// HOLE: nobody outside has any business with it (API3).
	PasswordHash string `json:"password_hash"`
}

func people(ctx context.Context, db queries, query string, args ...any) ([]User, error) {
	rows, err := db.QueryContext(ctx, "SELECT id, tenant_id, email, name, role, password_hash FROM users "+query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := []User{}
	for rows.Next() {
		var u User
		if err := rows.Scan(&u.ID, &u.TenantID, &u.Email, &u.Name, &u.Role, &u.PasswordHash); err != nil {
			return nil, err
		}
		found = append(found, u)
	}
	return found, rows.Err()
}

// User returns a user as it is stored, and whether there is one.
func (a *API) User(id string) (User, bool) {
	return person(context.Background(), a.raw, id)
}

func person(ctx context.Context, db queries, id string) (User, bool) {
	found, err := people(ctx, db, "WHERE id = ?", id)
	if err != nil || len(found) == 0 {
		return User{}, false
	}
	return found[0], true
}

// users lists and deletes users. HOLE: nobody asks for the caller's role (API5).
func (a *API) users(w http.ResponseWriter, r *http.Request, method string, path []string) {
	if len(path) == 4 && method == http.MethodDelete {
		if _, err := a.db.ExecContext(r.Context(), "DELETE FROM users WHERE id = ?", path[3]); err != nil {
			leak(w, err, "DELETE FROM users")
			return
		}
		w.WriteHeader(http.StatusNoContent)
		return
	}
	found, err := people(r.Context(), a.db, "ORDER BY id")
	if err != nil {
		leak(w, err, "SELECT")
		return
	}
	send(w, http.StatusOK, map[string][]User{"items": found})
}

// me shows and changes the caller's own account. HOLE: the role is taken from
// the body like the name (API3).
func (a *API) me(w http.ResponseWriter, r *http.Request, method string, who caller) {
	u, ok := person(r.Context(), a.db, who.ID)
	if !ok {
		send(w, http.StatusNotFound, map[string]string{"error": "no user " + who.ID})
		return
	}
	if method == http.MethodPatch {
		body, err := read(r)
		if err != nil {
			leak(w, err, "")
			return
		}
		for name, to := range map[string]*string{"name": &u.Name, "role": &u.Role} {
			if s, ok := body[name].(string); ok {
				*to = s
			}
		}
		if _, err := a.db.ExecContext(r.Context(), "UPDATE users SET name = ?, role = ? WHERE id = ?", u.Name, u.Role, u.ID); err != nil {
			leak(w, err, "UPDATE users")
			return
		}
	}
	send(w, http.StatusOK, u)
}

// login checks a password. HOLE: as often as anyone likes (API2), and the answer
// tells whether there is such an account.
func (a *API) login(w http.ResponseWriter, r *http.Request) {
	body, err := read(r)
	if err != nil {
		leak(w, err, "")
		return
	}
	var id, name, password string
	if a.db.QueryRowContext(r.Context(), "SELECT id, name, password FROM users WHERE email = ?", body["email"]).Scan(&id, &name, &password) != nil {
		send(w, http.StatusUnauthorized, map[string]string{"error": "no such account"})
		return
	}
	if password != body["password"] {
		send(w, http.StatusUnauthorized, map[string]string{"error": "wrong password"})
		return
	}
	send(w, http.StatusOK, map[string]string{"customer_id": id, "name": name})
}

// status says whether the service is up. HOLE: to whoever claims to be in our
// network it says how.
func (a *API) status(w http.ResponseWriter, r *http.Request) {
	s := map[string]string{"status": "up"}
	if strings.HasPrefix(field(r, "X-Forwarded-For"), "10.") {
		s["database"], s["host"], s["version"] = "sqlite://orders@db-01.internal/orders", "orders-7f9c.internal", "0.9.1"
	}
	send(w, http.StatusOK, s)
}

// export is a back door that someone needed once.
func (a *API) export(w http.ResponseWriter, r *http.Request) {
	users, err := people(r.Context(), a.db, "ORDER BY id")
	if err != nil {
		leak(w, err, "SELECT")
		return
	}
	send(w, http.StatusOK, map[string][]User{"users": users})
}

// vars shows the last requests, tokens in URLs included.
func (a *API) vars(w http.ResponseWriter) {
	seen := a.Seen()
	slices.Reverse(seen)
	send(w, http.StatusOK, map[string][]Seen{"last_requests": seen[:min(len(seen), 20)]})
}

// everyone is the first version's list: it was written before there were accounts.
func (a *API) everyone(w http.ResponseWriter, r *http.Request) {
	found, err := a.query(r.Context(), "1=1 ORDER BY id DESC")
	if err != nil {
		leak(w, err, "SELECT")
		return
	}
	send(w, http.StatusOK, page{Items: found})
}
