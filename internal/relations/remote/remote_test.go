package remote

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/internal/secret"
)

const model = `model
  schema 1.1
type user
type workspace
  relations
    define member: [user]
type doc
  relations
    define workspace: [workspace]
    define editor: [user] or member from workspace
`

func engine(t *testing.T) *relations.Engine {
	t.Helper()
	m, err := relations.ParseModel("model.fga", model)
	if err != nil {
		t.Fatal(err)
	}
	x := relations.NewIndex()
	var add []relations.Tuple
	for _, s := range []string{"doc:1#workspace@workspace:3", "doc:2#editor@user:bob", "doc:3#workspace@workspace:3", "workspace:3#member@user:anne"} {
		tuple, err := relations.ParseTuple(s)
		if err != nil {
			t.Fatal(err)
		}
		add = append(add, tuple)
	}
	if err := x.Apply(relations.Change{Revision: 1, Whole: true, Add: add}); err != nil {
		t.Fatal(err)
	}
	e, err := relations.New(m, x, relations.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// openFGA is a server of OpenFGA's documented HTTP API over our own engine, for tests
// that must always run; the real one is asked in interop.
func openFGA(t *testing.T) http.Handler {
	e := engine(t)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Key         tupleKey `json:"tuple_key"`
			User        string
			Relation    string
			Type        string
			Model       string `json:"authorization_model_id"`
			Consistency string
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.Model != "01MODEL" || in.Consistency != "HIGHER_CONSISTENCY" || r.Header.Get("Authorization") != "Bearer s3cret" || r.Method != http.MethodPost {
			http.Error(w, `{"code":"validation_error"}`, http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		switch r.URL.Path {
		case "/stores/01STORE/check":
			s, _ := relations.ParseSubject(in.Key.User)
			o, _ := relations.ParseObject(in.Key.Object)
			a, err := e.Check(r.Context(), relations.Revision{}, s, in.Key.Relation, o)
			if err != nil {
				http.Error(w, `{"code":"validation_error"}`, http.StatusBadRequest)
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"allowed": a.Held, "resolution": ""})
		case "/stores/01STORE/list-objects":
			s, _ := relations.ParseSubject(in.User)
			l, err := e.List(r.Context(), relations.Revision{}, s, in.Relation, in.Type, 1000)
			if err != nil {
				http.Error(w, `{"code":"validation_error"}`, http.StatusBadRequest)
				return
			}
			objects := []string{}
			for _, id := range l.IDs {
				objects = append(objects, in.Type+":"+id)
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"objects": objects})
		default:
			http.NotFound(w, r)
		}
	})
}

func token(t *testing.T) (text secret.Text) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := text.UnmarshalText([]byte("file:" + path)); err != nil {
		t.Fatal(err)
	}
	return text
}

func at(t *testing.T, h http.Handler) Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return Server{URL: s.URL + "/", Token: token(t), Client: &http.Client{Timeout: time.Second}}
}

func ids(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = "doc:" + strings.Repeat("x", i+1)
	}
	return out
}

var (
	anne = relations.Subject{Type: "user", ID: "anne"}
	doc1 = relations.Object{Type: "doc", ID: "1"}
)

func TestAnOpenFGAServerIsAskedByItsHTTPAPI(t *testing.T) {
	f, err := NewOpenFGA(at(t, openFGA(t)), "01STORE", "01MODEL")
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]bool{"1": true, "2": false} {
		if a, err := f.Check(t.Context(), relations.Revision{}, anne, "editor", relations.Object{Type: "doc", ID: id}); err != nil || a.Held != want || a.At.Model != "01MODEL" {
			t.Errorf("doc:%s: %+v, %v", id, a, err)
		}
	}
	if l, err := f.List(t.Context(), relations.Revision{}, anne, "editor", "doc", 10); err != nil || !slices.Equal(l.IDs, []string{"1", "3"}) {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := f.List(t.Context(), relations.Revision{}, anne, "editor", "doc", 1); !errors.Is(err, relations.ErrTooMany) || l.IDs != nil {
		t.Errorf("%+v, %v", l, err)
	}
	if a, err := f.Check(t.Context(), relations.Revision{}, anne, "flies", doc1); !errors.Is(err, ErrUnavailable) || a.Held {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := f.Check(t.Context(), relations.Revision{Tuples: 7}, anne, "editor", doc1); !errors.Is(err, relations.ErrRevision) {
		t.Errorf("at a revision: %v", err)
	}
}

func TestAListThatOpenFGAMayHaveCutIsAnError(t *testing.T) {
	all := ids(1000)
	s := at(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"objects": all, "results": []entity{{"doc", "1"}}})
	}))
	f, err := NewOpenFGA(s, "01STORE", "01MODEL")
	if err != nil {
		t.Fatal(err)
	}
	z, err := NewAuthZEN(s)
	if err != nil {
		t.Fatal(err)
	}
	z.deadline = 0
	if l, err := z.List(t.Context(), relations.Revision{}, anne, "editor", "doc", 5000); !errors.Is(err, relations.ErrTooWide) || l.IDs != nil {
		t.Errorf("%d, %v", len(l.IDs), err)
	}
	if l, err := f.List(t.Context(), relations.Revision{}, anne, "editor", "doc", 5000); !errors.Is(err, relations.ErrTooMany) || l.IDs != nil {
		t.Errorf("%d, %v", len(l.IDs), err)
	}
	all = all[:10]
	f.deadline = 0 // every answer is near it
	if l, err := f.List(t.Context(), relations.Revision{}, anne, "editor", "doc", 5000); !errors.Is(err, relations.ErrTooWide) || l.IDs != nil {
		t.Errorf("%d, %v", len(l.IDs), err)
	}
}

