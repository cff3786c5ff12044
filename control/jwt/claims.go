package jwt

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

// issuer is one issuer, compiled.
type issuer struct {
	name                  string
	algorithms            []string
	typ                   string // or "" for the usual ones
	source                *jose.Source
	tenant, roles, client []string // paths of claims
	scopes                string
	levels                *levels
	prefix                string   // of the caller's id
	foreign               []string // prefixes of other issuers, which no id of this one may begin with
	claims                []string // that policies may read, sorted
	clientLifetime        int64    // seconds that tokens of clients for themselves may live, or 0 for as long as any
}

// accepts reports whether tokens of this typ may be access tokens of the
// issuer. Those of other purposes are signed by the same keys (RFC 8725
// section 3.11).
func (i *issuer) accepts(typ string) bool {
	if i.typ != "" {
		return typ == i.typ
	}
	return typ == "at+jwt" || typ == "jwt" || typ == ""
}

// claims is what a verified token said, in the form it is judged by. It is
// immutable, and its strings are parts of our own copy of the token.
type claims struct {
	issuer    *issuer
	meant     string // the audience of the verifier that first took it, or ""
	expires   int64
	notBefore int64
	issued    int64
	cert      *[sha256.Size]byte // thumbprint of the client's certificate that it is bound to (RFC 8705 section 3.1), or nil
	key       *[sha256.Size]byte // thumbprint of the client's key that it is bound to (RFC 9449 section 6.1), or nil
	subject   string             // sub, as the issuer gave it
	principal gatehouse.Principal

	audience []string
	hash     string // of the token, as a proof must have it (RFC 9449 section 4.2), where it is bound to a key
	grant    string // grant_id: the authorization that the token descends from, or ""

	// What an open exchange is judged by; see Holds.
	signer      *jose.Key
	leeway      int64 // seconds
	revocations *revocations
}

// Holds implements [gatehouse.Proof]: the token has not expired, it was not revoked,
// and the key that signed it is still the issuer's. Where nobody knows, it does not.
func (c *claims) Holds(at time.Time) bool {
	if at.Unix() >= c.expires+c.leeway || !c.issuer.source.Has(c.signer, at) {
		return false
	}
	over, err := c.revocations.hold(c, at)
	return err == nil && !over
}

// registered are the names of claims that this package reads or that other
// kinds of tokens are known by.
var registered = [...]string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "grant_id", "cnf", "events", "acr", "auth_time"}

var errClaims = errors.New("jwt: claim refused")

// read makes an entry with the claims of a token of i. Nothing is verified yet.
func (i *issuer) read(t *jose.Token) (*entry, error) {
	if err := i.checkNames(t); err != nil {
		return nil, err
	}
	r := reader{o: t.Claims}
	e := &entry{}
	c := &e.claims
	*c = claims{issuer: i, audience: r.texts("aud"), expires: r.date("exp"), issued: r.date("iat"), grant: r.text("grant_id")}
	c.notBefore = c.issued // a token without nbf holds from when it was issued
	if t.Claims.Has("nbf") {
		c.notBefore = r.date("nbf")
	}
	c.principal = gatehouse.Principal{
		ID: r.text("sub"), Issuer: i.name, TokenID: r.text("jti"), KeyID: t.KeyID,
		Tenant: r.at(i.tenant).text(last(i.tenant)),
		Client: r.at(i.client).text(last(i.client)),
		Roles:  r.at(i.roles).texts(last(i.roles)),
		Scopes: r.scopes(i.scopes),
	}
	c.principal.Expires = time.Unix(c.expires, 0)
	c.principal.Kind = "user"
	if c.principal.Client == c.principal.ID { // RFC 9068 section 5: the client for itself
		c.principal.Kind = "client"
	}
	c.subject, c.principal.ID = c.principal.ID, i.prefix+c.principal.ID
	for _, name := range i.claims {
		if text, ok := t.Claims.JSON(name); ok {
			c.principal.Claims = append(c.principal.Claims, gatehouse.Claim{Name: name, JSON: text})
		}
	}
	c.principal.Assurance = i.levels.assurance(t.Claims)
	if t.Claims.Has("cnf") {
		c.cert, c.key = r.confirmation()
	}
	if c.cert != nil {
		c.principal.Bound |= gatehouse.BoundToCertificate
	}
	if c.key != nil {
		c.principal.Bound |= gatehouse.BoundToKey
	}
	switch {
	case r.err != nil:
		return nil, r.err
	case c.subject == "", t.Claims.Has("events"), slices.ContainsFunc(c.principal.Roles, bad),
		slices.ContainsFunc(i.foreign, func(prefix string) bool { return strings.HasPrefix(c.principal.ID, prefix) }):
		return nil, errClaims
	}
	return e, nil
}

