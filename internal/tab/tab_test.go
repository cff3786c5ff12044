package tab

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// pages is a server that asks for a name and a password, then for consent, and
// sends the browser away.
func pages(t *testing.T) *httptest.Server {
	t.Helper()
	m := http.NewServeMux()
	m.HandleFunc("GET /authorize", func(w http.ResponseWriter, _ *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "pending", Value: "1", Path: "/"})
		fmt.Fprint(w, `<form method="post" action="/login?a=1&amp;b=2"><input type="hidden" name="csrf" value="a&amp;b"><input name="name"><input name="password"></form>`)
	})
	m.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("pending")
		right := err == nil && c.Value == "1" && r.FormValue("b") == "2" && r.FormValue("csrf") == "a&b" && strings.HasPrefix(r.Header.Get("Origin"), "http://127.0.0.1:")
		switch {
		case !right:
			http.Error(w, "no", http.StatusForbidden)
		case r.FormValue("password") != "right":
			fmt.Fprint(w, `<form method="post" action="/login?b=2"><input type="hidden" name="csrf" value="a&amp;b"><input name="password"></form>`)
		default:
			http.Redirect(w, r, "/consent", http.StatusSeeOther)
		}
	})
	m.HandleFunc("GET /consent", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `<form method="post" action="/consent"><button name="decision" value="allow"></button></form><form method="post" action="/other"></form>`)
	})
	m.HandleFunc("POST /consent", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://app.example.com/callback?code="+r.FormValue("decision"), http.StatusSeeOther)
	})
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	return s
}

func TestATabSignsInAndAllows(t *testing.T) {
	s := pages(t)
	b, err := New(s.Client(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	away, err := b.Authorize(t.Context(), s.URL+"/authorize", "alice", "right")
	if err != nil || away.String() != "https://app.example.com/callback?code=allow" {
		t.Fatal(away, err)
	}
}

func TestATabThatIsNotLetInSaysSo(t *testing.T) {
	s := pages(t)
	b, err := New(s.Client(), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if away, err := b.Authorize(t.Context(), s.URL+"/authorize", "alice", "wrong"); err == nil || !strings.Contains(err.Error(), "does not let alice go on") {
		t.Fatal(away, err)
	}
	if _, err := b.Open(t.Context(), s.URL+"/nowhere"); err != nil || b.Status != 404 {
		t.Fatal(b.Status, err)
	}
	if _, err := b.Send(t.Context(), url.Values{}); err == nil {
		t.Fatal("a page without a form was sent")
	}
}
