// Package middleware is the door inside a Go program: the same plans in front of
// an http.Handler instead of an upstream.
//
// It defends like the proxy from the canonical request on. What lies below, the
// connection, belongs to the program's own http.Server: set its timeouts.
// net/http has already repaired what it read by the time a handler sees it, so
// the proxy is the stricter door.
package middleware

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/wire"
)

// Config is what the door needs.
type Config struct {
	Gate   *engine.Gate
	Record gatehouse.Recorder // may be nil
	Limits wire.Limits        // zero means wire.DefaultLimits
	// Client says who asks, as in the proxy's configuration. Nil means the peer.
	Client func(peer netip.Addr, forwarded gatehouse.Fields) (client netip.Addr, secure bool)
}

const (
	bodyLimit  = 1 << 20 // of request bodies, where no control says otherwise
	replyLimit = 4 << 20 // of reply bodies that must be held whole
)

var (
	clientGone  = gatehouse.Answer{Status: 400, Reason: "proxy.client_gone", Public: "The request body is incomplete"}
	tooLarge    = gatehouse.Answer{Status: 413, Reason: "proxy.body_too_large", Public: "The request body is too large"}
	replyTooBig = gatehouse.Answer{Status: 502, Reason: "proxy.reply_too_large", Public: "The service is unavailable"}
	noUpgrade   = gatehouse.Answer{Status: 400, Reason: "proxy.upgrade", Public: "This endpoint does not take upgrades"}
)

// Wrap puts the gate in front of next. The endpoints' upstreams are not used.
func Wrap(c Config, next http.Handler) http.Handler {
	if c.Limits == (wire.Limits{}) {
		c.Limits = wire.DefaultLimits()
	}
	d := &door{cfg: c, next: next}
	d.turns.New = func() any { return &turn{reader: wire.NewReader(nil)} }
	return d
}

type door struct {
	cfg   Config
	next  http.Handler
	turns sync.Pool
}

// turn is the memory of one exchange.
type turn struct {
	x       gatehouse.Exchange
	reader  *wire.Reader
	message wire.Message
	head    []byte
	w       http.ResponseWriter
	r       *http.Request
	door    *door
	held    bytes.Buffer // the reply, when it must be held whole
	headers http.Header  // what next has set
	begun   bool         // next has begun its reply
	hold    bool         // the reply is held
	size    int64        // request body bytes
	sent    int64
}

// ServeHTTP implements [http.Handler].
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t := d.turns.Get().(*turn)
	now := time.Now()
	t.w, t.r, t.door, t.headers = w, r, d, http.Header{}
	x := &t.x
	x.Reset()
	defer func() {
		x.Reset()
		*t = turn{x: t.x, reader: t.reader, message: t.message, head: t.head[:0]}
		d.turns.Put(t)
	}()
	policy := d.cfg.Gate.Policy()
	limits := d.cfg.Limits
	limits.Permit = policy.Permits() // until the endpoint is known
	err := t.canonical(&limits)
	x.Conn.Client = x.Conn.Peer.Addr()
	x.Conn.Secure = r.TLS != nil
	if d.cfg.Client != nil {
		client, secure := d.cfg.Client(x.Conn.Client, t.message.Forwarded)
		x.Conn.Client, x.Conn.Secure = client, x.Conn.Secure || secure
	}
	var refusal *wire.Refusal
	switch {
	case errors.As(err, &refusal):
		line := ""
		if refusal.Permit != 0 {
			line = engine.PermitLine(t.message.Needs)
		}
		d.cfg.Gate.BeginRefused(x, now, refusal.Answer, line)
	case err != nil:
		http.Error(w, "Bad Request", http.StatusBadRequest)
		return
	default:
		d.cfg.Gate.BeginUnder(policy, x, now)
		t.admitted(policy)
	}
	t.walk()
	if !t.begun || t.hold || x.EndedBy != "" {
		t.send()
	}
	if d.cfg.Record != nil {
		d.cfg.Record.Record(x, gatehouse.Traffic{Took: int64(time.Since(now)), In: t.size, Out: t.sent})
	}
}

