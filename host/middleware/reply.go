package middleware

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host"
)

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
	if p := x.Principal; p != nil && p.Proof != nil {
		ctx, cancel := context.WithCancel(out.Context())
		t.lease = &lease{proof: p.Proof, cancel: cancel}
		out = out.WithContext(ctx)
	}
	t.door.next.ServeHTTP(t, out)
	if t.lease.end() {
		t.cut, t.aborted = true, host.Forfeited
	}
	if !t.begun {
		t.WriteHeader(http.StatusOK)
	}
	if t.items != nil && !t.cut {
		// What is wrong with the end of the reply is in t.cut.
		_ = t.let(t.items.End(t.r.Context(), x))
	}
	large := int64(t.held.Len()) > host.ReplyLimit(x)
	switch {
	case t.hold && large && host.Partial(x):
		// A client that is gone by now will not miss it.
		_ = t.begin()
	case t.hold:
		x.Response.Body = append(x.Response.Body[:0], t.held.Bytes()...)
		engine.Brought(x, gatehouse.ReplyBody)
		if large {
			engine.Fail(x, "proxy", &host.ReplyTooLarge, "the reply's body is over the limit")
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
	left := host.BodyLimit(&t.x) - t.size
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
		engine.Fail(x, "proxy", &host.BodyTooLarge, "")
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
	x.Response.Sequence = x.Endpoint.Plan.Items && host.Sequence(&x.Response)
	engine.Brought(x, gatehouse.Reply)
	// When every step skips the body, or judges it item by item, it is not held.
	if t.hold = t.hold && engine.Advance(t.r.Context(), x) == engine.WantReplyBody; t.hold {
		return
	}
	t.stream()
}

// stream sends the reply's head, if it was not refused: the body follows as it
// comes.
func (t *turn) stream() {
	x := &t.x
	for engine.Advance(t.r.Context(), x) != engine.Done {
		engine.Brought(x, gatehouse.ReplyBody)
	}
	if x.EndedBy == "" {
		t.lease.begin()
	}
	switch {
	case x.EndedBy != "":
	case engine.Items(x) && t.r.Method != http.MethodHead:
		t.items = new(host.Items)
		t.items.Begin(x)
		t.start("")
	default:
		t.start(t.headers.Get("Content-Length"))
	}
}

// Write implements [http.ResponseWriter] for next.
func (t *turn) Write(b []byte) (int, error) {
	if !t.begun {
		t.WriteHeader(http.StatusOK)
	}
	switch over := int64(t.held.Len()) > host.ReplyLimit(&t.x); {
	case t.cut, t.lease != nil && t.lease.over.Load():
		return 0, errCut
	case t.items != nil:
		return len(b), t.let(t.items.Take(t.r.Context(), &t.x, b))
	case t.hold && !over:
		return t.held.Write(b)
	case t.hold && !host.Partial(&t.x):
		return len(b), nil // refused when next is done
	case t.hold:
		if err := t.begin(); err != nil {
			return 0, err
		}
		return t.Write(b)
	case t.x.EndedBy != "":
		return len(b), nil // the reply was refused: nothing of it leaves
	}
	n, err := t.w.Write(b)
	t.sent += int64(n)
	return n, err
}

// begin lets the steps decide on the beginning of a reply that is too large to be
// held, and sends it.
func (t *turn) begin() error {
	x := &t.x
	t.hold = false
	x.Response.Body, x.Response.BodyTooLarge = append(x.Response.Body[:0], t.held.Bytes()...), true
	engine.Brought(x, gatehouse.ReplyBody)
	t.stream()
	if x.EndedBy != "" {
		return nil
	}
	n, err := t.w.Write(x.Response.Body)
	t.sent = int64(n)
	return err
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
