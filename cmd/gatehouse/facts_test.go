package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/admin"
	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/internal/pgtest"
	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

// asCommand makes the test's own program the command.
const asCommand = "GATEHOUSE_TEST_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// command is the program with these arguments, as a process of its own.
func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], args...)
	c.Env = append(os.Environ(), asCommand+"=1")
	return c
}

// site is one gateway of several on one store.
type site struct {
	*testing.T
	file, state, addr, admin string
	process                  *exec.Cmd
}

const sitesDescription = `{"openapi":"3.1.0","info":{"title":"Cats","version":"1"},"paths":{
	"/cats":{"get":{"operationId":"listCats","responses":{"200":{"description":"cats"}}}},
	"/dogs":{"get":{"operationId":"listDogs","responses":{"200":{"description":"dogs"}}}}}}`

const sitesAudience = "https://cats.example.com"

func newSite(t *testing.T, upstream, issuer, store string) *site {
	t.Helper()
	dir := t.TempDir()
	s := &site{T: t, file: filepath.Join(dir, "gatehouse.yaml"), state: filepath.Join(dir, "state"), addr: casetest.FreeAddress(t), admin: casetest.FreeAddress(t)}
	for name, text := range map[string]string{
		filepath.Join(dir, "api.json"): sitesDescription,
		s.file: fmt.Sprintf(`environment: development
listen: {address: %q}
admin: {address: %q}
state: %s
%scontrols:
  ratelimit: {global: 1000000/s, key: 1000000/s, user: 1000000/s, ip: 1000000/s, endpoint: 60000/s, burst: 1000000, waiver: {because: "asked until it acts", owner: test@example.com, until: %s}}
apis:
  cats: {openapi: api.json, upstream: %q, audience: %q, issuer: %q, roles: {user: [listCats, listDogs]}}
`, s.addr, s.admin, s.state, store, time.Now().AddDate(0, 1, 0).Format(time.DateOnly), upstream, sitesAudience, issuer),
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// start serves until it answers.
func (s *site) start() {
	s.Helper()
	s.process = command(s.T, "serve", "--config", s.file)
	var said bytes.Buffer
	s.process.Stdout, s.process.Stderr = io.Discard, &said
	if err := s.process.Start(); err != nil {
		s.Fatal(err)
	}
	for began := time.Now(); s.status("/cats", "") != 401; time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 20*time.Second {
			_ = s.process.Process.Kill()
			_ = s.process.Wait()
			s.Fatalf("does not serve: %s", &said)
		}
	}
}

func (s *site) end(signal syscall.Signal) {
	s.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		s.Error(err)
	}
	if err := s.process.Wait(); err != nil && signal != syscall.SIGKILL {
		s.Error(err)
	}
}

// status asks and returns the status, 0 when nobody answers.
func (s *site) status(path, token string) int {
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, "http://"+s.addr+path, nil)
	if err != nil {
		s.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		return 0
	}
	if res.StatusCode == 401 && token != "" && res.Header.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
		s.Errorf("401 with the challenge %q", res.Header.Get("WWW-Authenticate"))
	}
	return res.StatusCode
}

// does runs a command and returns what it printed and how long it took to act on
// every site: until path gives the status.
func does(t *testing.T, sites []*site, path, token string, want int, args ...string) (out string, took time.Duration) {
	t.Helper()
	c := command(t, append(args, "--config", sites[0].file)...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Run(); err != nil {
		t.Fatalf("%v: %v %s", args, err, &stderr)
	}
	acknowledged := time.Now()
	for _, s := range sites {
		for s.status(path, token) != want {
			if time.Since(acknowledged) > 10*time.Second {
				t.Fatalf("%v has no effect: %d", args, s.status(path, token))
			}
			time.Sleep(time.Millisecond)
		}
	}
	return stdout.String(), time.Since(acknowledged)
}

// token.revocable, incident.block, incident.disable: what a command
// does while gateways run acts on each of them within a second, and survives
// them.
func TestARevocationAndABlockActOnEveryGatewayWithinASecond(t *testing.T) {
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	defer upstream.Close()
	issuer, stop, err := devissuer.Start(sitesAudience)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	t.Run("sqlite", func(t *testing.T) {
		actsAndStays(t, issuer, []*site{newSite(t, upstream.URL, issuer.URL, "")})
	})
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.Start(t).Database(t)
		store := fmt.Sprintf("store: {postgres: %q}\n", url)
		actsAndStays(t, issuer, []*site{newSite(t, upstream.URL, issuer.URL, store), newSite(t, upstream.URL, issuer.URL, store)})
	})
}

