package identity

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

// reserved are fields that mean something to HTTP or to proxies, and must not
// be taken for an identity.
var reserved = []string{
	"authorization", "client-cert", "client-cert-chain", "connection", "content-encoding", "content-length", "content-type", "cookie", "date", "expect", "forwarded",
	"host", "keep-alive", "origin", "proxy-authorization", "proxy-connection", "range", "referer", "te", "trailer",
	"transfer-encoding", "upgrade", "user-agent", "via",
}

// Compile makes the step that writes the identity, and on a public endpoint the
// one that only removes what pretends to be it.
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if b.Operation == nil {
		return nil, nil
	}
	if err := c.check(b); err != nil {
		return nil, err
	}
	w := &writer{names: c.names(), certificate: c.Certificate, client: c.Client}
	step := gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Forward, Need: gatehouse.Head, Enforce: w.writeConnection}
	if b.Public != nil {
		return []gatehouse.Step{step}, nil
	}
	key, err := c.key(b)
	if err != nil {
		return nil, err
	}
	w.key, w.issuer, w.audience = key, c.Issuer, c.Audience
	if w.audience == "" {
		w.audience = b.API
	}
	w.sealFor = fmt.Sprintf("%s:%d:%s,%d:%s,%s", w.names[0], len(w.issuer), w.issuer, len(w.audience), w.audience, key.KeyID())
	for _, name := range w.names[1:] {
		w.plain = append(w.plain, plain{name: name, of: slices.Index(parts, c.Plain[name])})
	}
	step.Enforce = w.write
	return []gatehouse.Step{step}, nil
}

// names returns every field this control writes, the signed one first, the
// others in order.
func (c *Config) names() []string {
	names := []string{c.Header}
	for name := range c.Plain {
		names = append(names, name)
	}
	slices.Sort(names[1:])
	return names
}

func (c *Config) check(b *gatehouse.Build) error {
	var faults []error
	fault := func(key, says, fix string) { faults = append(faults, &gatehouse.Fault{Key: key, Says: says, Fix: fix}) }
	if !fieldName(c.Header) {
		fault("header", "is not a lower-case field name of its own", "header: gatehouse-identity")
	}
	if c.Issuer == "" {
		fault("issuer", "the statement needs an issuer", "issuer: gatehouse")
	}
	for _, name := range c.names()[1:] {
		if !fieldName(name) || name == c.Header {
			fault("plain."+name, "is not a lower-case field name of its own", "plain: {x-user-id: sub}")
		}
		if !slices.Contains(parts, c.Plain[name]) {
			fault("plain."+name, fmt.Sprintf("%q is nothing a caller has", c.Plain[name]), "one of "+strings.Join(parts, ", "))
		}
	}
	if c.Client != "" && c.Client != clientForwarded && c.Client != clientXForwarded {
		fault("client", fmt.Sprintf("%q is no way to tell an address", c.Client), "client: "+clientForwarded+", or "+clientXForwarded)
	}
	if c.Key.Scheme() == "env" && !b.Development {
		fault("key", "the environment is no place for a secret in production", "key: file:PATH")
	}
	return errors.Join(faults...)
}

// fieldName reports whether name is a field name in lower case that is free.
// Underscores are left out: too many servers take them for hyphens.
func fieldName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && !slices.Contains(reserved, name) &&
		!strings.HasPrefix(name, "sec-") && !strings.HasPrefix(name, "x-forwarded-") && !strings.HasPrefix(name, "access-control-")
}

func (c *Config) key(b *gatehouse.Build) (jose.IdentityKey, error) {
	if !c.Key.IsZero() {
		signer, err := jose.ParseSigner(c.Key.Reveal())
		if err != nil {
			return nil, &gatehouse.Fault{Key: "key", Says: err.Error(), Fix: "a private key on P-256 in PEM: openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256"}
		}
		published, err := Published(b.Kept)
		if err != nil {
			return nil, err
		}
		return signer, published.Add(signer)
	}
	key, err := gatehouse.Require[jose.IdentityKey](b.Kept)
	if err != nil {
		return nil, &gatehouse.Fault{Key: "key", Says: "there is no identity key to sign with: " + err.Error(), Fix: "key: file:PATH"}
	}
	return key, nil
}

// Published returns the keys that upstreams verify with. Those of the configurations
// that were in force before stay until the end of the process, so that a change of
// keys is no moment without one.
func Published(k *gatehouse.Kept) (*jose.Published, error) {
	return gatehouse.Keep(k, "identity", func() (*jose.Published, error) { return &jose.Published{}, nil })
}
