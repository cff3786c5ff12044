package admin

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/learned"
	"github.com/gatehouse-api/gatehouse/record"
)

var endpoint = &gatehouse.Endpoint{
	API: "orders", Name: "getOrder", Method: "GET", Template: "/v1/orders/{orderId}", Declared: true,
	Plan: &gatehouse.Plan{Steps: []gatehouse.Step{{Control: "object", Stage: gatehouse.Authorize, Place: gatehouse.Place{File: "gatehouse.yaml", Line: 9, Col: 3}}}},
}

// server is a running admin server with one refusal recorded.
func server(t *testing.T, change func(*Config)) (*Server, string) {
	t.Helper()
	r := record.New(record.Config{})
	r.Record(&gatehouse.Exchange{
		ID: "01REFUSED", At: time.Now(), Endpoint: endpoint, Request: gatehouse.Request{Method: "GET", Path: "/v1/orders/7"}, Response: gatehouse.Response{Status: 404},
		Ended: gatehouse.Deny(&gatehouse.Answer{Status: 404, Reason: "object.not_found"}), EndedBy: "object",
		Trail: []gatehouse.Mark{{Said: gatehouse.SaidDeny, Rule: "object.not_found"}},
	}, gatehouse.Traffic{})
	c := Config{Address: "127.0.0.1:0", State: filepath.Join(t.TempDir(), "state"), Recorder: r, Endpoints: func() []*gatehouse.Endpoint { return []*gatehouse.Endpoint{endpoint} }}
	if change != nil {
		change(&c)
	}
	s, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error)
	go func() { ended <- s.Serve() }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(context.Background()), <-ended, r.Close(context.Background())); err != nil {
			t.Error(err)
		}
	})
	token, err := ReadToken(s.TokenPath())
	if err != nil {
		t.Fatal(err)
	}
	return s, token
}

func ask(t *testing.T, s *Server, path string, change func(*http.Request)) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+s.Address()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	change(r)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer, string(body)
}

func bearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
}

// admin.separate, R32, R33: everything but liveness and the public keys needs the token, on loopback too.
func TestEverythingButLivenessAndKeysNeedsTheToken(t *testing.T) {
	s, token := server(t, func(c *Config) {
		c.JWKS = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"keys":[]}`) })
	})
	for path, open := range map[string]bool{pathHealth: true, pathKeys: true, "/": false, pathMetrics: false, pathReady: false, pathExplain + "01REFUSED": false, pathPlan + "?method=GET&path=/v1/orders/7": false, "/unknown": false, "/healthz/": false} {
		for credential, want := range map[string]bool{"": open, "Bearer " + token: true, "bearer " + token: true, "Bearer " + token + "x": open, "Bearer": open, "Bearer ": open, token: open,
			"Basic " + base64.StdEncoding.EncodeToString([]byte("admin:"+token)): true, "Basic " + base64.StdEncoding.EncodeToString([]byte("root:"+token)): open, "Basic " + base64.StdEncoding.EncodeToString([]byte("admin:")): open} {
			answer, _ := ask(t, s, path, func(r *http.Request) {
				if credential != "" {
					r.Header.Set("Authorization", credential)
				}
			})
			if got := answer.StatusCode != 401; got != want {
				t.Errorf("%s with %q: status %d", path, credential, answer.StatusCode)
			}
		}
	}
	answer, _ := ask(t, s, "/", func(r *http.Request) {
		r.Header.Add("Authorization", "Bearer x")
		r.Header.Add("Authorization", "Bearer "+token)
	})
	if answer.StatusCode != 401 {
		t.Error("two credentials were taken")
	}
}

// R33: DNS rebinding and requests that another site caused.
func TestABrowserIsNoWayIn(t *testing.T) {
	s, token := server(t, func(c *Config) { c.Hosts = []string{"admin.internal"} })
	_, port, _ := net.SplitHostPort(s.Address())
	for name, c := range map[string]struct {
		change func(*http.Request)
		ok     bool
	}{
		"localhost":           {func(r *http.Request) { r.Host = "localhost:" + port }, true},
		"configured":          {func(r *http.Request) { r.Host = "Admin.Internal" }, true},
		"rebound":             {func(r *http.Request) { r.Host = "evil.example:" + port }, false},
		"looks like loopback": {func(r *http.Request) { r.Host = "127.0.0.1.evil.example" }, false},
		"localhost.evil":      {func(r *http.Request) { r.Host = "localhost.evil.example" }, false},
		"typed in":            {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "none") }, true},
		"own link":            {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }, true},
		"other site":          {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, false},
		"other port":          {func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, false},
		"own origin":          {func(r *http.Request) { r.Header.Set("Origin", "http://"+s.Address()) }, true},
		"other origin":        {func(r *http.Request) { r.Header.Set("Origin", "http://evil.example") }, false},
		"null origin":         {func(r *http.Request) { r.Header.Set("Origin", "null") }, false},
	} {
		for _, path := range []string{"/", pathHealth} {
			answer, _ := ask(t, s, path, func(r *http.Request) { bearer(token)(r); c.change(r) })
			if got := answer.StatusCode == 200; got != c.ok {
				t.Errorf("%s: %s: status %d", name, path, answer.StatusCode)
			}
		}
	}
}

// R34: ids are opaque, paths have one spelling, nothing can be changed.
func TestOddPathsIDsAndMethodsAreRefused(t *testing.T) {
	s, token := server(t, nil)
	for path, want := range map[string]int{
		"/v1/explain/": 400, "/v1/explain/../../etc/passwd": 400, "/v1/explain/..": 400, "/v1/explain/a%2fb": 404, "/v1/explain/a%00": 400, "/v1/explain/a b": 400, "/v1/explain/a;b": 400,
		"/v1/explain/" + strings.Repeat("a", 129): 400, "/v1/explain/unknown": 404, "//metrics": 404, "/./metrics": 404, "/metrics/": 404, "/%6detrics": 200, "/v1/plan": 400,
		"/v1/plan?method=GET&path=/x": 404, "/v1/plan?method=GET&path=/v1/orders/1&path=/x": 400, "/v1/plan?method=GET;path=/x": 400,
	} {
		r := httptest.NewRequest("GET", "http://127.0.0.1/", nil)
		raw, query, _ := strings.Cut(path, "?")
		r.URL.RawQuery = query
		unescaped := strings.NewReplacer("%2f", "/", "%00", "\x00", "%6d", "m").Replace(raw)
		if r.URL.Path = unescaped; strings.Contains(raw, "%2f") {
			r.URL.RawPath = raw
		}
		bearer(token)(r)
		w := httptest.NewRecorder()
		s.serve(w, r)
		if w.Code != want {
			t.Errorf("%s: status %d, want %d", path, w.Code, want)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "get"} {
		answer, _ := ask(t, s, pathHealth, func(r *http.Request) { r.Method = method; bearer(token)(r) })
		if answer.StatusCode != 405 && method != "CONNECT" || answer.StatusCode < 400 {
			t.Errorf("%s: status %d", method, answer.StatusCode)
		}
	}
}

// ops.explain
func TestARefusalIsExplainedWithRuleAndPlace(t *testing.T) {
	s, token := server(t, nil)
	answer, body := ask(t, s, pathExplain+"01REFUSED", bearer(token))
	var trail record.Trail
	if err := json.Unmarshal([]byte(body), &trail); err != nil || answer.StatusCode != 200 {
		t.Fatal(answer.Status, err, body)
	}
	if trail.Rule != "object.not_found" || len(trail.Steps) != 1 || trail.Steps[0].Place != "gatehouse.yaml:9:3" {
		t.Errorf("got %+v", trail)
	}
	var plan record.Plan
	answer, body = ask(t, s, pathPlan+"?method=GET&path=/v1/orders/%7BorderId%7D", bearer(token))
	if err := json.Unmarshal([]byte(body), &plan); err != nil || answer.StatusCode != 200 || plan.Endpoint != "getOrder" || len(plan.Steps) != 1 {
		t.Errorf("%s, %v: %s", answer.Status, err, body)
	}
}

// log.dashboard
func TestMetricsAreServed(t *testing.T) {
	s, token := server(t, nil)
	answer, body := ask(t, s, pathMetrics, bearer(token))
	if answer.Header.Get("Content-Type") != record.MetricsType || !strings.Contains(body, `gatehouse_refusals_total{control="object",rule="object.not_found"} 1`) {
		t.Errorf("%v: %s", answer.Header, body)
	}
}

func TestWhatWasLearnedIsServedToWhoHasTheToken(t *testing.T) {
	s, token := server(t, func(c *Config) {
		c.Learned = func() learned.Report {
			return learned.Report{Kinds: []learned.Findings{{API: "orders", Base: "/v1/orders/{orderId}", Objects: 97}}}
		}
	})
	if answer, body := ask(t, s, pathLearned, bearer(token)); answer.StatusCode != 200 || !strings.Contains(body, `"objects": 97`) {
		t.Errorf("%s: %s", answer.Status, body)
	}
	if answer, _ := ask(t, s, pathLearned, func(*http.Request) {}); answer.StatusCode != 401 {
		t.Errorf("without a token: %s", answer.Status)
	}
	s, token = server(t, nil)
	if answer, body := ask(t, s, pathLearned, bearer(token)); answer.StatusCode != 200 || !strings.Contains(body, `"kinds": []`) {
		t.Errorf("nothing learned: %s: %s", answer.Status, body)
	}
}

func TestReadinessSaysWhatIsMissing(t *testing.T) {
	ok := true
	s, token := server(t, func(c *Config) { c.Ready = func() []Check { return []Check{{"keys", ok, "no keys yet"}} } })
	if answer, _ := ask(t, s, pathReady, bearer(token)); answer.StatusCode != 200 {
		t.Errorf("ready: %s", answer.Status)
	}
	ok = false
	if answer, body := ask(t, s, pathReady, bearer(token)); answer.StatusCode != 503 || !strings.Contains(body, "no keys yet") {
		t.Errorf("not ready: %s: %s", answer.Status, body)
	}
}

func TestThePageShowsRefusalsWithoutScripts(t *testing.T) {
	s, token := server(t, nil)
	answer, body := ask(t, s, "/", bearer(token))
	csp := answer.Header.Get("Content-Security-Policy")
	_, css, _ := strings.Cut(body, "<style>")
	css, _, _ = strings.Cut(css, "</style>")
	sum := sha256.Sum256([]byte(css))
	if !strings.Contains(csp, "default-src 'none'; style-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
		t.Errorf("the policy does not allow the page's own style: %s", csp)
	}
	for _, want := range []string{`<a href="/v1/explain/01REFUSED">`, "object.not_found", `<a href="/v1/plan?method=GET&amp;path=%2fv1%2forders%2f%7borderId%7d">`} {
		if !strings.Contains(body, want) {
			t.Errorf("missing %s in %s", want, body)
		}
	}
	if strings.Contains(body, "<script") || answer.Header.Get("Cache-Control") != "no-store" {
		t.Error("a script, or a page that is cached")
	}
}

// R46: what a client sent is text on the page.
func TestThePageEscapesWhatClientsSend(t *testing.T) {
	r := record.New(record.Config{})
	s, token := server(t, func(c *Config) { c.Recorder = r })
	defer r.Close(context.Background())
	r.Record(&gatehouse.Exchange{ID: `"><script>`, Request: gatehouse.Request{Method: "<b>", Path: "/<i>"}, EndedBy: "<u>", Principal: &gatehouse.Principal{ID: "<s>"}, Ended: gatehouse.Verdict{}}, gatehouse.Traffic{})
	_, body := ask(t, s, "/", bearer(token))
	if !strings.Contains(body, "&lt;s&gt;") {
		t.Errorf("the refusal is not shown: %s", body)
	}
	for _, tag := range []string{"<script", "<b>", "<i>", "<u>", "<s>"} {
		if strings.Contains(body, tag) {
			t.Errorf("%s is on the page", tag)
		}
	}
}

// R32
func TestOthersReachTheAddressOnlyWithTLSAndATokenFile(t *testing.T) {
	r := record.New(record.Config{})
	defer r.Close(context.Background())
	for _, address := range []string{"0.0.0.0:9901", ":9901", "[::]:9901", "10.0.0.1:9901", "localhost.evil.example:9901", "9901"} {
		for _, c := range []Config{{}, {TokenFile: "x"}, {Cert: "x", Key: "y"}} {
			c.Address, c.State, c.Recorder = address, t.TempDir(), r
			_, err := Listen(c)
			if _, ok := errors.AsType[*gatehouse.Fault](err); !ok {
				t.Errorf("%s was listened on, or failed in another way: %v", address, err)
			}
		}
	}
}

// R35
func TestTwoFreshInstallationsHaveDifferentTokensThatNobodyElseCanRead(t *testing.T) {
	a, first := server(t, nil)
	_, second := server(t, nil)
	if first == second || len(first) < 43 {
		t.Errorf("tokens %q and %q", first, second)
	}
	for _, name := range []string{TokenName, Socket} {
		info, err := os.Stat(filepath.Join(a.config.State, name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	left, _ := filepath.Glob(filepath.Join(a.config.State, TokenName+"*"))
	if len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	os.Chmod(a.TokenPath(), 0o640)
	if _, err := ReadToken(a.TokenPath()); err == nil {
		t.Error("a token that others can read was taken")
	}
	os.Chmod(a.TokenPath(), 0o600)
	os.WriteFile(a.TokenPath(), []byte("\n"), 0o600)
	if _, err := ReadToken(a.TokenPath()); err == nil {
		t.Error("an empty token was taken")
	}
}

func TestTheSocketServesTooAndReplacesAStaleOne(t *testing.T) {
	state := t.TempDir()
	os.Chmod(state, 0o700)
	if l, err := net.Listen("unix", filepath.Join(state, Socket)); err != nil {
		t.Fatal(err)
	} else {
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		l.Close()
	}
	_, token := server(t, func(c *Config) { c.State = state })
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(state, Socket))
	}}}
	r, _ := http.NewRequest("GET", "http://localhost/readyz", nil)
	bearer(token)(r)
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != 200 {
		t.Errorf("status %d", answer.StatusCode)
	}
}
