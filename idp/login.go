package idp

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// PagesPath is the path under which an [Authenticator] has pages of its own, which
// belong to no authorization: forgotten passwords, an account's sessions.
const PagesPath = "/account/"

// ErrNobody says that a subject does not exist, is disabled or may not have tokens
// any more.
var ErrNobody = errors.New("idp: no such person")

// Authenticator proves people to the server: it knows their passwords and sessions
// and shows the pages. Without one the server has no authorization endpoint.
type Authenticator interface {
	// Authenticate goes on with a pending authorization. It is called for the
	// authorization request itself, where with the prompt "none" it must not wait,
	// and then for every GET and POST of p.Path by the browser that made it. It either
	// writes a page and returns [Waiting], or has proven somebody and writes nothing
	// ([Proven]), or refuses and writes nothing ([Refused], with a [Refusal] as the
	// error, or another error, which clients see as access_denied). What it puts into
	// p.State is there at the next call.
	Authenticate(w http.ResponseWriter, r *http.Request, p *Pending) (Progress, Proof, error)
	// Person returns who a subject is now. It is asked whenever a refresh token is
	// used, so that a role that was taken away is not in the next access token. It
	// returns [ErrNobody] when the subject may have no more tokens.
	Person(ctx context.Context, subject string) (Person, error)
	// Logout ends the browser's session, if there is one, and returns whose it was,
	// or "". then is where the browser goes in the end, or "" for a page of the server;
	// away is where it goes before that, to another place that knows the person's
	// session, or "". It writes nothing but Set-Cookie fields.
	Logout(w http.ResponseWriter, r *http.Request, then string) (subject, away string, err error)
	// Device serves [DevicePath] (RFC 8628 section 3.3): it has somebody who is signed
	// in write the code that a device shows, [DeviceTries] times at most, and sends the
	// browser to where enter says, to decide. enter returns [ErrUserCode] for a code that
	// nobody waits under. A code that came in the request is only shown, never entered.
	Device(w http.ResponseWriter, r *http.Request, enter func(code string) (path string, err error))
	// Pages serves the paths under [PagesPath]; nil serves nothing there.
	Pages() http.Handler
}

// Progress is how far an authentication has come.
type Progress uint8

// The ways in which a call of Authenticate ends. The zero value refuses.
const (
	Refused Progress = iota // nobody was proven and nobody will be
	Waiting                 // a page was written; the browser comes back to Pending.Path
	Proven                  // the [Proof] says who it is
)

// Pending is an authorization that waits for a person.
type Pending struct {
	ID   string // of this authorization, for the log; no secret
	Path string // where the pages' forms go: an absolute path without query
	// Return is the scheme and authority of the redirect URI ("https://app.example.com",
	// "com.example.app:"). Pages name it in form-action, since browsers hold the
	// redirects of a form against it (CSP 3).
	Return     string
	Client     string
	ClientName string   // for people; chosen by who registered the client
	FirstParty bool     // the client is the operator's own: no consent is asked
	Scopes     []string // that are asked for and that the client may have
	Prompt     []string // none, login, consent, select_account (OpenID Connect Core 3.1.2.1)
	// MaxAge is the longest time since the person was proven last, and is
	// negative when the client does not say.
	MaxAge time.Duration
	ACR    []string // acr_values, the preferred first
	// LoginHint is what the client believes the person's name to be. It is foreign
	// text.
	LoginHint string
	// UserCode is what a device shows that asks for this authorization, or "". The
	// person must see it and decide, whatever was decided before.
	UserCode string
	// State is kept with the authorization, at most 4 kB in all.
	State map[string]string
}

// Proof is who was proven, how, and what they consented to.
type Proof struct {
	Subject string // opaque, made by us, never an e-mail address; at most 255 ASCII characters
	Tenant  string
	Roles   []string
	ACR     string   // authentication context class
	AMR     []string // methods (RFC 8176)
	At      time.Time
	// Session is the name of the session in [store.BrowserSessions], which tokens have
	// as their sid, or "". What is granted ends with it.
	Session string
	Scopes  []string // consented; those that were not asked for are dropped
}

// Person is who a subject is now.
type Person struct {
	Tenant string
	Roles  []string
	// ACR is the least class by which the subject may have tokens: [AAL2], or "" for
	// any. A grant that began with less ends.
	ACR string
}

// Refusal is an error of an authorization that the client is told (OpenID Connect
// Core 3.1.2.6, RFC 6749 section 4.1.2.1).
type Refusal string

// The refusals.
const (
	AccessDenied    Refusal = "access_denied"
	LoginRequired   Refusal = "login_required"
	ConsentRequired Refusal = "consent_required"
)

// Error returns the code that the client is told.
func (r Refusal) Error() string { return string(r) }
