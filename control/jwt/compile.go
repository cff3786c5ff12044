package jwt

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/store"
)

// Compile makes the one step of an endpoint that is not public. A configuration
// that nobody wrote gives none, and the engine then refuses an endpoint that
// nothing else authenticates.
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if b.Operation == nil || (len(c.Issuers) == 0 && c.Audience == "") {
		return nil, nil
	}
	if err := c.check(b); err != nil {
		return nil, err
	}
	if b.Public != nil {
		return nil, nil
	}
	v, err := c.verifier(b)
	if err != nil {
		return nil, err
	}
	return []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Authenticate, Need: gatehouse.Head, Enforce: v.enforce}}, nil
}

// Hold implements [policy.Holder]: of an API's policy it takes the claims that are
// read by it.
func (c *Config) Hold(p *policy.Policy) { c.claims = p.Claims() }

// check returns every fault of the configuration at once.
func (c *Config) check(b *gatehouse.Build) error {
	var faults []error
	fault := func(key, says, fix string) { faults = append(faults, &gatehouse.Fault{Key: key, Says: says, Fix: fix}) }
	if len(c.Issuers) == 0 {
		fault("issuers", "no issuer: nobody could be proven", "issuer: https://login.example.com")
	}
	if c.Audience == "" {
		fault("audience", "no audience: tokens for other services would be accepted", "audience: https://api.example.com")
	}
	bound := func(key string, d, usual, most time.Duration, w *gatehouse.Waiver) {
		switch {
		case d < 0 || d > most:
			fault(key, fmt.Sprintf("%s is out of range", d), fmt.Sprintf("%s: %s", key, usual))
		case d > usual && (w == nil || w.Expired(b.Now())):
			fault(key, fmt.Sprintf("%s is over %s and no waiver in force says why", d, usual), key+"_waiver: {because: ..., owner: ..., until: ...}")
		}
	}
	bound("leeway", c.Leeway, defaultLeeway, mostLeeway, c.LeewayWaiver)
	bound("lifetime", c.Lifetime, defaultLifetime, mostLifetime, c.LifetimeWaiver)
	if c.Lifetime == 0 {
		fault("lifetime", "no token lives 0 s", "lifetime: 15m")
	}
	if c.CacheSize < 0 || c.CacheSize > mostCache {
		fault("cache_size", "out of range", fmt.Sprintf("cache_size: %d", defaultCache))
	}
	if _, err := parsePublic(c.PublicURL); err != nil {
		fault("public_url", err.Error(), "public_url: https://api.example.com")
	}
	for i, issuer := range c.Issuers {
		at := fmt.Sprintf("issuers[%d].", i)
		issuer.withDefaults().check(func(key, says, fix string) { fault(at+key, says, fix) })
		if slices.ContainsFunc(c.Issuers[:i], func(o Issuer) bool { return o.Issuer == issuer.Issuer }) {
			fault(at+"issuer", "is there twice", "one entry for each issuer")
		}
	}
	c.checkSubjects(b, fault)
	return errors.Join(faults...)
}

// checkSubjects refuses issuers whose subjects could be taken for one another's: sub
// is unique within its issuer only (RFC 7519 section 4.1.2), and owners of objects are
// compared by it.
func (c *Config) checkSubjects(b *gatehouse.Build, fault func(key, says, fix string)) {
	bare := 0
	for i, one := range c.Issuers {
		at := fmt.Sprintf("issuers[%d].subject_prefix", i)
		if one.SubjectPrefix == "" {
			bare++
			continue
		}
		if !jose.Printable(one.SubjectPrefix) || len(one.SubjectPrefix) > 64 {
			fault(at, "is not up to 64 printable characters", `subject_prefix: "partner|"`)
		}
		for j, other := range c.Issuers {
			if j != i && other.SubjectPrefix != "" && strings.HasPrefix(other.SubjectPrefix, one.SubjectPrefix) {
				fault(at, "another issuer's prefix begins with it", "a prefix for each issuer that no other begins with")
			}
		}
	}
	if bare > 1 && !b.Waived(c.SharedSubjects) {
		fault("issuers", "the same sub of two issuers would be one caller, and own the same objects", `subject_prefix: "partner|" for all of them but one, or shared_subjects: {because: ..., owner: ..., until: ...}`)
	}
}

