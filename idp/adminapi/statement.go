package adminapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/jose"
)

// claims is what the gateway says about a caller.
type claims struct {
	Subject, Tenant, Client, Scope string
	Roles                          []string
}

var errStatement = errors.New("adminapi: the statement about the caller does not hold")

// statementLeeway is how far the clocks of gateway and server may disagree: they are
// one process.
const statementLeeway = 5 * time.Second

// statement verifies one: it is the gateway's, for this API, about a subject of our
// own issuer, and of now.
func (s *Server) statement(ctx context.Context, text string) (c claims, err error) {
	t, err := jose.Parse(text)
	if err != nil {
		return c, errors.Join(errStatement, err)
	}
	keys, _, err := s.identity.Find(ctx, time.Now(), t.Algorithm, t.KeyID)
	if err != nil {
		return c, errors.Join(errStatement, err)
	}
	err = errStatement
	for _, k := range keys {
		if err = t.Verify(k); err == nil {
			break
		}
	}
	if err == nil {
		err = s.holds(t)
	}
	for _, m := range [...]struct {
		name string
		to   *string
	}{{"sub", &c.Subject}, {"tenant", &c.Tenant}, {"client_id", &c.Client}, {"scope", &c.Scope}} {
		if err == nil {
			*m.to, err = t.Claims.Text(m.name)
		}
	}
	if err == nil {
		c.Roles, err = t.Claims.Texts("roles", false)
	}
	if err != nil || c.Subject == "" {
		return claims{}, errors.Join(errStatement, err)
	}
	return c, nil
}

// holds judges whose statement it is, for whom and of when.
func (s *Server) holds(t *jose.Token) error {
	for name, want := range map[string]string{"iss": "gatehouse", "aud": Name, "sub_iss": s.options.Issuer} {
		if got, err := t.Claims.Text(name); err != nil || got != want {
			return fmt.Errorf("%w: %s is %q", errStatement, name, strings.ToValidUTF8(got, ""))
		}
	}
	issued, there, err := t.Claims.Seconds("iat")
	expires, also, other := t.Claims.Seconds("exp")
	now := time.Now()
	switch {
	case err != nil || other != nil || !there || !also || t.Type != "gatehouse-identity+jwt":
		return errStatement
	case now.Add(statementLeeway).Before(time.Unix(issued, 0)), !now.Before(time.Unix(expires, 0).Add(statementLeeway)):
		return fmt.Errorf("%w: it is not of now", errStatement)
	}
	return nil
}
