package proxy

import (
	"context"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"

	"github.com/gatehouse-api/gatehouse/wire"
)

// readWritten returns the request, without a body, that [http.ReadRequest] reads from a
// head of [wire.AppendRequestHead]. Every line of it is known to be whole, safe and in
// its place, so that it is cut and not parsed, which costs a third.
func readWritten(ctx context.Context, head []byte, f wire.Framing, n int64) (*http.Request, error) {
	line, fields, _ := strings.Cut(string(head), "\r\n")
	method, target, _ := strings.Cut(line, " ")
	target, proto, _ := strings.Cut(target, " ")
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, err
	}
	host, fields, _ := strings.Cut(strings.TrimPrefix(fields, "host: "), "\r\n")
	r := (&http.Request{
		Method: method, URL: u, Proto: proto, ProtoMajor: 1, ProtoMinor: 1, Host: host, RequestURI: target,
		Header: cutFields(fields), Body: http.NoBody, RemoteAddr: "@", // as of a socket without a name
	}).WithContext(ctx)
	switch _, upgrade := r.Header["Upgrade"]; {
	case upgrade: // the serialiser writes no framing then
	case f == wire.Length:
		r.ContentLength = n
	case f == wire.Chunked:
		r.ContentLength, r.TransferEncoding = -1, []string{"chunked"}
		delete(r.Header, "Transfer-Encoding")
	}
	return r, nil
}

// spelled is [http.CanonicalHeaderKey], which looks most of these up in a map and has to
// make the others.
func spelled(name string) string {
	switch name {
	case "content-type":
		return "Content-Type"
	case "content-length":
		return "Content-Length"
	case "authorization":
		return "Authorization"
	case "accept":
		return "Accept"
	case "cookie":
		return "Cookie"
	case "user-agent":
		return "User-Agent"
	case "traceparent":
		return "Traceparent"
	case "x-request-id":
		return "X-Request-Id"
	case "forwarded":
		return "Forwarded"
	case "accept-encoding":
		return "Accept-Encoding"
	}
	return http.CanonicalHeaderKey(name)
}

// cutFields returns the field lines, up to the empty one.
func cutFields(text string) http.Header {
	lines := strings.Count(text, "\n") - 1
	h, values := make(http.Header, lines), make([]string, lines)
	for range lines {
		line, rest, _ := strings.Cut(text, "\r\n")
		name, value, _ := strings.Cut(line, ":")
		text, value = rest, textproto.TrimString(value)
		name = spelled(name)
		if before, ok := h[name]; ok {
			h[name] = append(before, value)
			continue
		}
		values[0] = value
		h[name], values = values[:1:1], values[1:]
	}
	if h.Get("Pragma") == "no-cache" && len(h["Cache-Control"]) == 0 {
		h["Cache-Control"] = []string{"no-cache"} // as net/http does, RFC 9111 section 5.4
	}
	return h
}