// foreign returns the prefixes of the other issuers.
func (c *Config) foreign(i int) (prefixes []string) {
	for j, other := range c.Issuers {
		if j != i && other.SubjectPrefix != "" {
			prefixes = append(prefixes, other.SubjectPrefix)
		}
	}
	return prefixes
}

func (i Issuer) check(fault func(key, says, fix string)) {
	switch {
	case i.Issuer == self:
		if i.JWKS != "" || i.Type != "" || i.Assurance != nil {
			fault("jwks", "the keys and the kind of our own tokens are known", "issuer: self, and nothing about its tokens")
		}
		return
	case jose.CheckURL(i.Issuer) != nil || strings.ContainsAny(i.Issuer, "? "):
		fault("issuer", "is not an https URL without query and fragment (http is for loopback addresses only)", "issuer: https://login.example.com")
	}
	if i.JWKS != "" && !strings.HasPrefix(i.JWKS, "file:") && jose.CheckURL(i.JWKS) != nil {
		fault("jwks", "is neither an https URL nor a file (http is for loopback addresses only)", "jwks: https://login.example.com/jwks.json, or file:jwks.json")
	}
	i.checkLevels(fault)
	if len(i.Algorithms) == 0 {
		fault("algorithms", "the list is empty", "algorithms: [ES256, RS256]")
	}
	for _, alg := range i.Algorithms {
		switch {
		case strings.HasPrefix(strings.ToUpper(alg), "HS"):
			fault("algorithms", alg+" is symmetric: whoever checks a token could make one", "algorithms: [ES256, RS256]")
		case !jose.Supported(alg):
			fault("algorithms", fmt.Sprintf("%q is not accepted", alg), "algorithms: [ES256, RS256]")
		}
	}
}

// verifier makes what the step needs. What is remembered is shared with every
// endpoint and reload that reads and judges tokens alike: all that a verified
// token depends on is in its name.
func (c *Config) verifier(b *gatehouse.Build) (*verifier, error) {
	v := &verifier{audience: c.Audience, leeway: seconds(c.Leeway), lifetime: seconds(c.Lifetime)}
	name := composite(b.API, c.Audience, c.Leeway.String(), c.Lifetime.String(), fmt.Sprint(c.CacheSize), composite(c.claims...))
	for i, raw := range c.Issuers {
		conf := raw.withDefaults()
		if conf.Issuer == self {
			own, err := gatehouse.Require[Own](b.Kept)
			if err != nil {
				return nil, &gatehouse.Fault{Key: fmt.Sprintf("issuers[%d].issuer", i), Says: "our own authorization server is not configured", Fix: "at the top of the file, idp: {issuer: https://login.example.com}"}
			}
			ours := own.issuer()
			ours.prefix, ours.foreign, ours.claims = conf.SubjectPrefix, c.foreign(i), c.claims
			v.issuers = append(v.issuers, ours)
			name = composite(name, self, own.Issuer, composite(append(ours.foreign, ours.prefix)...))
			continue
		}
		source, sourceName, err := conf.source(b)
		if err != nil {
			return nil, &gatehouse.Fault{Key: fmt.Sprintf("issuers[%d].jwks", i), Says: err.Error(), Fix: "a JWK set with at least one public key for signatures"}
		}
		v.issuers = append(v.issuers, &issuer{
			name: conf.Issuer, algorithms: conf.Algorithms, typ: strings.TrimPrefix(strings.ToLower(conf.Type), "application/"), source: source,
			tenant: path(conf.TenantClaim), roles: path(conf.RolesClaim), scopes: conf.ScopesClaim, client: path(conf.ClientClaim),
			levels: newLevels(conf.Assurance), prefix: conf.SubjectPrefix, foreign: c.foreign(i), claims: c.claims,
		})
		name = composite(name, sourceName, composite(conf.Algorithms...), conf.Type, conf.TenantClaim, conf.RolesClaim, conf.ScopesClaim, conf.ClientClaim,
			composite(append(c.foreign(i), conf.SubjectPrefix)...), fmt.Sprintf("%q", conf.Assurance)) // maps are printed in the order of their keys
	}
	var err error
	if v.revocations, err = watched(b); err != nil {
		return nil, err
	}
	if v.prover, err = c.prover(b); err != nil {
		return nil, err
	}
	// The issuers are kept together with the cache, since its entries point to them.
	shared, err := gatehouse.Keep(b.Kept, name, func() (*remembered, error) {
		return &remembered{cache: newCache(c.CacheSize), issuers: v.issuers}, nil
	})
	if err != nil {
		return nil, err
	}
	v.cache, v.issuers = shared.cache, shared.issuers
	return v, nil
}

