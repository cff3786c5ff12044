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
	"github.com/gatehouse-api/gatehouse/host"
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
	items   *host.Items  // the reply is a sequence that is judged item by item
	cut     bool         // the reply was cut short: nothing follows
	aborted string       // why
	lease   *lease       // what the reply may outlive; nil where there is nothing
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
	if !t.begun || t.hold || x.EndedBy != "" && t.items == nil {
		t.send()
	}
	if t.cut && t.aborted == "" {
		t.aborted = host.CutShort
	}
	if d.cfg.Record != nil {
		d.cfg.Record.Record(x, gatehouse.Traffic{Took: int64(time.Since(now)), In: t.size, Out: t.sent, Aborted: t.aborted})
	}
	if t.cut {
		panic(http.ErrAbortHandler) // the client must not take a cut reply for a whole one
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
		engine.Fail(x, "proxy", &host.NoUpgrade, "the middleware door has no upgrades")
	}
}

// canonical makes the canonical request. An HTTP/1.1 request is written out as
// it stands and read by the wire's own parser, so that both doors have one.
func (t *turn) canonical(l *wire.Limits) error {
	r, x := t.r, &t.x
	x.Conn.TLS, x.Conn.Certificate = r.TLS, host.Certificate(r.TLS)
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

func (t *turn) readBody() {
	x := &t.x
	b, err := io.ReadAll(io.LimitReader(t.r.Body, host.BodyLimit(&t.x)+1))
	t.size = int64(len(b))
	if err != nil {
		engine.Fail(x, "wire", &host.ClientGone, "")
		return
	}
	if t.size > host.BodyLimit(&t.x) {
		x.Request.BodyTooLarge = true
		b = b[:host.BodyLimit(&t.x)]
	}
	x.Request.Body = b
}
