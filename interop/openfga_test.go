//go:build unix

package interop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/egress"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/internal/fgatest"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/internal/relations/remote"
	"github.com/gatehouse-api/gatehouse/internal/secret"
)

const docsModel = `model
  schema 1.1
type user
type workspace
  relations
    define member: [user]
type doc
  relations
    define workspace: [workspace]
    define blocked: [user]
    define owner: [user]
    define editor: [user] or member from workspace
    define viewer: (editor or owner) but not blocked
`

const docsConfig = `environment: development
listen: {address: "%[1]s"}
admin: {address: "%[2]s"}
state: state
log: access.jsonl
apis:
  docs:
    openapi: docs.openapi.yaml
    upstream: %[3]s
    issuer: %[4]s
    audience: ` + docsAudience + `
    hosts: [127.0.0.1]
    relations: relations.fga
    relations_at: {%[5]s, timeout: 1s}
    controls: {ratelimit: {off: {because: "a test is fast", owner: ops@example.com, until: %[6]s}}}
    objects:
      doc: {id: path.docId, owner: relations, before: relations, allow: {owner: [delete], "relation:editor": [update], "relation:viewer": [read]}}
`

const (
	docsAudience    = "https://api.example.com/docs"
	docsDescription = `openapi: 3.1.0
info: {title: Docs, version: "1"}
security: [{login: []}]
components: {securitySchemes: {login: {type: oauth2, flows: {}}}}
paths:
  /v1/docs/{docId}:
    parameters: [{name: docId, in: path, required: true, schema: {type: string, pattern: "^[a-z0-9]+$", maxLength: 20}}]
    get: {operationId: getDoc, responses: &ok {"200": {description: The document., content: {application/json: {schema: {type: object, additionalProperties: false, properties: {id: {type: string}}}}}}}}
    delete: {operationId: deleteDoc, responses: *ok}
    put:
      operationId: updateDoc
      requestBody: {required: true, content: {application/json: {schema: {type: object, additionalProperties: false, properties: {text: {type: string, maxLength: 100}}}}}}
      responses: *ok
`
)

// docsTuples say that anne edits documents 1 and 3 through her workspace, of which the
// third is closed to her, and that bob owns the second.
var docsTuples = []string{"workspace:w#member@user:anne", "doc:1#workspace@workspace:w", "doc:3#workspace@workspace:w", "doc:3#blocked@user:anne", "doc:2#owner@user:bob"}

// fga is a real OpenFGA server with a store and a model in it.
type fga struct {
	*fgatest.Server
	store, model string
	tls          fgatest.TLS
}

// newFGA starts a server with TLS.
func newFGA(t *testing.T) *fga {
	t.Helper()
	certified := &gateway{T: t, dir: t.TempDir()}
	certified.certify()
	crt := filepath.Join(certified.dir, "tls.crt")
	return startFGA(t, fgatest.TLS{Cert: crt, Key: filepath.Join(certified.dir, "tls.key"), CA: crt})
}

func startFGA(t *testing.T, tls fgatest.TLS) *fga {
	t.Helper()
	f := &fga{Server: fgatest.Start(t, tls), tls: tls}
	f.store = f.Store(t)
	var err error
	if f.model, err = f.Model(t, f.store, docsModel); err != nil {
		t.Fatal(err)
	}
	f.Write(t, f.store, f.model, docsTuples...)
	return f
}

// openFGA is relations_at's key for the server's own API.
func (f *fga) openFGA(store, model string) string {
	return fmt.Sprintf("openfga: {url: %q, store: %q, model: %q, token: \"file:fga.token\"}", f.URL, store, model)
}

// docs is a gateway before an upstream of documents.
type docs struct {
	*testing.T
	url     string
	dir     string
	issuer  *devissuer.Issuer
	reached atomic.Int64 // requests that came to the upstream
	errs    bytes.Buffer
	ca      string
}

