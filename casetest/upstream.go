package casetest

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// Upstream answers with what the case says and remembers what it was asked.
type Upstream struct {
	Addr    string
	replies map[string]string

	mu  sync.Mutex
	got []*http.Request
}

// defaultReply is Alice's order.
const defaultReply = "HTTP/1.1 200 OK\nContent-Type: application/json\n\n" +
	`{"id":"1","customer_id":"alice","tenant_id":"t1","item":"book","quantity":1,"note":""}`

func newUpstream(t testing.TB, replies map[string]string) *Upstream {
	t.Helper()
	u := &Upstream{replies: replies}
	s := httptest.NewServer(http.HandlerFunc(u.serve))
	t.Cleanup(s.Close)
	u.Addr = s.Listener.Addr().String()
	return u
}

func (u *Upstream) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	k := r.Clone(r.Context())
	k.Body = io.NopCloser(bytes.NewReader(body))
	u.mu.Lock()
	u.got = append(u.got, k)
	u.mu.Unlock()
	raw, ok := u.replies[u.saying(string(body))]
	if !ok {
		raw, ok = u.replies[r.URL.Path]
	}
	if !ok {
		if raw, ok = u.replies[""]; !ok {
			raw = defaultReply
		}
	}
	head, rest, _ := strings.Cut(raw, "\n\n")
	res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(strings.ReplaceAll(head, "\n", "\r\n")+"\r\n\r\n")), r)
	if err != nil {
		http.Error(w, "the case's reply cannot be read: "+err.Error(), http.StatusTeapot)
		return
	}
	for k, v := range res.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(res.StatusCode)
	_, _ = io.WriteString(w, strings.TrimSuffix(rest, "\n"))
}

// saying returns which of the parts "upstream ~TEXT" a body holds the text of: the
// longest, or "~".
func (u *Upstream) saying(body string) string {
	found := "~"
	for k := range u.replies {
		if text, ok := strings.CutPrefix(k, "~"); ok && len(k) > len(found) && strings.Contains(body, text) {
			found = k
		}
	}
	return found
}

func (u *Upstream) forget() {
	u.mu.Lock()
	u.got = nil
	u.mu.Unlock()
}

// reached reports whether a request with this method came: what is looked up
// before a write comes as a GET or, of GraphQL, by an operation of ours.
func (u *Upstream) reached(method string) bool {
	for _, r := range u.Requests() {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if r.Method == method && !bytes.Contains(body, []byte("GatehouseLookup")) {
			return true
		}
	}
	return false
}

// last returns the last request since forget, or nil.
func (u *Upstream) last() *http.Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.got) == 0 {
		return nil
	}
	return u.got[len(u.got)-1]
}

// Requests returns all requests since the last case step began.
func (u *Upstream) Requests() []*http.Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]*http.Request(nil), u.got...)
}
