package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/jose"
)

// Why there is no identity. Errors of [Verifier.Verify] wrap one of these.
var (
	// ErrMissing: the request carries no statement, so it did not come through the
	// gateway, or the gateway's endpoint is public.
	ErrMissing = errors.New("identity: no statement of the gateway")
	// ErrRefused: the statement is forged, expired, or for another application.
	ErrRefused = errors.New("identity: statement refused")
	// ErrUnavailable: the gateway's keys are not there, so nobody can tell.
	ErrUnavailable = errors.New("identity: the gateway's keys are not available")
)

const (
	typ       = "gatehouse-identity+jwt"
	mostLife  = 2 * time.Minute  // of a statement; the gateway's hold for one
	skew      = 30 * time.Second // by which the gateway's clock may be ahead
	cacheSize = 4096             // statements
)

// Verifier verifies statements of one gateway for one application. It is safe for use
// by many goroutines.
type Verifier struct {
	issuer, audience, header string
	keys                     *jose.Source
	log                      *slog.Logger
	now                      func() time.Time
	cache                    *cache
}

// Close waits for a fetch of keys that is under way. The verifier must not be used
// afterwards.
func (v *Verifier) Close() { v.keys.Close() }

// Verify returns whom the statement is about. It is for servers that are not net/http;
// others use [Verifier.Middleware]. The error wraps [ErrMissing], [ErrRefused] or
// [ErrUnavailable] and is for the log, not for the caller.
func (v *Verifier) Verify(ctx context.Context, statement string) (Identity, error) {
	i, err := v.verify(ctx, statement)
	if err != nil {
		return Identity{}, err
	}
	return *i, nil
}

func (v *Verifier) verify(ctx context.Context, statement string) (*Identity, error) {
	if statement == "" {
		return nil, ErrMissing
	}
	now := v.now()
	if e, ok := v.cache.get(statement); ok && now.Before(e.identity.Until) && v.keys.Has(e.key, now) {
		return e.identity, nil
	}
	t, err := jose.Parse(statement)
	if err != nil {
		return nil, refused(err)
	}
	if t.Type != typ {
		return nil, fmt.Errorf("%w: typ is %q, not %s", ErrRefused, t.Type, typ)
	}
	key, err := v.signer(ctx, t, now)
	if err != nil {
		return nil, err
	}
	i, err := v.read(t.Claims, now)
	if err != nil {
		return nil, err
	}
	v.cache.put(strings.Clone(statement), entry{i, key})
	return i, nil
}

// signer returns the key that has signed the statement.
func (v *Verifier) signer(ctx context.Context, t *jose.Token, now time.Time) (*jose.Key, error) {
	keys, _, err := v.keys.Find(ctx, now, t.Algorithm, t.KeyID)
	switch {
	case errors.Is(err, jose.ErrUnavailable):
		return nil, ErrUnavailable
	case err != nil:
		return nil, refused(err)
	}
	for _, k := range keys {
		if err = t.Verify(k); err == nil {
			return k, nil
		}
	}
	return nil, refused(err)
}

// read judges what a statement says, after its signature was found good.
func (v *Verifier) read(c jose.Object, now time.Time) (*Identity, error) {
	r := reader{o: c}
	issued, expires := r.time("iat"), r.time("exp")
	issuer, audience := r.text("iss"), r.text("aud")
	i := &Identity{
		Kind: r.text("sub_kind"), Subject: r.text("sub"), Issuer: r.text("sub_iss"), Tenant: r.text("tenant"), Client: r.text("client_id"),
		Roles: r.texts("roles"), Scopes: strings.Fields(r.text("scope")), Claims: r.members("claims"), Until: expires,
	}
	switch {
	case r.err != nil:
		return nil, refused(r.err)
	case issuer != v.issuer:
		return nil, fmt.Errorf("%w: it is from %q, and %q was expected (Config.Issuer)", ErrRefused, issuer, v.issuer)
	case audience != v.audience:
		return nil, fmt.Errorf("%w: it is for %q, and this is %q (Config.Audience)", ErrRefused, audience, v.audience)
	case !now.Before(expires):
		return nil, fmt.Errorf("%w: it expired %s ago: compare the clocks", ErrRefused, now.Sub(expires).Round(time.Second))
	case issued.After(now.Add(skew)):
		return nil, fmt.Errorf("%w: it is from %s ahead: compare the clocks", ErrRefused, issued.Sub(now).Round(time.Second))
	case expires.Sub(issued) > mostLife:
		return nil, fmt.Errorf("%w: it holds for more than %s", ErrRefused, mostLife)
	case i.Subject == "":
		return nil, fmt.Errorf("%w: it has no subject", ErrRefused)
	case i.Kind != User && i.Kind != Client && i.Kind != Key:
		return nil, fmt.Errorf("%w: %q is no kind of caller", ErrRefused, i.Kind)
	}
	return i, nil
}

func refused(err error) error { return fmt.Errorf("%w: %w", ErrRefused, err) }

// reader reads claims and keeps the first error.
type reader struct {
	o   jose.Object
	err error
}

func (r *reader) text(name string) string {
	s, err := r.o.Text(name)
	r.keep(err)
	return s
}

func (r *reader) texts(name string) []string {
	s, err := r.o.Texts(name, false)
	r.keep(err)
	return s
}

// members reads an object's members as JSON; there are none where it is not there.
func (r *reader) members(name string) map[string]string {
	o, err := r.o.Object(name)
	r.keep(err)
	var out map[string]string
	o.Names(func(n string) {
		if out == nil {
			out = map[string]string{}
		}
		out[n], _ = o.JSON(n)
	})
	return out
}

// time reads a date that must be there.
func (r *reader) time(name string) time.Time {
	n, ok, err := r.o.Seconds(name)
	if err == nil && !ok {
		err = fmt.Errorf("%w: no %s", jose.ErrClaim, name)
	}
	r.keep(err)
	return time.Unix(n, 0)
}

func (r *reader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

// entry is a verified statement.
type entry struct {
	identity *Identity
	key      *jose.Key // that signed it: when it is gone, so is the entry
}

// cache keeps statements that were accepted, in two generations: when the younger is
// full it becomes the older, and what was in that is forgotten. Only what the gateway
// has signed comes in, so strangers cannot fill it.
type cache struct {
	mu           sync.Mutex
	most         int // of a generation
	young, older map[string]entry
}

func newCache(size int) *cache {
	return &cache{most: size / 2, young: map[string]entry{}}
}

func (c *cache) get(statement string) (entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.young[statement]
	if !ok {
		e, ok = c.older[statement]
	}
	return e, ok
}

func (c *cache) put(statement string, e entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.young) >= c.most {
		c.older, c.young = c.young, map[string]entry{}
	}
	c.young[statement] = e
}