// newDocs writes the configuration of a gateway.
func newDocs(t *testing.T, f *fga, at, token string) *docs {
	t.Helper()
	d := &docs{T: t, dir: t.TempDir(), ca: f.tls.CA}
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.reached.Add(1)
		w.Header().Set("Content-Type", "application/json")
		_, _ = fmt.Fprintf(w, `{"id":%q}`, filepath.Base(r.URL.Path))
	}))
	t.Cleanup(upstream.Close)
	issuer, stop, err := devissuer.Start(docsAudience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	address := casetest.FreeAddress(t)
	d.url, d.issuer = "http://"+address, issuer
	for name, text := range map[string]string{
		"gatehouse.yaml":    fmt.Sprintf(docsConfig, address, casetest.FreeAddress(t), upstream.URL, issuer.URL, at, time.Now().AddDate(0, 1, 0).Format(time.DateOnly)),
		"docs.openapi.yaml": docsDescription, "relations.fga": docsModel, "fga.token": token,
	} {
		if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

// command is the program, which believes the server's certificate.
func (d *docs) command(args ...string) *exec.Cmd {
	d.Helper()
	path, err := program()
	if err != nil {
		d.Fatal(err)
	}
	c := exec.Command(path, append(args, "--config", filepath.Join(d.dir, "gatehouse.yaml"))...)
	c.Env = append(os.Environ(), "SSL_CERT_FILE="+d.ca)
	return c
}

// serve serves until the test ends.
func (d *docs) serve() {
	d.Helper()
	c := d.command("serve")
	c.Stderr = &d.errs
	if err := c.Start(); err != nil {
		d.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	d.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		if err := <-ended; err != nil {
			d.Errorf("the gateway ended with %v", err)
		}
		if d.Failed() {
			d.Logf("the gateway said:\n%s", &d.errs)
		}
	})
	for began := time.Now(); time.Since(began) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		if res, err := http.Get(d.url); err == nil {
			_ = res.Body.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- nil
			d.Fatalf("the gateway does not start: %v\n%s", err, &d.errs)
		default:
		}
	}
	d.Fatal("the gateway does not answer")
}

// says runs a verb and returns whether it succeeds, and what it says.
func (d *docs) says(args ...string) (bool, string) {
	d.Helper()
	out, err := d.command(args...).CombinedOutput()
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		d.Fatal(err)
	}
	return err == nil, string(out)
}

// want sends a request as somebody and compares the status; only what is allowed
// reaches the upstream.
func (d *docs) want(status int, who, method, doc string) (took time.Duration) {
	d.Helper()
	var body io.Reader
	if method == http.MethodPut {
		body = strings.NewReader(`{"text":"x"}`)
	}
	r, err := http.NewRequestWithContext(d.Context(), method, d.url+"/v1/docs/"+doc, body)
	if err != nil {
		d.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+d.issuer.Mint(devissuer.Claims{Subject: who}))
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	before, began := d.reached.Load(), time.Now()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		d.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	if err = errors.Join(err, res.Body.Close()); err != nil {
		d.Fatal(err)
	}
	if reached := d.reached.Load() - before; res.StatusCode != status || (reached == 1) != (status == http.StatusOK) {
		d.Errorf("%s %s doc:%s: %d %s, %d requests reached the upstream; want %d", who, method, doc, res.StatusCode, text, reached, status)
	}
	return time.Since(began)
}

// decided is what the tuples say, before what was written in the test.
func (d *docs) decided() {
	d.Helper()
	d.want(200, "anne", "GET", "1")
	d.want(200, "anne", "PUT", "1")
	d.want(403, "anne", "DELETE", "1")
	d.want(403, "anne", "GET", "2")
	d.want(403, "anne", "PUT", "2")
	d.want(403, "anne", "GET", "3")
	d.want(200, "anne", "PUT", "3")
	d.want(200, "bob", "GET", "2")
	d.want(200, "bob", "DELETE", "2")
	d.want(403, "bob", "PUT", "2")
	d.want(403, "bob", "GET", "1")
	d.want(403, "zoe", "GET", "1")
	d.want(403, "anne", "GET", "none")
}

