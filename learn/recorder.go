package learn

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
)

// maxRecorded bounds how much of a body is looked at: as much as the gateway takes.
const maxRecorded = 10 << 20

// Recorder passes requests on to an upstream and lets a [Learner] watch. It has
// no control whatsoever, since it stands where there is no description to control
// by: it is a tool for development, to be reached from the same machine only.
type Recorder struct {
	learner *Learner
	proxy   *httputil.ReverseProxy
}

// NewRecorder returns a Recorder in front of the upstream. Problems with the
// upstream go to problems.
func NewRecorder(l *Learner, upstream *url.URL, problems *log.Logger) *Recorder {
	transport := &http.Transport{Proxy: nil, DisableCompression: true, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 64}
	return &Recorder{learner: l, proxy: &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(upstream)
			p.Out.Header.Del("Accept-Encoding") // what is encoded cannot be learned from
		},
		ModifyResponse: recordReply,
		Transport:      transport,
		FlushInterval:  -1,
		ErrorLog:       problems,
	}}
}

// recordKey is under which a request's context holds its record.
type recordKey struct{}

// record is one exchange in progress.
type record struct {
	request, reply *tee
	status         int
	replyType      string
	encoded        bool
}

// ServeHTTP passes one request on, and learns from it when it is over.
func (r *Recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	rec := &record{request: &tee{in: q.Body}}
	x := &Exchange{Method: q.Method, Target: q.RequestURI}
	for name, values := range q.Header {
		for _, v := range values {
			x.Fields.Add(strings.ToLower(name), v)
		}
	}
	sent := q.ContentLength != 0
	if sent {
		q.Body = rec.request
	}
	// A client that goes away makes the proxy panic; what was seen until then is
	// no whole exchange.
	over := false
	defer func() {
		if over {
			rec.finish(x, q, sent)
			r.learner.Observe(x)
		}
	}()
	r.proxy.ServeHTTP(w, q.WithContext(context.WithValue(q.Context(), recordKey{}, rec)))
	over = true
}

func recordReply(res *http.Response) error {
	rec, ok := res.Request.Context().Value(recordKey{}).(*record)
	if !ok || res.StatusCode == http.StatusSwitchingProtocols {
		return nil
	}
	rec.status, rec.replyType = res.StatusCode, res.Header.Get("Content-Type")
	rec.encoded = encoded(res.Header)
	rec.reply = &tee{in: res.Body}
	res.Body = rec.reply
	return nil
}

func encoded(h http.Header) bool {
	e := h.Get("Content-Encoding")
	return e != "" && !strings.EqualFold(e, "identity")
}

// finish completes the exchange.
func (rec *record) finish(x *Exchange, q *http.Request, sent bool) {
	x.Status = rec.status
	if sent {
		x.Body = rec.request.body(q.Header.Get("Content-Type"), encoded(q.Header))
	}
	if rec.reply != nil {
		x.Reply = rec.reply.body(rec.replyType, rec.encoded)
	}
}

// tee keeps the beginning of what is read through it.
type tee struct {
	in   io.ReadCloser
	mu   sync.Mutex // an upstream may answer while its request is still being sent
	kept []byte
	more bool // there was more than is kept
	end  bool // everything was read
}

// Read implements [io.Reader].
func (t *tee) Read(p []byte) (int, error) {
	n, err := t.in.Read(p)
	t.mu.Lock()
	defer t.mu.Unlock()
	keep := min(n, maxRecorded-len(t.kept))
	t.kept = append(t.kept, p[:keep]...)
	t.more = t.more || keep < n
	t.end = t.end || err == io.EOF
	return n, err
}

// Close implements [io.Closer].
func (t *tee) Close() error { return t.in.Close() }

func (t *tee) body(contentType string, encoded bool) Body {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.more || encoded || !t.end {
		return Body{Type: contentType, Unseen: t.more || len(t.kept) > 0 || !t.end}
	}
	return Body{Type: contentType, Bytes: t.kept}
}