// admitted refuses what the endpoint does not permit and what this door cannot do.
func (t *turn) admitted(p *engine.Policy) {
	x := &t.x
	if needs := t.message.Needs; needs != 0 {
		if missing, why := p.Missing(x, needs); missing != 0 {
			engine.Fail(x, "wire", wire.Unpermitted(missing).Answer, why)
			return
		}
	}
	if x.Request.Upgrade {
		engine.Fail(x, "proxy", &noUpgrade, "the middleware door has no upgrades")
	}
}

// canonical makes the canonical request. An HTTP/1.1 request is written out as
// it stands and read by the wire's own parser, so that both doors have one.
func (t *turn) canonical(l *wire.Limits) error {
	r, x := t.r, &t.x
	x.Conn.TLS = r.TLS
	if p, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		x.Conn.Peer = netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
	}
	x.Request.Scheme = "http"
	if r.TLS != nil {
		x.Request.Scheme = "https"
	}
	target := r.RequestURI
	if target == "" {
		target = r.URL.RequestURI()
	}
	var err error
	if r.ProtoMajor == 2 {
		var fields gatehouse.Fields
		for k, vs := range r.Header {
			for _, v := range vs {
				fields.Add(strings.ToLower(k), v)
			}
		}
		t.head, err = wire.Canonical(&x.Request, &t.message, t.head, wire.Pseudo{Method: r.Method, Scheme: x.Request.Scheme, Authority: r.Host, Path: target}, fields, l)
	} else {
		b := append(t.head[:0], r.Method+" "+target+" HTTP/1.1\r\nHost: "+r.Host+"\r\n"...)
		for k, vs := range r.Header {
			if k == "Content-Length" {
				continue // said below, as net/http has understood it
			}
			for _, v := range vs {
				b = append(b, k+": "+v+"\r\n"...)
			}
		}
		if r.ContentLength != 0 {
			b = append(b, "Transfer-Encoding: chunked\r\n"...)
		}
		b = append(b, "\r\n"...)
		t.head = b
		t.reader.Reset(bytes.NewReader(b))
		if err = t.reader.Head(); err == nil {
			err = t.reader.ParseRequest(&x.Request, &t.message, l)
		}
	}
	x.Request.HasBody = r.ContentLength != 0
	return err
}

// walk brings what the engine wants until it is done.
func (t *turn) walk() {
	x := &t.x
	for {
		switch engine.Advance(t.r.Context(), x) {
		case engine.WantBody:
			t.readBody()
			engine.Brought(x, gatehouse.Body)
		case engine.WantObject:
			t.lookUp()
			engine.Brought(x, gatehouse.Object)
		case engine.WantReply:
			t.forward()
			if !t.hold {
				return // the rest of the walk took place when next began its reply
			}
		case engine.WantReplyBody:
			engine.Brought(x, gatehouse.ReplyBody)
		default:
			return
		}
	}
}

func (t *turn) limit() int64 {
	if n := t.x.Request.BodyLimit; n > 0 {
		return n
	}
	return bodyLimit
}

func (t *turn) readBody() {
	x := &t.x
	b, err := io.ReadAll(io.LimitReader(t.r.Body, t.limit()+1))
	t.size = int64(len(b))
	if err != nil {
		engine.Fail(x, "wire", &clientGone, "")
		return
	}
	if t.size > t.limit() {
		x.Request.BodyTooLarge = true
		b = b[:t.limit()]
	}
	x.Request.Body = b
}

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

// forward calls next.
func (t *turn) forward() {
	x := &t.x
	t.hold = x.Endpoint.Plan.ReplyBody
	out := t.outgoing(x.Request.Method, x.Request.Path, x.Request.Query)
	if x.Cursor.Have >= gatehouse.Body {
		out.Body = io.NopCloser(bytes.NewReader(x.Request.Body))
		out.ContentLength = int64(len(x.Request.Body))
	} else {
		out.Body = &limited{ReadCloser: t.r.Body, turn: t}
	}
	t.door.next.ServeHTTP(t, out)
	if !t.begun {
		t.WriteHeader(http.StatusOK)
	}
	if t.hold {
		x.Response.Body = append(x.Response.Body[:0], t.held.Bytes()...)
		engine.Brought(x, gatehouse.ReplyBody)
		if t.held.Len() > replyLimit {
			engine.Fail(x, "proxy", &replyTooBig, "the reply's body is over the limit")
		}
	}
}