// authz.rebac: a gateway whose relations are asked of a real OpenFGA server lets in whom
// that says, at once after a change; a server that stands still, is gone or knows the
// model no more refuses everything.
func TestAGatewayAsksARealOpenFGAServer(t *testing.T) {
	f := newFGA(t)
	d := newDocs(t, f, f.openFGA(f.store, f.model), fgatest.Token)
	if ok, said := d.says("check", "--ask"); !ok {
		t.Fatal(said)
	}
	d.serve()
	d.decided()
	d.through(f)
	f.Pause(t)
	for _, method := range []string{"GET", "PUT"} {
		if took := d.want(403, "anne", method, "1"); took < 900*time.Millisecond || took > 5*time.Second {
			t.Errorf("a server that stands still is waited for %v; the timeout is 1s", took)
		}
	}
	f.Resume(t)
	d.want(200, "anne", "GET", "1")
	f.Stop()
	d.want(403, "anne", "GET", "1")
	d.want(403, "bob", "DELETE", "2")
	d.want(403, "anne", "GET", "2")
	d.logged("asking OpenFGA: remote: the decision point gave no answer", 5)
}

// logged waits until the log says something so many times.
func (d *docs) logged(why string, times int) {
	d.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(d.dir, "access.jsonl"))
		if err != nil {
			d.Fatal(err)
		}
		if n := strings.Count(string(text), why); n == times {
			return
		} else if time.Since(began) > 5*time.Second {
			d.Fatalf("the log says %d times that %s; want %d", n, why, times)
		}
	}
}

// through changes tuples, which count at once.
func (d *docs) through(f *fga) {
	d.Helper()
	d.want(403, "zoe", "GET", "1")
	f.Write(d, f.store, f.model, "workspace:w#member@user:zoe")
	d.want(200, "zoe", "GET", "1")
	f.Delete(d, f.store, f.model, "workspace:w#member@user:zoe")
	d.want(403, "zoe", "GET", "1")
}

// The same server is an AuthZEN decision point, too.
func TestAGatewayAsksARealAuthZENDecisionPoint(t *testing.T) {
	f := newFGA(t)
	d := newDocs(t, f, fmt.Sprintf("authzen: {url: %q, token: \"file:fga.token\"}", f.URL+"/stores/"+f.store), fgatest.Token)
	d.serve()
	d.decided()
	d.through(f)
	f.Stop()
	d.want(403, "anne", "GET", "1")
}

// What is configured and the server does not know is said before anything is served.
func TestWhatAnOpenFGAServerDoesNotKnowIsSaidAtTheStart(t *testing.T) {
	f := newFGA(t)
	less, err := f.Model(t, f.store, strings.ReplaceAll(docsModel, "    define viewer: (editor or owner) but not blocked\n", ""))
	if err != nil {
		t.Fatal(err)
	}
	empty := f.Store(t)
	for name, c := range map[string]struct{ store, model, token, want string }{
		"another store":         {"01ARZ3NDEKTSV4RRFFQ69G5FAV", f.model, fgatest.Token, "it answers 400 authorization_model_not_found"},
		"a store without it":    {empty, f.model, fgatest.Token, "it answers 400 authorization_model_not_found"},
		"no id of a store":      {"store", f.model, fgatest.Token, "it answers 400 validation_error"},
		"another model":         {f.store, "01ARZ3NDEKTSV4RRFFQ69G5FAV", fgatest.Token, "it answers 400 authorization_model_not_found"},
		"another token":         {f.store, f.model, "another", "it answers 401 unauthenticated"},
		"a model that has less": {f.store, less, fgatest.Token, "has no relation viewer of doc"},
	} {
		d := newDocs(t, f, f.openFGA(c.store, c.model), c.token)
		for _, verb := range [][]string{{"check", "--ask"}, {"serve"}} {
			if ok, said := d.says(verb...); ok || !strings.Contains(said, c.want) || !strings.Contains(said, "apis.docs.relations_at.openfga") || !strings.Contains(said, "write the file of relations to the store") {
				t.Errorf("%s: %v says %v %s; want %s", name, verb, ok, said, c.want)
			}
		}
		if ok, said := d.says("check"); !ok {
			t.Errorf("%s: check without --ask calls somebody: %s", name, said)
		}
	}
	d := newDocs(t, f, f.openFGA(f.store, f.model), fgatest.Token)
	d.ca = "/dev/null"
	if ok, said := d.says("check", "--ask"); ok || !strings.Contains(said, "certificate") {
		t.Errorf("a certificate of nobody we know: %v %s", ok, said)
	}
	f.Stop()
	if ok, said := d.says("check", "--ask"); ok || !strings.Contains(said, "the relations of docs: ") {
		t.Errorf("a server that is gone: %v %s", ok, said)
	}
	d.serve() // which may be before the server
	d.want(403, "anne", "GET", "1")
}

