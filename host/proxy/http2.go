package proxy

//lint:file-ignore SA1019 net/http serves HTTP/2 only on listeners of its own; the
// connections here have passed our caps, our handshake and our meter first.

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http2"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/wire"
)

const (
	h2Streams = 100      // concurrent streams of one connection
	h2Window  = 64 << 10 // bytes, per stream and per connection
)

// newHTTP2 sets up the library's server with bounded windows, streams and lists.
func (s *Server) newHTTP2() error {
	s.h2 = &http2.Server{
		MaxConcurrentStreams:         h2Streams,
		MaxUploadBufferPerStream:     h2Window,
		MaxUploadBufferPerConnection: h2Window,
		MaxReadFrameSize:             16 << 10,
		MaxDecoderHeaderTableSize:    4 << 10,
		IdleTimeout:                  s.cfg.IdleTime,
		WriteByteTimeout:             s.cfg.BodyGrace,
	}
	s.base = &http.Server{
		MaxHeaderBytes: s.cfg.Limits.Head,
		ErrorLog:       log.New(io.Discard, "", 0), // what goes wrong is the client's, and is counted
	}
	if err := http2.ConfigureServer(s.base, s.h2); err != nil {
		return fmt.Errorf("proxy: setting up HTTP/2: %w", err)
	}
	return nil
}

// serveHTTP2 serves the connection through the library, metered.
func (c *conn) serveHTTP2() {
	s := c.server
	// The library waits 10 s for the client's preface; it is part of the handshake.
	s.watcher.phase(&c.watch, c.tcp, s.cfg.HandshakeTime)
	m := &meter{Conn: c.net, tls: c.tls, now: s.watcher.now.Load, greeted: func() { s.watcher.rest(&c.watch) }}
	s.h2.ServeConn(m, &http2.ServeConnOpts{
		BaseConfig: s.base,
		Handler:    http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.serveStream(m, w, r) }),
	})
	c.late()
	if m.over() {
		s.stats.expired.Add(1)
	}
}

// stream is one request over HTTP/2.
type stream struct {
	server  *Server
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	message wire.Message
	buf     []byte
	size    int64
	began   time.Time
	flush   bool
}

// serveStream makes the canonical request and walks it like any other.
func (c *conn) serveStream(m *meter, w http.ResponseWriter, r *http.Request) {
	s := c.server
	t := s.turns.Get().(*turn)
	defer s.putTurn(t)
	t.watch = &watch{}
	s.watcher.add(t.watch)
	defer s.watcher.remove(t.watch)
	d := &stream{server: s, w: w, r: r, control: http.NewResponseController(w), began: time.Now()}
	x := &t.x
	x.Conn.Peer, x.Conn.TLS, x.Conn.Certificate = c.peer, c.tls, c.shown
	x.Request.Scheme, x.Request.Major = "http", 2
	if c.tls != nil {
		x.Request.Scheme = "https"
	}
	p := wire.Pseudo{Method: r.Method, Scheme: x.Request.Scheme, Authority: r.Host, Path: r.RequestURI}
	policy := s.cfg.Gate.Policy()
	limits := s.limits(policy)
	var err error
	t.list, err = wire.Canonical(&x.Request, &d.message, t.list, p, listOf(r.Header), &limits)
	if d.message.Framing == wire.None && r.ContentLength != 0 {
		d.message.Framing, d.message.Length = wire.Chunked, -1
		x.Request.HasBody = true
	}
	s.identify(t, &d.message)
	var refusal *wire.Refusal
	switch {
	case errors.As(err, &refusal):
		s.cfg.Gate.BeginRefused(x, d.began, refusal.Answer, permitLine(refusal, &d.message))
	case err != nil:
		panic(http.ErrAbortHandler)
	default:
		s.cfg.Gate.BeginUnder(policy, x, d.began)
		s.admitted(x, policy, d.message.Needs)
	}
	s.drive(r.Context(), t, d)
	ok := s.answer(r.Context(), t, d)
	s.recordTurn(t, d.size)
	if r.Context().Err() == nil {
		m.completed.Add(1)
	}
	if !ok {
		panic(http.ErrAbortHandler) // RST_STREAM: the client must not take a cut answer for a whole one
	}
}

// listOf makes an ordered list of the library's map. The order among names is
// lost; it is the alphabet's, so that the same request is always the same.
func listOf(h http.Header) gatehouse.Fields {
	names := make([]string, 0, len(h))
	for k := range h {
		names = append(names, k)
	}
	slices.Sort(names)
	f := make(gatehouse.Fields, 0, len(h))
	for _, k := range names {
		for _, v := range h[k] {
			f = append(f, gatehouse.Field{Name: strings.ToLower(k), Value: v})
		}
	}
	return f
}

// framing implements downstream.
func (d *stream) framing() (wire.Framing, int64) { return d.message.Framing, d.message.Length }

// next implements downstream.
func (d *stream) next() ([]byte, error) {
	s := d.server
	if d.buf == nil {
		d.buf = make([]byte, 16<<10)
	}
	late := s.cfg.BodyGrace + time.Duration(d.size*int64(time.Second)/s.cfg.MinRate)
	_ = d.control.SetReadDeadline(d.began.Add(late))
	n, err := d.r.Body.Read(d.buf)
	d.size += int64(n)
	switch {
	case err == nil || err == io.EOF:
		return d.buf[:n], err
	case d.r.Context().Err() == nil && time.Since(d.began) >= late:
		s.stats.expired.Add(1)
		return nil, errSlow
	default:
		return nil, errClient
	}
}

// trailers implements downstream: trailers of requests are not taken.
func (d *stream) trailers() gatehouse.Fields { return nil }

// start implements downstream.
func (d *stream) start(t *turn, f wire.Framing, n int64) error {
	t.out = t.out[:0]
	h := d.w.Header()
	for _, v := range t.x.Response.Fields {
		// The library's HPACK table keeps the strings beyond the exchange, whose
		// views would change under it.
		k := http.CanonicalHeaderKey(strings.Clone(v.Name))
		h[k] = append(h[k], strings.Clone(v.Value))
	}
	if f == wire.Length {
		h["Content-Length"] = []string{strconv.FormatInt(n, 10)}
	}
	if _, ok := h["Content-Type"]; !ok {
		h["Content-Type"] = nil // the library must not guess one
	}
	d.flush = f == wire.Chunked
	_ = d.control.SetWriteDeadline(time.Now().Add(d.server.writeTime(len(t.x.Response.Body))))
	d.w.WriteHeader(t.x.Response.Status)
	return nil
}

// write implements downstream.
func (d *stream) write(_ *turn, b []byte) error {
	if len(b) > 0 {
		_ = d.control.SetWriteDeadline(time.Now().Add(d.server.writeTime(len(b))))
		if _, err := d.w.Write(b); err != nil {
			return err
		}
	}
	if d.flush {
		return d.control.Flush()
	}
	return nil
}

// chunked implements downstream: HTTP/2 frames the body.
func (d *stream) chunked() bool { return false }

// end implements downstream.
func (d *stream) end(_ *turn, trailers gatehouse.Fields) error {
	for _, v := range trailers {
		d.w.Header().Add(http.TrailerPrefix+http.CanonicalHeaderKey(v.Name), strings.Clone(v.Value))
	}
	return nil
}

var _ interface{ ConnectionState() tls.ConnectionState } = (*meter)(nil)
