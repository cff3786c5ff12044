package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/gatehouse-api/gatehouse/store"
)

// ours reports whether a token request is answered here and not by the library: one for
// a client itself (RFC 6749 section 4.4) without a proof of possession. It is what
// services ask for thousands of times a minute, and beside its signature it cost twice
// as much in the library. One with a proof is the library's, because it has the one
// verifier of proofs for all grants; what both have to say is compared by a test.
func ours(r *http.Request, a *asked) bool {
	return a.endpoint == pathToken && r.PostForm.Get("grant_type") == grantCredential && len(r.Header.Values(fieldDPoP)) == 0
}

// ownRequest is what a client asks for itself, and may have.
type ownRequest struct {
	client      *store.Client
	scope       string
	resources   goidc.Resources
	certificate string // SHA-256 of the one that the token is bound to, or ""
}

// clientCredentials answers the token request of a client for itself.
func (s *Server) clientCredentials(w http.ResponseWriter, r *http.Request, a *asked) {
	h := w.Header()
	h.Set("Cache-Control", "no-cache, no-store") // RFC 6749 section 5.1
	h.Set("Pragma", "no-cache")
	c, err := s.client(r, a)
	if err != nil {
		s.unproven(w, a, err)
		return
	}
	q, err := s.permitted(r.Context(), c, a, r.PostForm)
	b := s.writing.Get().(*writing)
	defer s.writing.Put(b)
	if err == nil {
		err = s.ownToken(b, q)
	}
	if err != nil {
		s.log.Info("refused", "endpoint", a.endpoint, "request", a.id, "cause", err.Error())
		e, ok := errors.AsType[goidc.Error](err)
		if !ok {
			e = goidc.NewError(goidc.ErrorCodeInternalError, "internal error")
		}
		s.refuse(w, a, e.StatusCode(), string(e.Code), e.Description)
		return
	}
	h.Set("Content-Type", "application/json")
	_, _ = w.Write(b.answer)
}

// permitted returns the request of a client that has proven itself, when it may have
// what it asks for.
func (s *Server) permitted(ctx context.Context, c *store.Client, a *asked, form url.Values) (*ownRequest, error) {
	switch {
	case c.Public || !slices.Contains(c.Grants, grantCredential):
		return nil, goidc.WrapError(goidc.ErrorCodeUnauthorizedClient, "unauthorized client", errors.New("idp: the client is not registered for client_credentials"))
	case c.DPoP:
		return nil, goidc.WrapError(goidc.ErrorCodeInvalidRequest, "invalid request", errors.New("idp: a DPoP proof is required of this client"))
	case c.Bound() && a.certificate == nil:
		return nil, goidc.WrapError(goidc.ErrorCodeInvalidRequest, "invalid request", errors.New("idp: the connection has no certificate that tokens are bound to"))
	}
	q := &ownRequest{client: c, resources: form["resource"]}
	var err error
	if q.scope, err = s.ownScope(c, form.Get("scope")); err != nil {
		return nil, err
	}
	for _, resource := range q.resources {
		if !slices.Contains(s.options.Audiences, resource) && !slices.Contains(s.options.Asked, resource) {
			return nil, goidc.WrapError(goidc.ErrorCodeInvalidTarget, "invalid target", fmt.Errorf("idp: %q is no API of this server", resource))
		}
	}
	if err := s.entitled(ctx, c, q.resources); err != nil {
		return nil, err
	}
	if c.Bound() {
		q.certificate = thumbprint(a.certificate)
	}
	return q, nil
}

// ownScope returns the scope of a token (RFC 6749 section 3.3): what was asked for,
// each of which the client must have, without openid, since nobody signs in.
func (s *Server) ownScope(c *store.Client, asked string) (string, error) {
	var out []byte
	for scope := range strings.FieldsSeq(asked) {
		if !s.mayHave(c, scope) {
			return "", goidc.WrapError(goidc.ErrorCodeInvalidScope, "invalid scope", fmt.Errorf("idp: the scope %q is not this client's", scope))
		}
		if scope == scopeOpenID {
			continue
		}
		if len(out) > 0 {
			out = append(out, ' ')
		}
		out = append(out, scope...)
	}
	return string(out), nil
}