// Whatever is not plainly an answer denies, of both kinds of decision points.
func TestWhatIsNoAnswerDenies(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"broken":       func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no member":    say(200, "application/json", `{}`),
		"null":         say(200, "application/json", `{"allowed":null,"decision":null,"objects":null,"results":null}`),
		"text":         say(200, "application/json", `{"allowed":"true","decision":"true","objects":"doc:1","results":"1"}`),
		"a page":       say(200, "text/html", `{"allowed":true,"decision":true,"objects":["doc:1"],"results":[{"type":"doc","id":"1"}]}`),
		"created":      say(201, "application/json", `{"allowed":true,"decision":true,"objects":["doc:1"],"results":[{"type":"doc","id":"1"}]}`),
		"cut":          say(200, "application/json", `{"allowed":true,"decision":true,"objects":["doc:1"],"results":[{"type"`),
		"another type": say(200, "application/json", `{"objects":["folder:1"],"results":[{"type":"folder","id":"1"}]}`),
		"elsewhere": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.example.com/", http.StatusFound)
		},
		"slow": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // the server looks for the client's end only then
			<-r.Context().Done()
		},
	} {
		s := at(t, h)
		s.Client = &http.Client{Timeout: 100 * time.Millisecond, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		f, err := NewOpenFGA(s, "01STORE", "01MODEL")
		if err != nil {
			t.Fatal(err)
		}
		z, err := NewAuthZEN(s)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range []relations.Relations{f, z} {
			if a, err := r.Check(t.Context(), relations.Revision{}, anne, "editor", doc1); !errors.Is(err, ErrUnavailable) || a.Held {
				t.Errorf("%s: %T: %+v, %v", name, r, a, err)
			}
			if l, err := r.List(t.Context(), relations.Revision{}, anne, "editor", "doc", 10); !errors.Is(err, ErrUnavailable) || l.IDs != nil {
				t.Errorf("%s: %T: %+v, %v", name, r, l, err)
			}
		}
	}
}

func say(status int, media, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", media)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestAnAddressThatWouldSendATokenInTheClearIsRefused(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://fga.example.com": true, "https://fga.example.com/base": true, "http://127.0.0.1:8080": true, "http://localhost:8080": true,
		"http://fga.example.com": false, "fga.example.com": false, "https://a:b@fga.example.com": false, "https://fga.example.com?x=1": false, "ftp://127.0.0.1": false, "": false,
		"http://127.evil.example.com": false,
	} {
		_, one := NewOpenFGA(Server{URL: url}, "01STORE", "01MODEL")
		if _, two := NewAuthZEN(Server{URL: url}); (one == nil) != ok || (two == nil) != ok {
			t.Errorf("%s: %v, %v", url, one, two)
		}
	}
	for _, id := range []string{"", "../x", "a/b", "a b"} {
		if _, err := NewOpenFGA(Server{URL: "https://fga.example.com"}, id, "01MODEL"); err == nil {
			t.Errorf("%q is taken for a store", id)
		}
		if _, err := NewOpenFGA(Server{URL: "https://fga.example.com"}, "01STORE", id); err == nil {
			t.Errorf("%q is taken for a model", id)
		}
	}
}
