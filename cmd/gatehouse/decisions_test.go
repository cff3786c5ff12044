package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
)

const decisionsConfig = `listen: {address: %[1]q}
admin: {address: %[2]q}
environment: development
state: state
apis:
  cats:
    openapi: cats.json
    upstream: http://127.0.0.1:9000
    issuer: %[3]s
    audience: https://cats.example.com
    relations: relations.fga
    policies: cats.cedar
    objects: {cat: {id: path.catId, owner: response.owner}}
  decisions:
    authzen: cats
    facts: facts.json
    issuer: %[3]s
    audience: https://pdp.example.com
    roles: {asker: [evaluate, evaluateAll, searchSubject, searchResource, searchAction]}
    controls: {ratelimit: {user: 100000/min, key: 100000/min, ip: 100000/min, endpoint: 100000/min, burst: 10000, waiver: {because: "applications ask before everything they do", owner: ops@example.com, until: %[4]s}}}
    public: {getConfiguration: {because: "where the endpoints are is no secret", owner: ops@example.com, until: %[4]s}}
`

// authz.rebac, authz.abac: who asks the decision point gets the answers by which the
// gateway itself decides, behind the gateway's own controls.
func TestTheDecisionPointAnswersBehindTheControls(t *testing.T) {
	dir := t.TempDir()
	issuer, stop, err := devissuer.Start("https://pdp.example.com")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	for name, text := range map[string]string{
		"gatehouse.yaml": fmt.Sprintf(decisionsConfig, casetest.FreeAddress(t), casetest.FreeAddress(t), issuer.URL, time.Now().AddDate(0, 6, 0).Format(time.DateOnly)),
		"cats.json":      catsDescription, "relations.fga": catsRelations,
		"cats.cedar": `@id("feeders") permit(principal is User, action == Action::"cat.read", resource is Cat) when { context.rel.feeder };`,
		"facts.json": `{"cat": {"1": {"owner": "zoe"}, "2": {"owner": "zoe"}}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "gatehouse.yaml")
	write := func(verb, tuple string) {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run([]string{"relations", verb, "--config", file, tuple, "--because", "test", "--author", "ops@example.com"}, &out, &errs); code != 0 {
			t.Fatal(errs.String())
		}
	}
	write("write", "cat:1#home@household:3")
	write("write", "household:3#member@user:anne")
	f, err := load(file, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := startGateway(f, gatewayOptions{Log: io.Discard, Problems: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	ask := func(token, method, path, body string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+g.Addr+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "pdp.example.com"
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	asker := issuer.Mint(devissuer.Claims{Roles: []string{"asker"}, Scopes: []string{"authzen:evaluate", "authzen:search"}})
	want := func(token, path, body string, status int, says string) {
		t.Helper()
		method := "POST"
		if body == "" {
			method = "GET"
		}
		if got, text := ask(token, method, path, body); got != status || !strings.Contains(text, says) {
			t.Errorf("%s %s: %d %s; want %d %s", path, body, got, text, status, says)
		}
	}
	reads := func(who, cat string) string {
		return `{"subject":{"type":"user","id":"` + who + `"},"action":{"name":"cat.read"},"resource":{"type":"cat","id":"` + cat + `"}}`
	}
	want(asker, "/access/v1/evaluation", reads("anne", "1"), 200, `{"decision":true,"context":{"policies":["feeders"]}}`)
	want(asker, "/access/v1/evaluation", reads("anne", "2"), 200, `{"decision":false}`)
	want(asker, "/access/v1/evaluation", reads("zoe", "2"), 200, `{"decision":true,"context":{"policies":["cats.cat.allow.owner"]}}`)
	want(asker, "/access/v1/evaluations", `{"evaluations":[`+reads("anne", "1")+`,`+reads("anne", "2")+`]}`, 200, `{"evaluations":[{"decision":true,"context":{"policies":["feeders"]}},{"decision":false}]}`)
	want(asker, "/access/v1/search/resource", `{"subject":{"type":"user","id":"anne"},"action":{"name":"cat.read"},"resource":{"type":"cat"}}`, 200, `{"results":[{"type":"cat","id":"1"}]`)
	want(asker, "/access/v1/search/subject", `{"subject":{"type":"user"},"action":{"name":"cat.read"},"resource":{"type":"cat","id":"1"}}`, 200, `{"results":[{"type":"user","id":"anne"}]`)
	want(asker, "/access/v1/search/action", `{"subject":{"type":"user","id":"zoe"},"resource":{"type":"cat","id":"2"}}`, 200, `{"name":"cat.read"}`)
	want("", "/.well-known/authzen-configuration", "", 200, `"access_evaluation_endpoint":"https://pdp.example.com/access/v1/evaluation"`)

	want("", "/access/v1/evaluation", reads("anne", "1"), 401, "")
	want(issuer.Mint(devissuer.Claims{Scopes: []string{"authzen:evaluate"}}), "/access/v1/evaluation", reads("anne", "1"), 403, "")
	want(issuer.Mint(devissuer.Claims{Roles: []string{"asker"}, Scopes: []string{"authzen:search"}}), "/access/v1/evaluation", reads("anne", "1"), 403, "")
	for _, body := range []string{`{}`, `{"subject":{"type":"user"},"subject":{"type":"user","id":"anne"}}`, `[`, `{"subject":"anne"}`, `{"subject":{"type":"user","id":7},"action":{"name":"cat.read"},"resource":{"type":"cat","id":"1"}}`} {
		want(asker, "/access/v1/evaluation", body, 400, "")
	}

	write("delete", "household:3#member@user:anne")
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if _, text := ask(asker, "POST", "/access/v1/evaluation", reads("anne", "1")); strings.Contains(text, `"decision":false`) {
			break
		}
		if time.Since(began) > 5*time.Second {
			t.Fatal("what was taken away is still held after 5 s")
		}
	}
}