// mayHave reports whether there is such a scope, and a client is registered for it.
func (s *Server) mayHave(c *store.Client, scope string) bool {
	known := slices.Contains(identity[:], scope) || slices.Contains(s.options.Scopes, scope)
	return known && slices.Contains(c.Scopes, scope)
}

// entitled returns an error for a client that may have no token for itself, or that
// has to say for which API.
func (s *Server) entitled(ctx context.Context, c *store.Client, resources []string) error {
	if len(resources) == 0 && len(s.options.Audiences) > 1 {
		return goidc.NewError(goidc.ErrorCodeInvalidTarget, "there are several APIs: say which in the parameter resource")
	}
	// Of tenants nothing is remembered: one that is disabled is out at once.
	if admitted, err := store.Admits(ctx, s.options.Store.Tenants(), c.Tenant); err != nil {
		return err
	} else if !admitted {
		return goidc.NewError(goidc.ErrorCodeUnauthorizedClient, "the client may have no tokens")
	}
	return nil
}

// writing is what an answer is written into. It is used again: as garbage it would be
// a third of all that a token makes.
type writing struct{ claims, answer []byte }

// ownToken writes the answer with a new token (RFC 6749 section 5.1).
func (s *Server) ownToken(w *writing, q *ownRequest) (err error) {
	w.claims = s.ownClaims(w.claims[:0], q, time.Now().Unix())
	b := append(w.answer[:0], `{"access_token":"`...)
	if b, err = s.options.Keys.appendAccessToken(b, w.claims); err != nil {
		return err
	}
	b = append(b, `","expires_in":`...)
	b = strconv.AppendInt(b, int64(seconds(ClientAccessLife)), 10)
	b = append(b, `,"token_type":"Bearer"`...)
	if q.scope != "" {
		b = appendText(append(b, `,"scope":`...), q.scope)
	}
	if len(q.resources) > 0 {
		b = appendTexts(append(b, `,"resources":`...), q.resources, true)
	}
	w.answer = append(b, "}\n"...)
	return nil
}

// ownClaims appends the claims of a token for a client itself (RFC 9068 section 2.2).
// Its subject is the client, and all that there is to know of its grant is its id.
func (s *Server) ownClaims(b []byte, q *ownRequest, now int64) []byte {
	c := q.client
	b = appendText(append(b, `{"iss":`...), s.options.Issuer)
	b = appendText(append(b, `,"sub":`...), c.ID)
	b = appendText(append(b, `,"client_id":`...), c.ID)
	b = append(b, `,"aud":`...)
	if len(q.resources) > 0 {
		b = appendTexts(b, q.resources, true)
	} else {
		b = appendText(b, s.audience())
	}
	b = strconv.AppendInt(append(b, `,"iat":`...), now, 10)
	b = strconv.AppendInt(append(b, `,"nbf":`...), now, 10)
	b = strconv.AppendInt(append(b, `,"exp":`...), now+int64(seconds(ClientAccessLife)), 10)
	b = append(appendRandom(append(b, `,"jti":"`...)), '"')
	b = appendText(append(b, `,"grant_id":`...), ownPrefix+c.ID+"~"+random(context.Background()))
	b = appendText(append(b, `,"scope":`...), q.scope)
	if c.Tenant != "" {
		b = appendText(append(b, `,"tenant":`...), c.Tenant)
	}
	if len(c.Roles) > 0 {
		b = appendTexts(append(b, `,"roles":`...), c.Roles, false)
	}
	if q.certificate != "" {
		b = append(append(append(b, `,"cnf":{"x5t#S256":"`...), q.certificate...), `"}`...)
	}
	return append(b, '}')
}

// appendTexts appends a list of strings, or the one that there is when it may stand
// alone (RFC 7519 section 4.1.3).
func appendTexts(b []byte, list []string, single bool) []byte {
	if single && len(list) == 1 {
		return appendText(b, list[0])
	}
	b = append(b, '[')
	for i, text := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, text)
	}
	return append(b, ']')
}

// appendText appends a JSON string (RFC 8259 section 7).
func appendText(b []byte, text string) []byte {
	for i := 0; i < len(text); i++ {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			quoted, _ := json.Marshal(text) // of a string it never fails
			return append(b, quoted...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}