// prover returns what DPoP proofs are judged by.
func (c *Config) prover(b *gatehouse.Build) (prover, error) {
	p, err := parsePublic(c.PublicURL)
	if err != nil {
		return p, err
	}
	if p.spent, err = gatehouse.Require[store.Once](b.Kept); err != nil {
		return p, fmt.Errorf("jwt: finding where spent proofs are remembered: %w", err)
	}
	p.any = p.host == "" && slices.Contains(b.Hosts, "*")
	return p, nil
}

// parsePublic reads a public URL; "" is none.
func parsePublic(text string) (p prover, err error) {
	if text == "" {
		return p, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(text, "?#%") {
		return p, errors.New("is not a URL of scheme, host and plain path")
	}
	p.scheme, p.host, p.prefix = u.Scheme, strings.ToLower(withoutDefaultPort(u.Host, u.Scheme)), strings.TrimSuffix(u.Path, "/")
	return p, nil
}

// remembered is what outlives a reload.
type remembered struct {
	cache   *cache
	issuers []*issuer
}

// source returns where the issuer's keys come from and what that depends on.
// One issuer has one source, whatever the number of APIs.
func (i Issuer) source(b *gatehouse.Build) (*jose.Source, string, error) {
	if file, ok := strings.CutPrefix(i.JWKS, "file:"); ok {
		data, err := readFile(file)
		if err != nil {
			return nil, "", err
		}
		set, err := jose.ParseSet(data)
		if err != nil {
			return nil, "", err
		}
		sum := sha256.Sum256(data)
		name := composite("file", i.Issuer, hex.EncodeToString(sum[:]))
		source, err := gatehouse.Keep(b.Kept, name, func() (*jose.Source, error) { return jose.Fixed(set), nil })
		return source, name, err
	}
	var transport http.RoundTripper // the process may provide one that guards what is dialled
	if t, err := gatehouse.Require[http.RoundTripper](b.Kept); err == nil {
		transport = t
	}
	name := composite("url", i.Issuer, i.JWKS)
	source, err := gatehouse.Keep(b.Kept, name, func() (*jose.Source, error) {
		return jose.NewSource(i.Issuer, i.JWKS, transport, b.Log)
	})
	return source, name, err
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, jose.MaxSet+1))
}

// composite joins parts so that no two lists of parts give the same text.
func composite(parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		fmt.Fprintf(&b, "%d:%s,", len(p), p)
	}
	return b.String()
}

// path splits the name of a claim into the names on the way to it. Names that
// are URLs, as OpenID providers use for their own claims, are one name.
func path(claim string) []string {
	if strings.Contains(claim, "://") {
		return []string{claim}
	}
	return strings.Split(claim, ".")
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }
