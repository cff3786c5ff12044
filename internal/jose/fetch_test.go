package jose

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"
)

// transport answers without a network.
type transport map[string]string

func (a transport) RoundTrip(r *http.Request) (*http.Response, error) {
	body, ok := a[r.URL.String()]
	status := http.StatusOK
	if !ok {
		status = http.StatusNotFound
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func TestTheMetadataIsFoundAndMustBeOfThisIssuer(t *testing.T) {
	keys := string(testSigner(t).JWKS())
	const (
		issuer  = "https://login.example.com/tenant"
		openid  = issuer + "/.well-known/openid-configuration"
		rfc8414 = "https://login.example.com/.well-known/oauth-authorization-server/tenant"
	)
	meta := func(issuer, jwks string) string { return fmt.Sprintf(`{"issuer":%q,"jwks_uri":%q}`, issuer, jwks) }
	for name, c := range map[string]struct {
		answers transport
		ok      bool
	}{
		"OpenID Connect":     {transport{openid: meta(issuer, "https://keys.example.com/k"), "https://keys.example.com/k": keys}, true},
		"RFC 8414":           {transport{rfc8414: meta(issuer, "https://keys.example.com/k"), "https://keys.example.com/k": keys}, true},
		"a query":            {transport{openid: meta(issuer, "https://keys.example.com/k?p=1"), "https://keys.example.com/k?p=1": keys}, true},
		"another issuer":     {transport{openid: meta(issuer+"2", "https://keys.example.com/k"), "https://keys.example.com/k": keys}, false},
		"a trailing slash":   {transport{openid: meta(issuer+"/", "https://keys.example.com/k"), "https://keys.example.com/k": keys}, false},
		"no issuer":          {transport{openid: `{"jwks_uri":"https://keys.example.com/k"}`, "https://keys.example.com/k": keys}, false},
		"keys over http":     {transport{openid: meta(issuer, "http://keys.example.com/k"), "http://keys.example.com/k": keys}, false},
		"keys on loopback":   {transport{openid: meta(issuer, "http://127.0.0.1/k"), "http://127.0.0.1/k": keys}, false},
		"keys in a file":     {transport{openid: meta(issuer, "file:///etc/passwd")}, false},
		"no keys":            {transport{openid: `{"issuer":"` + issuer + `"}`}, false},
		"no metadata":        {transport{}, false},
		"duplicate names":    {transport{openid: `{"issuer":"x","issuer":"` + issuer + `","jwks_uri":"https://keys.example.com/k"}`, "https://keys.example.com/k": keys}, false},
		"metadata no object": {transport{openid: "<html>"}, false},
	} {
		s, err := NewSource(issuer, "", c.answers, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Current(t.Context(), time.Now()) != nil; got != c.ok {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSourcesAreHTTPSOrOnLoopback(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://a.example": true, "https://a.example/x?y=1": true, "http://127.0.0.1:80": true, "http://[::1]": true, "http://localhost/x": true,
		"http://a.example": false, "http://127.0.0.1.example": false, "http://localhost.example": false, "ftp://a.example": false, "a.example": false, "": false,
		"https://u@a.example": false, "https://u:p@a.example": false, "https://a.example#x": false, "https://": false, "https:a": false, "//a.example": false, "file:///x": false,
		"http://0.0.0.0": false, "http://169.254.169.254": false, "http://2130706433": false,
	} {
		if err := CheckURL(url); (err == nil) != ok {
			t.Errorf("%s: %v", url, err)
		}
	}
	for _, c := range [][2]string{{"http://a.example", ""}, {"https://a.example?x", ""}, {"https://a.example", "http://b.example"}} {
		if _, err := NewSource(c[0], c[1], nil, nil); err == nil {
			t.Errorf("%v is accepted", c)
		}
	}
}

// R24: what another server sends is capped and timed, and the old keys serve.
func TestR24_AnEndlessAnswerIsCutOffAndTheOldKeysServe(t *testing.T) {
	answer := func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(testSigner(t).JWKS()) }
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer server.Close()
	s, err := NewSource(server.URL, server.URL+"/jwks", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	first := s.Current(t.Context(), now)
	if first == nil {
		t.Fatal("the first set")
	}
	many := strings.Repeat(`{"kty":"EC"},`, 100_000)
	for name, bad := range map[string]http.HandlerFunc{
		"endless":      func(w http.ResponseWriter, r *http.Request) { endless(w, r) },
		"100,000 keys": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[`+many+`{}]}`) },
		"50 MB":        func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 50<<20)) },
		"an error":     func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500); endless(w, r) },
		"a redirect":   func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"no keys":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[]}`) },
		"rubbish":      func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `<html>`) },
		"too deep":     func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("[", 500_000)) },
		"fat header":   func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("x", strings.Repeat("x", 1<<20)) },
	} {
		t.Run(name, func(t *testing.T) {
			answer = bad
			now = now.Add(Fresh)
			before := s.Fetches.Load()
			var a, b runtime.MemStats
			runtime.ReadMemStats(&a)
			if got := s.Current(t.Context(), now); got != first {
				t.Error("the old keys do not serve")
			}
			s.Close()
			runtime.ReadMemStats(&b)
			if s.Fetches.Load() != before+1 {
				t.Errorf("%d fetches", s.Fetches.Load()-before)
			}
			if grown := b.TotalAlloc - a.TotalAlloc; grown > 120<<20 { // the 50 MB are this test's own
				t.Errorf("%d bytes allocated", grown)
			}
		})
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	chunk := make([]byte, 64<<10)
	for r.Context().Err() == nil {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

func TestR24_ASlowAnswerIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "{")
		w.(http.Flusher).Flush()
		<-release
	}))
	defer server.Close()
	defer close(release)
	f, err := newFetcher(server.URL, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := f.fetch(ctx); err == nil {
		t.Error("half an answer is a set")
	}
	if f.client.Timeout != WaitFetch {
		t.Error("the client has no time limit of its own")
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	asked := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.URL.Path]++
		if r.URL.Path == "/jwks" {
			http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
			return
		}
		_, _ = w.Write(testSigner(t).JWKS())
	}))
	defer server.Close()
	s, err := NewSource(server.URL, server.URL+"/jwks", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.Current(t.Context(), time.Now()) != nil || asked["/jwks"] != 1 || asked["/elsewhere"] != 0 {
		t.Errorf("asked %v", asked)
	}
}

func TestASetOfTooManyKeysIsRefused(t *testing.T) {
	key := strings.TrimSuffix(strings.TrimPrefix(string(testSigner(t).JWKS()), `{"keys":[`), "]}")
	of := func(n int) []byte {
		return []byte(`{"keys":[` + strings.TrimSuffix(strings.Repeat(key+",", n), ",") + "]}")
	}
	if set, err := ParseSet(of(MaxKeys)); err != nil || set.Len() != MaxKeys {
		t.Errorf("%d keys: %v", MaxKeys, err)
	}
	if _, err := ParseSet(of(MaxKeys + 1)); err == nil {
		t.Errorf("%d keys are accepted", MaxKeys+1)
	}
	if _, err := ParseSet(append(of(1), make([]byte, MaxSet)...)); err == nil {
		t.Error("more than 1 MiB is accepted")
	}
}
