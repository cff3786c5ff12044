package learn_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/learn"
)

// recorded serves an API behind a Recorder.
func recorded(t *testing.T, api http.HandlerFunc) (l *learn.Learner, address string) {
	t.Helper()
	upstream := httptest.NewServer(api)
	t.Cleanup(upstream.Close)
	to, err := url.Parse(upstream.URL + "/base")
	if err != nil {
		t.Fatal(err)
	}
	if l, err = learn.New(); err != nil {
		t.Fatal(err)
	}
	front := httptest.NewServer(learn.NewRecorder(l, to, log.New(io.Discard, "", 0)))
	t.Cleanup(front.Close)
	return l, front.URL
}

func send(t *testing.T, method, address, contentType, body string, fields ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(fields); i += 2 {
		r.Header.Set(fields[i], fields[i+1])
	}
	res, err := http.DefaultTransport.RoundTrip(r)
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

// ops.learn: what passes is not changed, and what is seen of it is what was sent.
func TestTheRecorderPassesEverythingOnAndWatches(t *testing.T) {
	large := strings.Repeat("x", 11<<20)
	l, address := recorded(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/base/v1/large":
			_, _ = io.WriteString(w, large)
		case "/base/v1/early":
			w.WriteHeader(http.StatusConflict)
		case "/base/v1/gone":
			panic(http.ErrAbortHandler)
		case "/base/v1/stubborn":
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			_, _ = z.Write([]byte(`{"secret_member":1}`))
			_ = z.Close()
		default:
			w.Header().Set("Content-Type", "application/json")
			if r.Header.Get("Accept-Encoding") != "" {
				t.Errorf("an encoding is asked for: %q", r.Header.Get("Accept-Encoding"))
			}
			_, _ = w.Write([]byte(`{"path":"` + r.RequestURI + `","length":` + string('0'+byte(min(9, len(body)))) + `}`))
		}
	})
	if status, text := send(t, "POST", address+"/v1/echo?a=1", "application/json", `{"n":1}`, "Authorization", "Bearer a.b.c"); status != 200 || text != `{"path":"/base/v1/echo?a=1","length":7}` {
		t.Errorf("%d %s", status, text)
	}
	if status, text := send(t, "GET", address+"/v1/large", "", ""); status != 200 || text != large {
		t.Errorf("%d, %d bytes", status, len(text))
	}
	if status, _ := send(t, "PUT", address+"/v1/early", "application/json", `{"note":"`+large+`"}`); status != 409 {
		t.Errorf("%d", status)
	}
	if status, text := send(t, "GET", address+"/v1/stubborn", "", "", "Accept-Encoding", "gzip"); status != 200 || !bytes.HasPrefix([]byte(text), []byte{0x1f, 0x8b}) {
		t.Errorf("%d %q", status, text)
	}
	if status, _ := send(t, "GET", address+"/v1/gone", "", ""); status != 502 {
		t.Errorf("an upstream that goes away: %d", status)
	}
	d, err := l.Describe(learn.Options{Title: "Echo", Server: "http://127.0.0.1:9"})
	if err != nil {
		t.Fatal(err)
	}
	text := string(d.YAML)
	for _, want := range []string{"title: Echo", "url: 'http://127.0.0.1:9'", "/v1/echo:", "n: {type: integer", "bearer:", "/v1/large:", "text/plain: {}", "/v1/stubborn:", "application/json: {}"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, no := range []string{"secret_member", "/v1/early", "/v1/gone", "/base"} {
		if strings.Contains(text, no) {
			t.Errorf("%q is in\n%s", no, text)
		}
	}
	if seen, learned := l.Count(); seen != 5 || learned != 3 {
		t.Errorf("%d seen, %d learned: %v", seen, learned, d.Warnings)
	}
}