// limited counts a streamed request body and ends it at its limit.
type limited struct {
	io.ReadCloser
	turn *turn
}

var errTooLarge = errors.New("middleware: the request body is over its limit")

// Read implements [io.Reader].
func (l *limited) Read(p []byte) (int, error) {
	t := l.turn
	left := t.limit() - t.size
	if int64(len(p)) > left+1 {
		p = p[:left+1]
	}
	n, err := l.ReadCloser.Read(p)
	if int64(n) > left {
		t.x.Request.BodyTooLarge = true
		return 0, errTooLarge
	}
	t.size += int64(n)
	return n, err
}

// Header implements [http.ResponseWriter] for next.
func (t *turn) Header() http.Header { return t.headers }

// WriteHeader implements [http.ResponseWriter] for next. A reply that need not
// be held walks on from here and is streamed.
func (t *turn) WriteHeader(status int) {
	if t.begun || status < 200 {
		return
	}
	t.begun = true
	x := &t.x
	x.Response.Status = status
	if x.Request.BodyTooLarge {
		engine.Fail(x, "proxy", &tooLarge, "")
	}
	for k, vs := range t.headers {
		name := strings.ToLower(k)
		switch name {
		case "content-length", "connection", "transfer-encoding", "keep-alive", "upgrade", "trailer":
			continue
		}
		for _, v := range vs {
			x.Response.Fields.Add(name, v)
		}
	}
	engine.Brought(x, gatehouse.Reply)
	if t.hold {
		return
	}
	for engine.Advance(t.r.Context(), x) != engine.Done {
		engine.Brought(x, gatehouse.ReplyBody)
	}
	if x.EndedBy == "" {
		t.start(t.headers.Get("Content-Length"))
	}
}

// Write implements [http.ResponseWriter] for next.
func (t *turn) Write(b []byte) (int, error) {
	if !t.begun {
		t.WriteHeader(http.StatusOK)
	}
	switch {
	case t.hold:
		if t.held.Len() > replyLimit {
			return len(b), nil // refused when next is done
		}
		return t.held.Write(b)
	case t.x.EndedBy != "":
		return len(b), nil // the reply was refused: nothing of it leaves
	}
	n, err := t.w.Write(b)
	t.sent += int64(n)
	return n, err
}

// Flush implements [http.Flusher] for next, where the reply is streamed.
func (t *turn) Flush() {
	if f, ok := t.w.(http.Flusher); ok && t.begun && !t.hold && t.x.EndedBy == "" {
		f.Flush()
	}
}

func (t *turn) start(length string) {
	h := t.w.Header()
	for _, f := range t.x.Response.Fields {
		h.Add(f.Name, strings.Clone(f.Value))
	}
	if length != "" {
		h.Set("Content-Length", length)
	}
	if len(h["Content-Type"]) == 0 {
		h["Content-Type"] = nil // net/http must not guess one
	}
	t.w.WriteHeader(t.x.Response.Status)
}

// send answers with the response that is held.
func (t *turn) send() {
	r := &t.x.Response
	t.start("")
	if t.r.Method == http.MethodHead || r.Status == http.StatusNoContent || r.Status == http.StatusNotModified {
		return
	}
	n, _ := t.w.Write(r.Body)
	t.sent = int64(n)
}

// lookUp asks next for the object's present state.
func (t *turn) lookUp() {
	x := &t.x
	out := t.outgoing(http.MethodGet, x.Lookup.Path, "")
	out.Header.Del("Content-Type")
	out.Body, out.ContentLength = http.NoBody, 0
	w := &lookup{header: http.Header{}, status: http.StatusOK}
	t.door.next.ServeHTTP(w, out)
	if w.body.Len() > replyLimit {
		return
	}
	x.Lookup.Status = w.status
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
	if l.body.Len() > replyLimit {
		return len(b), nil
	}
	return l.body.Write(b)
}
