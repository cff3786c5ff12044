package record

import (
	"crypto/tls"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/redact"
)

// Schema is the version of the access line's fields. It changes when a field
// changes its meaning or goes, not when one is added.
const Schema = "gatehouse.access/1"

// maxWould bounds how many would-denies, and how many suspicions, one access line lists.
const maxWould = 8

// The most bytes that are kept of texts a client chooses.
const (
	maxMethod = 32
	maxHost   = 255
	maxPath   = 1024
)

// appendAccess appends the access line of x, with its line end. Fields without a
// value are left out, all others are always there.
func appendAccess(dst []byte, b *buffers, c *cell, x *gatehouse.Exchange, t *gatehouse.Traffic, o outcome) []byte {
	dst = b.appendStamp(dst, x.At.UnixMicro())
	dst = appendWhere(append(dst, `,"event":"http.access","schema":"`+Schema+`"`...), x)
	if x.Principal != nil {
		dst = append(dst, b.principal(x.Principal)...)
	}
	dst = appendWhat(dst, b, c, x)
	dst = append(dst, decisionFields[o.decision]...)
	if o.decision != allowed {
		dst = field(dst, `,"control":`, x.EndedBy)
		dst = text(dst, `,"rule":`, b, x.Ended.Rule())
		dst = text(dst, `,"detail":`, b, x.Ended.Detail())
	}
	if o.would {
		dst = appendMarks(append(dst, `,"would_deny":[`...), b, x, gatehouse.SaidWould)
	}
	if o.suspect {
		dst = appendMarks(append(dst, `,"suspected":[`...), b, x, gatehouse.SaidSuspect)
	}
	dst = integer(dst, `,"status":`, int64(x.Response.Status))
	dst = integer(dst, `,"latency_us":`, t.Took/1000)
	dst = integer(dst, `,"upstream_us":`, t.Upstream/1000)
	dst = integer(dst, `,"bytes_in":`, t.In)
	dst = integer(dst, `,"bytes_out":`, t.Out)
	dst = field(dst, `,"upstream":`, t.UpstreamTo)
	dst = text(dst, `,"aborted":`, b, t.Aborted)
	dst = text(dst, `,"user_agent":`, b, x.Request.Fields.Get("user-agent"))
	dst = integer(dst, `,"policy":`, x.Cursor.Version)
	return append(dst, '}', '\n')
}

// appendWhere appends the ids, the addresses and the protocol.
func appendWhere(dst []byte, x *gatehouse.Exchange) []byte {
	dst = field(dst, `,"request_id":`, x.ID)
	dst = field(dst, `,"trace_id":`, x.Trace.TraceID)
	dst = field(dst, `,"span_id":`, x.Trace.SpanID)
	dst = field(dst, `,"parent_span_id":`, x.Trace.ParentID)
	if x.Conn.Client.IsValid() {
		dst = address(dst, `,"client_ip":"`, x.Conn.Client)
	}
	if x.Conn.Peer.IsValid() {
		dst = address(dst, `,"peer_ip":"`, x.Conn.Peer.Addr().Unmap())
		dst = integer(dst, `,"peer_port":`, int64(x.Conn.Peer.Port()))
	}
	dst = append(dst, protocol(x.Request.Major)...)
	if x.Conn.TLS != nil {
		dst = append(dst, tlsVersion(x.Conn.TLS.Version)...)
	}
	return dst
}

// appendPrincipal appends who asks.
func appendPrincipal(dst []byte, b *buffers, p *gatehouse.Principal) []byte {
	dst = field(dst, `,"principal":`, p.Kind)
	dst = subject(dst, `,"subject":`, b, p.ID)
	dst = field(dst, `,"issuer":`, p.Issuer)
	dst = subject(dst, `,"tenant":`, b, p.Tenant)
	dst = subject(dst, `,"client_id":`, b, p.Client)
	return subject(dst, `,"key_id":`, b, p.KeyID)
}

// appendWhat appends the request line and the endpoint.
func appendWhat(dst []byte, b *buffers, c *cell, x *gatehouse.Exchange) []byte {
	q := &x.Request
	if q.Method == c.method {
		dst = append(dst, c.labels...)
	} else {
		dst = field(append(dst, c.labels[:c.bare]...), `,"method":`, method(q.Method))
	}
	dst = text(dst, `,"host":`, b, q.Host[:min(len(q.Host), maxHost)])
	dst = appendString(append(dst, `,"path":`...), b.path[:min(len(b.path), maxPath)])
	if q.Query != "" {
		b.text = redact.Query(b.text[:0], q.Query)
		dst = appendString(append(dst, `,"query":`...), b.text)
	}
	return dst
}

// method returns a client's method, masked when it is longer than any that
// exists or not spelled like one: upper-case letters and hyphens, as in the
// registry of RFC 9110 section 16.1. Anything else may be a secret.
func method(s string) string {
	if len(s) > maxMethod {
		return redact.Mask
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < 'A' || c > 'Z') {
			return redact.Mask
		}
	}
	return s
}

// appendMarks appends the rules by which steps said one thing: what those in shadow
// would have refused, or what others suspect.
func appendMarks(dst []byte, b *buffers, x *gatehouse.Exchange, said gatehouse.Said) []byte {
	for i, n := 0, 0; i < len(x.Trail) && n < maxWould; i++ {
		m := &x.Trail[i]
		if m.Said != said {
			continue
		}
		if n++; n > 1 {
			dst = append(dst, ',')
		}
		dst = appendString(append(dst, `{"control":`...), stepOf(x.Endpoint, m.Step).Control)
		dst = text(dst, `,"rule":`, b, m.Rule)
		if said == gatehouse.SaidSuspect {
			dst = text(dst, `,"detail":`, b, m.Detail)
		}
		dst = append(dst, '}')
	}
	return append(dst, ']')
}

// decisionFields hold the decision as the line says it.
var decisionFields = [len(decisions)]string{`,"decision":"allowed"`, `,"decision":"refused"`, `,"decision":"answered"`}

func protocol(major int) string {
	switch major {
	case 1:
		return `,"protocol":"HTTP/1.1"`
	case 2:
		return `,"protocol":"HTTP/2"`
	case 3:
		return `,"protocol":"HTTP/3"`
	}
	return ""
}

func tlsVersion(v uint16) string {
	switch v {
	case tls.VersionTLS13:
		return `,"tls_version":"1.3"`
	case tls.VersionTLS12:
		return `,"tls_version":"1.2"`
	}
	return `,"tls_version":"unknown"`
}

// noStep stands for a mark whose step is not in the plan.
var noStep gatehouse.Step

// stepOf returns the step of an endpoint's plan.
func stepOf(e *gatehouse.Endpoint, i uint16) *gatehouse.Step {
	if e == nil || e.Plan == nil || int(i) >= len(e.Plan.Steps) {
		return &noStep
	}
	return &e.Plan.Steps[i]
}
