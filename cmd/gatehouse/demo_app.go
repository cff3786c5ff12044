package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// mostVisitors bounds whom the demo's page remembers.
const mostVisitors = 100

// shop is the demo's own web site, a client of the gateway's authorization server: a
// person signs in, consents, and sees the API called. It is reached by this machine
// only.
type shop struct {
	client *oauthClient
	host   string // its own, as browsers name it

	mu       sync.Mutex
	visitors map[string]*visitor
}

// visitor is one browser.
type visitor struct {
	login  login
	tokens tokens
}

// calls are what the page can ask of the API.
func calls() map[string]string {
	return map[string]string{"orders": "/v1/orders?limit=3", "bob": "/v1/orders/ord-2001", "users": "/v1/admin/users", "me": "/v1/me"}
}

var shopPage = template.Must(template.New("").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Demo shop</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}pre{background:#f2f2f2;padding:1rem;overflow-x:auto}nav a{margin-right:1rem}.bad{color:#a00}</style></head>
<body><h1>Demo shop</h1>
{{with .Problem}}<p class="bad" role="alert">{{.}}</p>{{end}}
{{if .Claims}}<p>Somebody is signed in. This is in the access token:</p><pre id="claims">{{.Claims}}</pre>
<nav><a href="/call?what=orders">my orders</a><a href="/call?what=me">my account</a><a href="/call?what=bob">an order of Bob's</a><a href="/call?what=users">all users</a><a href="/refresh">refresh the token</a><a href="/sign-out">sign out</a></nav>
{{else}}<p>This page is a client of the gateway's authorization server. The people and their password are printed by <code>gatehouse demo</code>.</p>
<p><a id="sign-in" href="/sign-in">Sign in</a></p>{{end}}
{{with .Answer}}<h2>GET {{$.Path}}: {{$.Status}}</h2><pre id="answer">{{.}}</pre>{{end}}
</body></html>
`))

// shopView is what the page says.
type shopView struct {
	Problem, Claims, Path, Answer string
	Status                        int
}

// ServeHTTP implements [http.Handler].
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Host != s.host || r.Method != http.MethodGet { // nor a name that a DNS server has turned into ours
		http.NotFound(w, r)
		return
	}
	v := s.visitor(w, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		http.Error(w, "the gateway is about to start", http.StatusServiceUnavailable)
		return
	}
	var say shopView
	switch r.URL.Path {
	case "/":
	case "/sign-in":
		l, to := s.client.begin(demoScopes(), nil)
		v.login = l
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	case "/callback":
		s.finish(w, r, v)
		return
	case "/refresh":
		say.Problem = problem(v.renew(r.Context(), s.client))
	case "/call":
		say = s.call(r, v)
	case "/sign-out":
		to := s.client.issuer + "/logout?" + url.Values{"id_token_hint": {v.tokens.ID}, "client_id": {s.client.id}, "post_logout_redirect_uri": {"http://" + s.host + "/"}}.Encode()
		v.tokens = tokens{}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	default:
		http.NotFound(w, r)
		return
	}
	s.show(w, v, say)
}

// open lets visitors in: before, there is no gateway to send them to.
func (s *shop) open(c *oauthClient) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.client = c
}

// visitor finds the browser by its cookie, or gives it one.
func (s *shop) visitor(w http.ResponseWriter, r *http.Request) *visitor {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, err := r.Cookie("demo"); err == nil && s.visitors[c.Value] != nil {
		return s.visitors[c.Value]
	}
	if s.visitors == nil || len(s.visitors) >= mostVisitors {
		s.visitors = map[string]*visitor{}
	}
	id, v := rand.Text(), &visitor{}
	s.visitors[id] = v
	http.SetCookie(w, &http.Cookie{Name: "demo", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return v
}

// finish takes the code that came back, and leaves no trace of it in the address.
func (s *shop) finish(w http.ResponseWriter, r *http.Request, v *visitor) {
	t, err := s.client.redeem(r.Context(), r.URL.Query(), v.login)
	v.login = login{}
	if err != nil {
		s.show(w, v, shopView{Problem: err.Error()})
		return
	}
	v.tokens = t
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (v *visitor) renew(ctx context.Context, c *oauthClient) error {
	t, err := c.refresh(ctx, v.tokens.Refresh)
	if err == nil {
		v.tokens = t
	}
	return err
}

func (s *shop) call(r *http.Request, v *visitor) shopView {
	path := calls()[r.URL.Query().Get("what")]
	answer, err := s.client.get(r.Context(), s.client.issuer+path, v.tokens.Access)
	if err != nil {
		return shopView{Problem: err.Error()}
	}
	return shopView{Path: path, Status: answer.status, Answer: indented([]byte(answer.body))}
}

func (s *shop) show(w http.ResponseWriter, v *visitor, say shopView) {
	if parts := strings.Split(v.tokens.Access, "."); len(parts) == 3 {
		payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
		say.Claims = indented(payload)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	_ = shopPage.Execute(w, say)
}

func indented(text []byte) string {
	var b bytes.Buffer
	if json.Indent(&b, text, "", "  ") != nil {
		return string(text)
	}
	return b.String()
}

func problem(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
