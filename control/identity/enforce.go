package identity

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

const (
	life = 60 * time.Second // of a statement
	keep = 30 * time.Second // it is sent this long, so it holds as long again when it arrives
)

// parts are what a caller has, in the order of the constants.
var parts = []string{"sub", "tenant", "roles", "scopes", "client"}

const (
	partSub = iota
	partTenant
	partRoles
	partScopes
	partClient
)

var unwritable = &gatehouse.Answer{Status: 403, Reason: "identity.unwritable", Public: "The caller's identity cannot be passed on."}

// writer is the step of one endpoint.
type writer struct {
	names            []string // of all fields, the signed one first
	issuer, audience string
	sealFor          string // whom a statement of this writer is for
	key              jose.IdentityKey
	plain            []plain
	certificate      bool
	client           string // clientForwarded, clientXForwarded or ""
}

type plain struct {
	name string
	of   int // index in parts
}

// writeConnection removes what pretends to be the identity and writes what is known
// of the client's connection.
func (w *writer) writeConnection(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	w.remove(x)
	if w.certificate && x.Conn.Certificate != nil {
		x.Request.Forward.Add("client-cert", x.Conn.Certificate.Field)
	}
	switch proto := protocol(&x.Conn); w.client {
	case clientForwarded:
		x.Request.Forward.Add("forwarded", x.Append(func(b []byte) []byte {
			b = appendNode(append(b, "for="...), x.Conn.Client)
			b = append(append(append(b, `;host="`...), x.Request.Host...), `";proto=`...)
			return append(b, proto...)
		}))
	case clientXForwarded:
		x.Request.Forward.Add("x-forwarded-for", x.Append(x.Conn.Client.AppendTo))
		x.Request.Forward.Add("x-forwarded-host", x.Request.Host)
		x.Request.Forward.Add("x-forwarded-proto", proto)
	}
	return gatehouse.Pass, nil
}

// protocol is what the client speaks, as far as the first hop that is known.
func protocol(c *gatehouse.Conn) string {
	if c.Secure {
		return "https"
	}
	return "http"
}

// appendNode appends an address as a node (RFC 7239 section 6).
func appendNode(b []byte, a netip.Addr) []byte {
	if a.Is4() {
		return a.AppendTo(b)
	}
	return append(a.WithZone("").AppendTo(append(b, `"[`...)), `]"`...)
}

// remove drops the client's own fields of these names. A field that differs by
// underscores only is dropped too: the upstream may read one for the other
// (CVE-2026-39858).
func (w *writer) remove(x *gatehouse.Exchange) {
	x.Request.Drop = append(x.Request.Drop, w.names...)
	for i := range x.Request.Fields {
		if name := x.Request.Fields[i].Name; strings.IndexByte(name, '_') >= 0 {
			for _, ours := range w.names {
				if twin(name, ours) {
					x.Request.Drop = append(x.Request.Drop, name)
				}
			}
		}
	}
}

// twin reports whether a is b when case and the difference between hyphen and
// underscore are forgotten. b is in lower case and has no underscore.
func twin(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		c := a[i]
		switch {
		case c == '_':
			c = '-'
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		}
		if c != b[i] {
			return false
		}
	}
	return true
}

// write removes what pretends to be the identity and then writes it.
func (w *writer) write(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if v, err := w.writeConnection(ctx, x); err != nil || x.Principal == nil {
		return v, err
	}
	seal, err := w.seal(x.Principal, x.At)
	if err != nil {
		return gatehouse.Verdict{}, err
	}
	x.Request.Forward = append(x.Request.Forward, seal.Field)
	for i := range w.plain {
		value, ok := w.plain[i].value(x)
		switch {
		case !ok:
			return gatehouse.Deny(unwritable).Because(w.plain[i].name), nil
		case value != "":
			x.Request.Forward.Add(w.plain[i].name, value)
		}
	}
	return gatehouse.Pass, nil
}

// seal returns the principal's statement. It stays with the principal, which
// may be shared by endpoints of several upstreams: a statement is sent to whom
// it was made for only.
func (w *writer) seal(p *gatehouse.Principal, now time.Time) (*gatehouse.Seal, error) {
	if s := p.Seal.Load(); s != nil && s.For == w.sealFor && now.Before(s.Until) && s.Until.Sub(now) <= keep {
		return s, nil
	}
	value, err := w.key.Sign("gatehouse-identity+jwt", w.claims(p, now))
	if err != nil {
		return nil, fmt.Errorf("identity: signing: %w", err)
	}
	s := &gatehouse.Seal{Field: gatehouse.Written(w.names[0], value), For: w.sealFor, Until: now.Add(keep)}
	p.Seal.Store(s)
	return s, nil
}

// claims returns the statement: the names are those of RFC 9068, tenant excepted.
func (w *writer) claims(p *gatehouse.Principal, now time.Time) []byte {
	b := make([]byte, 0, 512)
	text := func(name, value string) {
		if value != "" {
			b = appendText(append(appendText(append(b, ','), name), ':'), value)
		}
	}
	b = append(b, `{"iat":`...)
	b = strconv.AppendInt(b, now.Unix(), 10)
	b = append(b, `,"exp":`...)
	b = strconv.AppendInt(b, now.Add(life).Unix(), 10)
	text("iss", w.issuer)
	text("aud", w.audience)
	text("sub", p.ID)
	text("sub_iss", p.Issuer) // subjects are unique within their issuer only
	text("sub_kind", p.Kind)
	text("tenant", p.Tenant)
	text("client_id", p.Client)
	text("scope", strings.Join(p.Scopes, " "))
	b = append(b, `,"roles":[`...)
	for i, role := range p.Roles {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, role)
	}
	b = append(b, ']')
	if len(p.Claims) > 0 { // under a name of their own: a token's claim is not to be taken for one of ours
		b = append(b, `,"claims":{`...)
		for i := range p.Claims {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(appendText(b, p.Claims[i].Name), ':'), p.Claims[i].JSON...)
		}
		b = append(b, '}')
	}
	return append(b, '}')
}

// appendText appends s as a JSON string (RFC 8259 section 7).
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < 0x20:
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// value returns the part of the principal as a field value that can be read in
// one way only, "" when there is none, and whether that is possible.
func (f *plain) value(x *gatehouse.Exchange) (string, bool) {
	p := x.Principal
	switch f.of {
	case partSub:
		return one(p.ID)
	case partTenant:
		return one(p.Tenant)
	case partClient:
		return one(p.Client)
	case partRoles:
		return list(x, p.Roles, ",")
	case partScopes:
		return list(x, p.Scopes, " ")
	}
	return "", false
}

// one accepts visible ASCII without a comma, which would make a list of it.
func one(s string) (string, bool) {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == ',' {
			return "", false
		}
	}
	return s, true
}

const listMax = 32 // entries of a plain list

func list(x *gatehouse.Exchange, entries []string, separator string) (string, bool) {
	if len(entries) > listMax {
		return "", false
	}
	var text [2 * listMax]string
	n := 0
	for _, e := range entries {
		if _, ok := one(e); !ok {
			return "", false
		}
		if n > 0 {
			text[n] = separator
			n++
		}
		text[n] = e
		n++
	}
	return x.Text(text[:n]...), true
}
