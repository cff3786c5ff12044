package idp

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"

	"github.com/luikyv/go-oidc/pkg/goidc"
)

// cookieName is of the cookie that binds an authorization to the browser that
// began it. No other host and no plain connection can set it (the prefix __Host-).
const cookieName = "__Host-gatehouse-authorization"

var errOtherBrowser = goidc.NewError(goidc.ErrorCodeAccessDenied, "this login was begun in another browser")

// bind ties an authorization to the browser at its first request, and refuses every
// other browser afterwards: nobody is logged in to what somebody else began (login
// CSRF, RFC 9700 section 4.7), and a link to a login is worth nothing.
func bind(w http.ResponseWriter, r *http.Request, as *goidc.AuthnSession) error {
	value := cookieOf(r)
	if known, _ := as.Store[keyBrowser].(string); known != "" {
		h := hash(value)
		if value == "" || subtle.ConstantTimeCompare([]byte(known), []byte(hex.EncodeToString(h[:]))) != 1 {
			return errOtherBrowser
		}
		return nil
	}
	if endpointOf(r.Context()) != pathAuthorize {
		return errOtherBrowser
	}
	h := hash(browserOf(w, r))
	as.Store[keyBrowser] = hex.EncodeToString(h[:])
	return nil
}

// cookieOf returns what the browser has, or "".
func cookieOf(r *http.Request) string {
	if c, err := r.Cookie(cookieName); err == nil && wellFormed(c.Value) {
		return c.Value
	}
	return ""
}

// browserOf returns the value that this browser is known by. Another tab may have it
// already.
func browserOf(w http.ResponseWriter, r *http.Request) string {
	value := cookieOf(r)
	if value == "" {
		value = random(context.Background())
		http.SetCookie(w, &http.Cookie{Name: cookieName, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	}
	return value
}

func wellFormed(v string) bool {
	b, err := base64.RawURLEncoding.Strict().DecodeString(v)
	return err == nil && len(b) == 32
}