func actsAndStays(t *testing.T, issuer *devissuer.Issuer, sites []*site) {
	for _, s := range sites {
		s.start()
	}
	mint := func(who, n string) string {
		return issuer.Mint(devissuer.Claims{Subject: who, Roles: []string{"user"}, Set: map[string]string{"jti": `"j` + n + `"`, "grant_id": `"g` + n + `"`}})
	}
	passes := func(token string) {
		t.Helper()
		for _, s := range sites {
			for range 2 { // verified, then remembered
				if got := s.status("/cats", token); got != 200 {
					t.Fatalf("a token that holds: %d", got)
				}
			}
		}
	}
	why := []string{"--because", "drill of the team", "--author", "ops@example.com"}
	var took []time.Duration
	revoked := []string{}
	for i := range 8 { // by turns by jti, by grant
		n := fmt.Sprint(i)
		token := mint("alice", n)
		passes(token)
		by := [][]string{{"--jti", "j" + n, "--issuer", issuer.URL}, {"--grant", "g" + n}}[i%2]
		_, d := does(t, sites, "/cats", token, 401, slices.Concat([]string{"tokens", "revoke"}, by, why)...)
		took, revoked = append(took, d), append(revoked, token)
	}
	token := mint("alice", "x")
	passes(token)
	_, d := does(t, sites, "/cats", token, 401, slices.Concat([]string{"tokens", "revoke", "--subject", "alice", "--issuer", issuer.URL}, why)...)
	took, revoked = append(took, d), append(revoked, token)
	passes(mint("bob", "y"))
	time.Sleep(2100 * time.Millisecond) // the second of the revocation, rounded up, is over
	passes(mint("alice", "z"))
	slices.Sort(took)
	if median := took[len(took)/2]; median > time.Second {
		t.Errorf("a revocation acts after %s", median)
	}
	t.Logf("figure a revocation acts on %d gateways after %s (median), %s (longest of %d), from the end of the command", len(sites), took[len(took)/2], took[len(took)-1], len(took))

	bob := mint("bob", "b")
	out, _ := does(t, sites, "/cats", bob, 403, slices.Concat([]string{"block", "add", "principal", "bob", "--id", "b1", "--until", "7d"}, why)...)
	if !strings.Contains(out, "gatehouse block lift b1") {
		t.Errorf("said: %s", out)
	}
	out, _ = does(t, sites, "/dogs", mint("carol", "c"), 503, slices.Concat([]string{"block", "add", "endpoint", "cats/listDogs"}, why)...)
	_, lift, _ := strings.Cut(out, "gatehouse block lift ")
	passes(mint("carol", "c"))
	out, _ = does(t, sites, "/cats", bob, 403, "block", "list", "--json")
	var list []blockJSON
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 2 || list[0].ID != "b1" || list[0].Author != "ops@example.com" || !list[0].Live || list[1].Until != "" {
		t.Errorf("%v: %s", err, out)
	}
	does(t, sites, "/cats", bob, 200, "block", "lift", "b1")
	does(t, sites, "/dogs", bob, 200, "block", "lift", strings.TrimSpace(lift))
	watched(t, sites[0])

	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} { // SIGKILL last
		for _, s := range sites {
			s.end(signal)
			s.start()
		}
		for i, token := range revoked {
			for _, s := range sites {
				if got := s.status("/cats", token); got != 401 {
					t.Errorf("token %d after signal %s: %d", i, signal, got)
				}
			}
		}
	}
	out, _ = does(t, sites, "/cats", bob, 200, "tokens", "list")
	if strings.Count(out, "\n") != 1+len(revoked) || !strings.Contains(out, "drill of the team") {
		t.Errorf("listed:\n%s", out)
	}
	for _, s := range sites {
		s.end(syscall.SIGTERM)
	}
}

// watched asks the gauge of the feed's age.
func watched(t *testing.T, s *site) {
	t.Helper()
	token, err := admin.ReadToken(filepath.Join(s.state, admin.TokenName))
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.admin+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\ngatehouse_store_age_seconds ")
	var age float64
	if _, err := fmt.Sscan(rest, &age); !found || err != nil || age <= 0 || age > 1 {
		t.Errorf("gatehouse_store_age_seconds: %v, %v, %v", found, err, age)
	}
}