// asker is one of the two ways to the server.
func (f *fga) askers(t *testing.T) (list []relations.Relations) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(fgatest.Token), 0o600); err != nil {
		t.Fatal(err)
	}
	var token secret.Text
	if err := token.UnmarshalText([]byte("file:" + path)); err != nil {
		t.Fatal(err)
	}
	s := remote.Server{URL: f.URL, Token: token, Client: egress.Client(egress.Options{Anywhere: true, Timeout: 5 * time.Second})}
	one, err := remote.NewOpenFGA(s, f.store, f.model)
	if err != nil {
		t.Fatal(err)
	}
	s.URL += "/stores/" + f.store
	two, err := remote.NewAuthZEN(s)
	if err != nil {
		t.Fatal(err)
	}
	return []relations.Relations{one, two}
}

// A list is whole or an error, also where the server would cut it.
func TestListsOfARealOpenFGAServerAreWholeOrAnError(t *testing.T) {
	f := startFGA(t, fgatest.TLS{})
	anne := relations.Subject{Type: "user", ID: "anne"}
	many := relations.Subject{Type: "user", ID: "many"}
	var tuples []string
	for i := range 999 {
		tuples = append(tuples, fmt.Sprintf("doc:m%d#editor@user:many", i))
	}
	f.Write(t, f.store, f.model, tuples...)
	for _, r := range f.askers(t) {
		name := fmt.Sprintf("%T", r)
		if l, err := r.List(t.Context(), relations.Revision{}, anne, "viewer", "doc", 100); err != nil || strings.Join(l.IDs, " ") != "1" {
			t.Errorf("%s: %v, %v", name, l.IDs, err)
		}
		if l, err := r.List(t.Context(), relations.Revision{}, anne, "editor", "doc", 100); err != nil || strings.Join(l.IDs, " ") != "1 3" {
			t.Errorf("%s: %v, %v", name, l.IDs, err)
		}
		if l, err := r.List(t.Context(), relations.Revision{}, many, "editor", "doc", 5000); err != nil || len(l.IDs) != 999 {
			t.Errorf("%s: %d, %v", name, len(l.IDs), err)
		}
		if l, err := r.List(t.Context(), relations.Revision{}, many, "editor", "doc", 998); !errors.Is(err, relations.ErrTooMany) || l.IDs != nil {
			t.Errorf("%s: %d, %v", name, len(l.IDs), err)
		}
		if a, err := r.Check(t.Context(), relations.Revision{}, anne, "flies", relations.Object{Type: "doc", ID: "1"}); !errors.Is(err, remote.ErrUnavailable) || a.Held {
			t.Errorf("%s: a relation that is not there: %+v, %v", name, a, err)
		}
		if a, err := r.Check(t.Context(), relations.Revision{}, anne, "viewer", relations.Object{Type: "dog", ID: "1"}); !errors.Is(err, remote.ErrUnavailable) || a.Held {
			t.Errorf("%s: a type that is not there: %+v, %v", name, a, err)
		}
		odd := relations.Subject{Type: "user", ID: relations.EscapeID("urn:x#1 %*é")}
		f.Write(t, f.store, f.model, "doc:odd#editor@"+odd.String())
		if a, err := r.Check(t.Context(), relations.Revision{}, odd, "viewer", relations.Object{Type: "doc", ID: "odd"}); err != nil || !a.Held {
			t.Errorf("%s: %s: %+v, %v", name, odd, a, err)
		}
		f.Delete(t, f.store, f.model, "doc:odd#editor@"+odd.String())
	}
	f.Write(t, f.store, f.model, "doc:m999#editor@user:many", "doc:m1000#editor@user:many")
	for _, r := range f.askers(t) {
		// Its AuthZEN search is not cut at 1,000, its own list is.
		if l, err := r.List(t.Context(), relations.Revision{}, many, "editor", "doc", 5000); !(err == nil && len(l.IDs) == 1001) && !errors.Is(err, relations.ErrTooMany) {
			t.Errorf("%T: 1,001 objects: %d, %v", r, len(l.IDs), err)
		}
	}
}
