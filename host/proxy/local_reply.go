package proxy

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-api/gatehouse/wire"
)

// localReply is what the handler answers with. It is held whole: what the handler has
// written leaves when it has returned.
type localReply struct {
	*local
	header http.Header
	method string
	status int   // 0 until the head is written
	most   int64 // bytes of the body
	broken error
}

// Header implements [http.ResponseWriter].
func (w *localReply) Header() http.Header { return w.header }

// WriteHeader implements [http.ResponseWriter]. Interim replies go nowhere.
func (w *localReply) WriteHeader(status int) {
	if w.status != 0 || status >= 100 && status < 200 && status != http.StatusSwitchingProtocols {
		return
	}
	w.status = status
	b := append(w.head[:0], "HTTP/1.1 "...)
	b = strconv.AppendInt(b, int64(status), 10)
	b = append(b, ' ', '\r', '\n')
	var few [16]string
	names := few[:0]
	for name := range w.header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range w.header[name] {
			if broken(name) || strings.IndexByte(name, ':') >= 0 || broken(v) {
				w.broken = wire.ErrUnsafe
			}
			b = append(b, name...)
			b = append(b, ':', ' ')
			b = append(b, v...)
			b = append(b, '\r', '\n')
		}
	}
	w.head = b
}

// broken reports whether a text does not end with its line.
func broken(text string) bool {
	return strings.IndexByte(text, '\r') >= 0 || strings.IndexByte(text, '\n') >= 0
}

// bare reports whether a reply of this kind has no body.
func (w *localReply) bare() bool {
	return w.status == http.StatusNoContent || w.status == http.StatusNotModified
}

// Write implements [http.ResponseWriter].
func (w *localReply) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.bare() {
		return 0, http.ErrBodyNotAllowed
	}
	if int64(len(w.body)+len(p)) > w.most {
		w.broken = errReplyTooBig
	}
	if w.broken != nil {
		return 0, w.broken
	}
	w.body = append(w.body, p...)
	return len(p), nil
}

// Flush implements [http.Flusher]: the head is written, and the reply stays whole.
func (w *localReply) Flush() { w.WriteHeader(http.StatusOK) }

// finish makes the reply ready for the wire's reader.
func (w *localReply) finish(date string) error {
	w.WriteHeader(http.StatusOK)
	if w.broken != nil {
		return w.broken
	}
	if w.status == http.StatusSwitchingProtocols {
		return errors.New("proxy: a handler cannot switch protocols")
	}
	if len(w.header["Date"]) == 0 {
		w.head = append(append(append(w.head, "date: "...), date...), '\r', '\n')
	}
	if !w.bare() && len(w.header["Content-Length"]) == 0 {
		w.head = append(w.head, "content-length: "...)
		w.head = strconv.AppendInt(w.head, int64(len(w.body)), 10)
		w.head = append(w.head, '\r', '\n')
	}
	w.head = append(w.head, '\r', '\n')
	w.unread = [2][]byte{w.head, w.body}
	if w.method == http.MethodHead {
		w.unread[1] = nil
	}
	return nil
}
