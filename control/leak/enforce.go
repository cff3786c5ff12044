package leak

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

var (
	blocked = &gatehouse.Answer{Status: 502, Reason: "leak.blocked", Public: "The reply was not fit to leave"}
	encoded = &gatehouse.Answer{Status: 502, Reason: "leak.encoded", Public: "The reply was not fit to leave"}
)

// askPlain asks for bodies that can be read.
func askPlain(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	x.Request.Forward.SetAll(plain)
	return gatehouse.Pass, nil
}

var plain = gatehouse.NewPreset(gatehouse.Field{Name: "accept-encoding", Value: "identity"})

// binary reports a success whose media type has no text to look for leaks in:
// images, sound, archives. Such a reply is streamed, however long it is.
func binary(x *gatehouse.Exchange) bool {
	r := &x.Response
	if r.Own || r.Status >= 400 {
		return false
	}
	value := r.Fields.Get("content-type")
	if strings.HasPrefix(value, "application/json") {
		return false // most are, and asked twice
	}
	name, _, _ := strings.Cut(value, ";")
	name = strings.Trim(name, " \t")
	for _, prefix := range [...]string{"image/", "audio/", "video/", "font/"} {
		if len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return !strings.EqualFold(name, "image/svg+xml")
		}
	}
	for _, whole := range [...]string{"application/octet-stream", "application/pdf", "application/zip", "application/gzip", "application/x-tar"} {
		if strings.EqualFold(name, whole) {
			return true
		}
	}
	return false
}

// inspect looks at a reply's body and replaces what tells too much.
func (l *look) inspect(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	r := &x.Response
	if r.Own || len(r.Body) == 0 {
		return gatehouse.Pass, nil
	}
	if r.Status >= 500 {
		replace(x, "leak.server_error", "The service could not answer")
		return gatehouse.PassBy("leak.replaced"), nil
	}
	if e := r.Fields.Get("content-encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return gatehouse.Deny(encoded), nil
	}
	if r.Status >= 400 {
		if found := l.failure(r.Body); found != nothing {
			replace(x, "leak.client_error", http.StatusText(r.Status))
			return gatehouse.PassBy("leak.replaced").Because(whats[found]), nil
		}
		return gatehouse.Pass, nil
	}
	found, masked := l.success(r.Body, isJSON(r))
	switch {
	case found != nothing:
		return gatehouse.Deny(blocked).Because(whats[found]), nil
	case masked:
		r.Changed()
		return gatehouse.PassBy("leak.masked").Because(whats[cardNumber]), nil
	}
	return gatehouse.Pass, nil
}

// isJSON reports whether a body is JSON by its media type, or begins like it.
func isJSON(r *gatehouse.Response) bool {
	name, _, _ := strings.Cut(r.Fields.Get("content-type"), ";")
	name = strings.Trim(name, " \t")
	if n := len(name) - len("json"); n > 0 && strings.EqualFold(name[n:], "json") {
		return true
	}
	for _, c := range r.Body {
		switch c {
		case ' ', '\t', '\r', '\n':
			continue
		}
		return c == '{' || c == '['
	}
	return false
}

// replace puts a problem document (RFC 9457) in the body's place and keeps the
// status.
func replace(x *gatehouse.Exchange, reason, title string) {
	r := &x.Response
	b := append(r.Body[:0], `{"type":"urn:gatehouse:problem:`...)
	b = append(b, reason...)
	b = append(b, `","title":"`...)
	b = append(b, title...) // ours or net/http's: nothing in it needs an escape
	b = append(b, `","status":`...)
	b = strconv.AppendInt(b, int64(r.Status), 10)
	b = append(b, `,"request_id":"`...)
	b = append(b, x.ID...)
	r.Body = append(b, "\"}\n"...)
	r.Changed()
	for _, name := range [...]string{"content-encoding", "content-language", "content-disposition", "content-range", "last-modified"} {
		r.Fields.Del(name)
	}
	r.Fields.Set("content-type", "application/problem+json")
}

// scrub drops the fields that name products and machines.
func scrub(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	x.Response.Fields.DelIf(tells)
	return gatehouse.Pass, nil
}

// tells reports whether a field of that name says what the upstream is made of.
func tells(name string) bool {
	name, own := strings.CutPrefix(name, "x-")
	if !own {
		return name == "server" || name == "via" || name == "server-timing"
	}
	switch name {
	case "powered-by", "powered-cms", "aspnet-version", "aspnetmvc-version", "runtime", "version", "generator",
		"served-by", "server", "server-name", "host", "hostname", "node", "pod", "instance", "varnish", "application-context",
		"sourcefiles", "php-version", "envoy-upstream-service-time", "envoy-decorator-operation", "kubernetes-pf-flowschema-uid", "stack-trace":
		return true
	}
	return strings.HasPrefix(name, "debug") || strings.HasPrefix(name, "backend") || strings.HasPrefix(name, "upstream")
}
