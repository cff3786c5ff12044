package wire

import (
	"errors"
	"net/http"
	"strconv"

	"github.com/gatehouse-api/gatehouse"
)

// ErrUnsafe is returned by the serialisers for a name, a value or a target that
// must not go on the wire: with a control character it could end a field
// and begin another. What was appended is worthless then; nothing may be sent.
// Stripping such a byte would change who is named in an identity field.
var ErrUnsafe = errors.New("wire: a name, a value or a target must not go on the wire")

// AppendRequestHead appends the head that the upstream gets: the canonical
// target behind the upstream's prefix, Host, the client's fields but for those
// in q.Drop and for those whose name, "_" and "-" being equal, is in q.Forward,
// then the framing, and q.Forward last. n is the length in bytes for [Length].
func AppendRequestHead(b []byte, q *gatehouse.Request, up *gatehouse.Upstream, f Framing, n int64) ([]byte, error) {
	host := up.Host
	if host == "" {
		host = q.Host
	}
	if !isToken(q.Method) || !isTarget(up.Prefix) || !isTarget(q.Path) || !isTarget(q.Query) || host == "" || !isTarget(host) ||
		q.Path == "" || q.Path[0] != '/' {
		return b, ErrUnsafe
	}
	b = append(b, q.Method...)
	b = append(b, ' ')
	b = append(b, up.Prefix...)
	b = append(b, q.Path...)
	if q.Query != "" {
		b = append(b, '?')
		b = append(b, q.Query...)
	}
	b = append(b, " HTTP/1.1\r\nhost: "...)
	b = append(b, host...)
	b = append(b, '\r', '\n')
	ok := true
	for i := range q.Fields {
		field := &q.Fields[i]
		if !dropped(q, field.Name) && !transport(field.Name) {
			b, ok = appendField(b, field, ok)
		}
	}
	if q.Upgrade {
		b = append(b, upgradeFields...)
	} else {
		b = appendFraming(b, f, n)
	}
	for i := range q.Forward {
		field := &q.Forward[i]
		b, ok = appendField(b, field, ok && !transport(field.Name))
	}
	if !ok {
		return b, ErrUnsafe
	}
	return append(b, '\r', '\n'), nil
}

const upgradeFields = "connection: upgrade\r\nupgrade: websocket\r\n"

// dropped reports whether a field of the client is not to be forwarded.
func dropped(q *gatehouse.Request, name string) bool {
	for _, d := range q.Drop {
		if sameField(name, d) {
			return true
		}
	}
	for i := range q.Forward {
		if sameField(name, q.Forward[i].Name) {
			return true
		}
	}
	return false
}

// sameField compares names as a CGI-like application does, to which "_" and "-"
// are one (RFC 3875 section 4.1.18), in any case.
func sameField(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if x, y := lowered[a[i]], lowered[b[i]]; x != y && (x != '_' && x != '-' || y != '_' && y != '-') {
			return false
		}
	}
	return true
}

// transport reports whether the serialiser alone may write the field.
func transport(name string) bool {
	const lengths = 1<<2 | 1<<4 | 1<<7 | 1<<10 | 1<<14 | 1<<16 | 1<<17
	if lengths>>len(name)&1 == 0 {
		return false
	}
	switch name {
	case "te", "host", "upgrade", "trailer", "connection", "keep-alive", "content-length", "proxy-connection", "transfer-encoding":
		return true
	}
	return false
}

// AppendResponseHead appends the head that the client gets. With [Length], n is
// the length in bytes, also in the reply to HEAD, which has no body; [None]
// writes no framing. A 101 gets the fields of the upgrade; replies that cannot
// have a body get no framing whatever f says.
func AppendResponseHead(b []byte, p *gatehouse.Response, f Framing, n int64, close bool) ([]byte, error) {
	if p.Status < 100 || p.Status > 999 {
		return b, ErrUnsafe
	}
	if p.Status == http.StatusOK { // most are
		b = append(b, "HTTP/1.1 200 OK\r\n"...)
	} else {
		b = append(b, "HTTP/1.1 "...)
		b = strconv.AppendInt(b, int64(p.Status), 10)
		b = append(b, ' ')
		b = append(b, http.StatusText(p.Status)...)
		b = append(b, '\r', '\n')
	}
	ok := true
	for i := range p.Fields {
		field := &p.Fields[i]
		if !transport(field.Name) {
			b, ok = appendField(b, field, ok)
		}
	}
	if !ok {
		return b, ErrUnsafe
	}
	switch {
	case p.Status == 101:
		return append(append(b, upgradeFields...), '\r', '\n'), nil
	case p.Status >= 200 && p.Status != 204:
		b = appendFraming(b, f, n)
	}
	if close || f == UntilClose {
		b = append(b, "connection: close\r\n"...)
	}
	return append(b, '\r', '\n'), nil
}

func appendFraming(b []byte, f Framing, n int64) []byte {
	switch f {
	case Length:
		b = append(b, "content-length: "...)
		b = strconv.AppendInt(b, n, 10)
		return append(b, '\r', '\n')
	case Chunked:
		return append(b, "transfer-encoding: chunked\r\n"...)
	}
	return b
}

// appendField appends a field line; ok becomes false for one that is unsafe.
func appendField(b []byte, f *gatehouse.Field, ok bool) ([]byte, bool) {
	if line := f.Line(); line != "" { // checked when it was read, or made
		return append(b, line...), ok
	}
	if !isToken(f.Name) || !isValue(raw(f.Value)) {
		return b, false
	}
	b = append(b, f.Name...)
	b = append(b, ':', ' ')
	b = append(b, f.Value...)
	return append(b, '\r', '\n'), ok
}

// isTarget reports whether s is visible ASCII without a fragment.
func isTarget(s string) bool {
	for i := 0; i < len(s); i++ {
		if class[s[i]]&inTarget == 0 || s[i] == '#' {
			return false
		}
	}
	return true
}

// AppendChunkSize appends the line before a chunk of n bytes, which must be more
// than zero; the data and CRLF must follow.
func AppendChunkSize(b []byte, n int) []byte {
	b = strconv.AppendInt(b, int64(n), 16)
	return append(b, '\r', '\n')
}

// AppendChunk appends data as one chunk. It appends nothing when there is no
// data, since an empty chunk is the last.
func AppendChunk(b, data []byte) []byte {
	if len(data) == 0 {
		return b
	}
	b = AppendChunkSize(b, len(data))
	b = append(b, data...)
	return append(b, '\r', '\n')
}

// AppendLastChunk appends the last chunk and the trailer section. Fields that
// must not stand in one are an error.
func AppendLastChunk(b []byte, trailers gatehouse.Fields) ([]byte, error) {
	b = append(b, '0', '\r', '\n')
	ok := true
	for i := range trailers {
		b, ok = appendField(b, &trailers[i], ok && inTrailer(trailers[i].Name))
	}
	if !ok {
		return b, ErrUnsafe
	}
	return append(b, '\r', '\n'), nil
}
