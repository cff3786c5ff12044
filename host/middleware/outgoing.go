package middleware

import (
	"bytes"
	"io"
	"net/http"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/host"
)

// outgoing is the request that next sees: the canonical one and nothing else.
// Its strings are copies, since next may keep them.
func (t *turn) outgoing(method, path, query string) *http.Request {
	x := &t.x
	out := t.r.Clone(t.r.Context())
	out.Method = strings.Clone(method)
	out.Host = strings.Clone(x.Request.Host)
	out.Header = http.Header{}
	for _, f := range x.Request.Fields {
		if !replaced(&x.Request, f.Name) {
			out.Header.Add(strings.Clone(f.Name), strings.Clone(f.Value))
		}
	}
	for _, f := range x.Request.Forward {
		out.Header.Add(strings.Clone(f.Name), strings.Clone(f.Value))
	}
	uri := strings.Clone(path)
	out.URL.Path, out.URL.RawPath = unescape(uri), uri
	out.URL.RawQuery = strings.Clone(query)
	out.URL.Host, out.URL.Scheme = "", ""
	out.RequestURI = uri
	if query != "" {
		out.RequestURI += "?" + out.URL.RawQuery
	}
	return out
}

// unescape decodes a canonical path: its escapes are well-formed.
func unescape(path string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] != '%' || i+2 >= len(path) {
			b.WriteByte(path[i])
			continue
		}
		b.WriteByte(nibble(path[i+1])<<4 | nibble(path[i+2]))
		i += 2
	}
	return b.String()
}

func nibble(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c - 'A' + 10
}

// replaced reports whether a client's field must not reach next.
func replaced(q *gatehouse.Request, name string) bool {
	same := func(a string) bool { return strings.ReplaceAll(a, "_", "-") == strings.ReplaceAll(name, "_", "-") }
	for _, f := range q.Forward {
		if same(f.Name) {
			return true
		}
	}
	for _, n := range q.Drop {
		if same(n) {
			return true
		}
	}
	return false
}

// lookUp asks next for the object's present state.
func (t *turn) lookUp() {
	x := &t.x
	out := t.outgoing(http.MethodGet, x.Lookup.Path, x.Lookup.Query)
	for name := range out.Header {
		if host.OfTheWrite(strings.ToLower(name)) {
			out.Header.Del(name)
		}
	}
	out.Body, out.ContentLength = http.NoBody, 0
	if n := len(x.Lookup.Send); n > 0 {
		out.Method, out.Body, out.ContentLength = http.MethodPost, io.NopCloser(bytes.NewReader(x.Lookup.Send)), int64(n)
		out.Header.Set("Content-Type", "application/json")
	}
	w := &lookup{header: http.Header{}, status: http.StatusOK}
	t.door.next.ServeHTTP(w, out)
	if w.body.Len() > host.DefaultReplyLimit {
		return
	}
	x.Lookup.Status = w.status
	x.Lookup.ETag = x.Text(w.header.Get("Etag"))
	x.Lookup.Body = append(x.Lookup.Body[:0], w.body.Bytes()...)
}

// lookup holds the reply of a look-up.
type lookup struct {
	header http.Header
	status int
	begun  bool
	body   bytes.Buffer
}

func (l *lookup) Header() http.Header { return l.header }

func (l *lookup) WriteHeader(status int) {
	if !l.begun && status >= 200 {
		l.begun, l.status = true, status
	}
}

func (l *lookup) Write(b []byte) (int, error) {
	l.begun = true
	if l.body.Len() > host.DefaultReplyLimit {
		return len(b), nil
	}
	return l.body.Write(b)
}
