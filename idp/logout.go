package idp

import (
	"context"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/jose"
)

// logout ends a person's session at a client's request (OpenID Connect RP-Initiated
// Logout 1.0). A hint that we issued, expired or not, says that the client may ask;
// without one the person is asked. A browser is sent back to a URI that is
// registered for exactly that client, and to no other.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	params, err := parameters(r)
	if err != nil || repeated(params) != "" {
		s.page(w, http.StatusBadRequest, "The request cannot be read.")
		return
	}
	hint := params.Get("id_token_hint")
	if hint == "" && !(r.Method == http.MethodPost && params.Get("confirm") == "yes") {
		s.askLogout(w)
		return
	}
	// Whatever the hint is worth, somebody wants to leave.
	to := s.goodbye(r.Context(), hint, params)
	subject, away, err := s.options.Login.Logout(w, r, to)
	if err != nil {
		s.log.Error("a session was not ended", "error", err)
		s.page(w, http.StatusInternalServerError, "You could not be logged out. Please try again.")
		return
	}
	if subject != "" {
		s.log.Info("a person logged out", "subject", subject)
	}
	switch {
	case away != "" && hint == "": // browsers hold the redirects of our form against its form-action (CSP 3)
		s.leadAway(w, away)
	case away != "":
		http.Redirect(w, r, away, http.StatusSeeOther)
	case to != "":
		http.Redirect(w, r, to, http.StatusSeeOther)
	default:
		s.page(w, http.StatusOK, "You are logged out.")
	}
}

// leadAway writes a page that leads to where the person is logged out, too.
func (s *Server) leadAway(w http.ResponseWriter, away string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'")
	where := template.HTMLEscapeString(away)
	_, _ = w.Write([]byte(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta http-equiv="refresh" content="0; url=` +
		where + `"><title>Log out</title><p>You are logged out here. <a href="` + where + `">Go on</a></p></html>` + "\n"))
}

// goodbye is where the browser may be sent, or "".
func (s *Server) goodbye(ctx context.Context, hint string, params url.Values) string {
	wanted := params.Get("post_logout_redirect_uri")
	client, err := s.hinted(ctx, hint)
	if wanted == "" || err != nil || params.Has("client_id") && params.Get("client_id") != client {
		return ""
	}
	c, err := s.options.Store.Clients().Client(ctx, client)
	u, parseErr := url.Parse(wanted)
	if err != nil || parseErr != nil || !slices.Contains(c.PostLogoutRedirectURIs, wanted) {
		return ""
	}
	if state := params.Get("state"); state != "" {
		q := u.Query()
		q.Set("state", state)
		u.RawQuery = q.Encode()
	}
	return u.String()
}

var errHint = errors.New("idp: the hint is no id_token of ours")

// hinted returns the client that an id_token of ours was issued to. How old it is
// does not matter.
func (s *Server) hinted(ctx context.Context, hint string) (string, error) {
	t, err := s.ours(ctx, hint)
	if err != nil || t.Type != "" && t.Type != "jwt" {
		return "", errHint
	}
	issuer, issErr := t.Claims.Text("iss")
	audience, audErr := t.Claims.Texts("aud", true)
	if issErr != nil || audErr != nil || issuer != s.options.Issuer || len(audience) != 1 {
		return "", errHint
	}
	return audience[0], nil
}

// ours takes a token apart that one of our keys has signed. What it says is not
// judged, nor whether its time is over.
func (s *Server) ours(ctx context.Context, token string) (*jose.Token, error) {
	t, err := jose.Parse(token)
	if err != nil {
		return nil, err
	}
	keys, _, err := jose.Live(s.options.Keys.Set).Find(ctx, time.Now(), t.Algorithm, t.KeyID)
	if err != nil {
		return nil, err
	}
	return t, t.Verify(keys[0])
}

// askLogout asks the person. The answer is a POST, with which another site's form
// sends no cookie.
func (s *Server) askLogout(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; form-action 'self'; base-uri 'none'")
	_, _ = w.Write([]byte(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Log out</title>` +
		`<p>Do you want to log out?</p><form method="post" action="` + template.HTMLEscapeString(pathLogout) + `"><input type="hidden" name="confirm" value="yes"><button>Log out</button></form></html>` + "\n"))
}