// token.revocable: what is not known is not guessed.
func TestAGatewayWhoseStoreCannotBeReadDoesNotStart(t *testing.T) {
	for name, break_ := range map[string]func(s *site){
		"no database": func(*site) {},
		"no file of ours": func(s *site) {
			if err := os.MkdirAll(s.state, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(s.state, sqlite.StoreName), bytes.Repeat([]byte("x"), 5000), 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		store := ""
		if name == "no database" {
			store = "store: {postgres: \"postgres://gatehouse@127.0.0.1:1/gatehouse?sslmode=disable\"}\n"
		}
		s := newSite(t, "http://127.0.0.1:9", "http://127.0.0.1:9", store)
		break_(s)
		var stdout, stderr bytes.Buffer
		if code := runServe([]string{"--config", s.file}, &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), "gatehouse serve:") {
			t.Errorf("%s: %d %s", name, code, &stderr)
		}
		stderr.Reset()
		if code := run([]string{"block", "list", "--config", s.file}, &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), "gatehouse block list:") {
			t.Errorf("%s: list: %d %s", name, code, &stderr)
		}
	}
}

// incident.block: what would do nothing, or too much, is refused with what to write.
func TestBlocksAndRevocationsThatNobodyMeantAreRefused(t *testing.T) {
	s := newSite(t, "http://127.0.0.1:9", "http://127.0.0.1:9", "")
	why := []string{"--because", "drill", "--author", "me"}
	block, tokens := []string{"block", "add"}, []string{"tokens", "revoke"}
	for want, args := range map[string][]string{
		`write: --because "`:                        slices.Concat(block, []string{"key", "k1", "--author", "me"}),
		"write: --author you@example.com":           slices.Concat(block, []string{"key", "k1", "--because", "drill"}),
		"write one of: address, principal":          slices.Concat(block, []string{"person", "x"}, why),
		"write as in: gatehouse block add address":  slices.Concat(block, []string{"address", "192.0.2"}, why),
		"write a prefix of /8 or longer":            slices.Concat(block, []string{"address", "0.0.0.0/0"}, why),
		"write a prefix of /16 or longer":           slices.Concat(block, []string{"address", "::/0"}, why),
		"write one of: cats/*, cats/listCats":       slices.Concat(block, []string{"endpoint", "cats/listCat"}, why),
		`no endpoint "cats/x"; write one of: cats/`: slices.Concat(block, []string{"key", "k", "--scope", "cats/x"}, why),
		"leave --issuer out for a block of a key":   slices.Concat(block, []string{"key", "k", "--issuer", "https://a.example"}, why),
		`"soon" is no time; write: 24h`:             slices.Concat(block, []string{"key", "k", "--until", "soon"}, why),
		"would be over already":                     slices.Concat(block, []string{"key", "k", "--until", "2020-01-01"}, why),
		`there is no block "b9"`:                    {"block", "lift", "b9"},
		"one of --jti, --grant and --subject":       slices.Concat(tokens, why),
		"one of --jti, --grant and":                 slices.Concat(tokens, []string{"--jti", "a", "--grant", "b"}, why),
		"write: --issuer https://":                  slices.Concat(tokens, []string{"--subject", "a"}, why),
		"leave --not-before out":                    slices.Concat(tokens, []string{"--jti", "a", "--not-before", "2026-01-01"}, why),
		"more than a day ahead":                     slices.Concat(tokens, []string{"--subject", "a", "--issuer", "https://a.example", "--not-before", "2099-01-01"}, why),
		"write: --state FOLDER":                     {"block", "list", "--state", "/nowhere"},
	} {
		var stdout, stderr bytes.Buffer
		if code := run(append(args, "--config", s.file), &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), want) || stdout.Len() > 0 {
			t.Errorf("%v: %d %s%s; want %s", args, code, &stdout, &stderr, want)
		}
	}
	for _, args := range [][]string{{"block"}, {"block", "ad"}, {"block", "add", "key"}, {"block", "lift"}, {"tokens", "list", "x"}, {"tokens", "revoke", "--jit", "x"}} {
		var stdout, stderr bytes.Buffer
		if code := run(args, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), "usage: gatehouse") {
			t.Errorf("%v: %d %s", args, code, &stderr)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run([]string{"block", "list", "--config", s.file}, &stdout, &stderr); code != 0 || strings.Count(stdout.String(), "\n") != 1 {
		t.Errorf("after all that: %d %s%s", code, &stdout, &stderr)
	}
	stderr.Reset()
	if code := run(slices.Concat(tokens, []string{"--jti", "a", "--issuer", "https://typo.example", "--state", s.state}, why), &stdout, &stderr); code != 0 || stderr.Len() > 0 {
		t.Errorf("by the state folder: %d %s", code, &stderr)
	}
	if code := run(slices.Concat(tokens, []string{"--jti", "a", "--issuer", "https://typo.example", "--config", s.file}, why), &stdout, &stderr); code != 0 || !strings.Contains(stderr.String(), "warning: no API takes tokens of https://typo.example") {
		t.Errorf("an unknown issuer: %d %s", code, &stderr)
	}
}