func bad(role string) bool { return role == "" || strings.Contains(role, ",") }

// checkNames refuses names that some other reader of the token would take for
// those that are read here: another case, a path in dots, the names that are
// special to JavaScript; and claims that stand in the header, which nobody here
// reads.
func (i *issuer) checkNames(t *jose.Token) error {
	known := append(registered[:len(registered):len(registered)], i.scopes, i.tenant[0], i.roles[0], i.client[0])
	known = append(known, i.claims...)
	var err error
	t.Claims.Names(func(name string) {
		first, _, dotted := strings.Cut(name, ".")
		special := strings.HasPrefix(name, "__") || strings.HasPrefix(name, "$") || name == "constructor" || name == "prototype"
		if special || (dotted && slices.Contains(known, first)) || near(known, name) || !jose.Printable(name) {
			err = errClaims
		}
	})
	t.Header.Names(func(name string) {
		if slices.Contains(known, name) || near(known, name) {
			err = errClaims
		}
	})
	return err
}

// near reports whether name is one of known but for the case of its letters.
func near(known []string, name string) bool {
	return slices.ContainsFunc(known, func(k string) bool { return k != name && strings.EqualFold(k, name) })
}

func last(path []string) string { return path[len(path)-1] }

// reader reads claims and remembers the first error.
type reader struct {
	o   jose.Object
	err error
	up  *reader // where errors go
}

func (r *reader) fail(err error) {
	for r.up != nil {
		r = r.up
	}
	if r.err == nil {
		r.err = err
	}
}

// at returns a reader of the object that holds the path's last name.
func (r *reader) at(path []string) *reader {
	o := r.o
	for _, name := range path[:len(path)-1] {
		var err error
		if o, err = o.Object(name); err != nil {
			r.fail(errClaims)
		}
	}
	return &reader{o: o, up: r}
}

// text reads a string without control characters. Where it is present it must
// not be empty.
func (r *reader) text(name string) string {
	s, err := r.o.Text(name)
	if err != nil || (s == "" && r.o.Has(name)) || !jose.Printable(s) {
		r.fail(errClaims)
	}
	return s
}

// texts reads a list of strings, or one string.
func (r *reader) texts(name string) []string {
	list, err := r.o.Texts(name, true)
	if err != nil || slices.ContainsFunc(list, func(s string) bool { return s == "" || !jose.Printable(s) }) {
		r.fail(errClaims)
	}
	return list
}

func (r *reader) date(name string) int64 {
	n, ok, err := r.o.Seconds(name)
	if err != nil || !ok {
		r.fail(errClaims)
	}
	return n
}

// scopes reads a string with single spaces (RFC 8693 section 4.2). A claim of
// another name than scope may be a list too, as some issuers have it.
func (r *reader) scopes(name string) []string {
	var list []string
	text, err := r.o.Text(name)
	switch {
	case err == nil && text != "":
		list = strings.Split(text, " ")
	case err != nil && name != "scope":
		list, err = r.o.Texts(name, false)
	}
	if err != nil {
		r.fail(errClaims)
	}
	if slices.ContainsFunc(list, func(s string) bool { return s == "" || strings.ContainsAny(s, ", \t") || !jose.Printable(s) }) {
		r.fail(errClaims)
	}
	return list
}

// confirmation reads cnf (RFC 7800): what the client must show that it holds. A token
// that is bound by anything else is refused rather than taken for a bearer token.
func (r *reader) confirmation() (cert, key *[sha256.Size]byte) {
	cnf, err := r.o.Object("cnf")
	if err != nil {
		r.fail(errClaims)
	}
	cnf.Names(func(name string) {
		sum := new([sha256.Size]byte)
		text, err := cnf.Text(name)
		raw, decodeErr := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil || decodeErr != nil || copy(sum[:], raw) != len(sum) || len(raw) != len(sum) {
			r.fail(errClaims)
		}
		switch name {
		case "x5t#S256":
			cert = sum
		case "jkt":
			key = sum
		default:
			r.fail(errClaims)
		}
	})
	if cert == nil && key == nil {
		r.fail(errClaims)
	}
	return cert, key
}
