package people

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/store"
)

// The cookies that bind a journey to its browser. An answer that the provider's page
// posts brings no cookie along but one with SameSite=None, which is worth nothing by
// itself: the handle of the journey is needed, too.
const (
	cookieJourney     = "__Host-gh_sso"
	cookieJourneyPost = "__Host-gh_sso_post"
)

// What is sealed for single sign-on.
const (
	purposeJourney  = "sso journey"
	purposeUpstream = "sso upstream"
)

var (
	// errJourney says that an answer belongs to no journey of this browser.
	errJourney = errors.New("people: no sign-in of this browser waits for this answer")
	// errNoConnection says that there is no such connection.
	errNoConnection = errors.New("people: no such connection")
)

// journey is what is kept while somebody is at their provider.
type journey struct {
	Connection string     `json:"c"`
	Browser    store.Hash `json:"b"` // SHA-256 of the binding cookie
	Session    store.Hash `json:"s"` // that was there, or zero
	Back       string     `json:"p"` // a path of ours
	Began      time.Time  `json:"t"`
	Fresh      bool       `json:"f,omitempty"`
	ByPost     bool       `json:"o,omitempty"`
	Kept       []byte     `json:"k"`
}

// leave sends the browser to the provider that the form asks for: by a button of a
// connection, or by an e-mail address of its domain. It reports whether there is one;
// the answer is the same for every address of a domain.
func (v *visit) leave(back string, fresh bool) (connection string, err error) {
	c, hint := v.p.connections.ByName(v.form("connection")), ""
	if v.form("connection") == "" {
		if hint, err = Canonical(v.form("name")); err == nil {
			c = v.p.connections.ByAddress(hint)
		}
		if c == nil {
			return "", v.showSignIn(typed(v.form("name")), "We know no organisation that signs people in with this address. Use your password.")
		}
	}
	if c == nil {
		return "", errNoConnection
	}
	return c.Name, v.depart(c, sso.Start{Handle: handle(), At: v.at, Fresh: fresh, LoginHint: hint}, back)
}

// handle returns 256 random bits as 43 characters of base64url.
func handle() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// keep seals a text and keeps it under a handle that a browser takes along.
func (v *visit) keep(purpose, handle string, text []byte, until time.Time) error {
	hash := sha256.Sum256([]byte(purpose + handle))
	err := v.p.options.Store.Authorizations().Save(v.r.Context(), store.Authorization{
		ID: hash, Handle: hash, Data: v.p.options.Key.lock(purpose, handle, text), Until: until,
	})
	if err != nil {
		return fmt.Errorf("people: %w", err)
	}
	return nil
}

// taken returns, once, what was kept under a handle, or [store.ErrNotFound].
func (v *visit) taken(purpose, handle string) ([]byte, error) {
	kept, err := v.p.options.Store.Authorizations().Take(v.r.Context(), v.at, sha256.Sum256([]byte(purpose+handle)))
	if err != nil {
		return nil, fmt.Errorf("people: %w", err)
	}
	text, err := v.p.options.Key.unlock(purpose, handle, kept.Data)
	if err != nil {
		return nil, fmt.Errorf("people: reading what was kept for %s: %w", purpose, err)
	}
	return text, nil
}

// depart keeps the journey and writes the page that leads to the provider. It is a
// page and no redirect, since browsers hold the redirects of a form against the
// page's form-action (CSP 3), and providers send people on to others.
func (v *visit) depart(c *sso.Connection, s sso.Start, back string) error {
	if err := v.take(store.Charge{Limit: v.p.limits.journey, Key: network(v.p.options.Address(v.r))}); err != nil {
		return err
	}
	d, err := c.Protocol.Begin(v.r.Context(), s)
	if err != nil {
		return fmt.Errorf("people: leaving for %s: %w", c.Name, err)
	}
	if len(d.Kept) > sso.MaxKept {
		return fmt.Errorf("people: leaving for %s: %d bytes are kept; %d are the most", c.Name, len(d.Kept), sso.MaxKept)
	}
	j := journey{
		Connection: c.Name, Browser: v.bindJourney(d.ByPost), Session: v.session.ID, Back: back,
		Began: s.At, Fresh: s.Fresh, ByPost: d.ByPost, Kept: d.Kept,
	}
	text, err := json.Marshal(j)
	if err != nil {
		return fmt.Errorf("people: writing a journey: %w", err)
	}
	if err := v.keep(purposeJourney, s.Handle, text, s.At.Add(sso.JourneyLife)); err != nil {
		return err
	}
	v.p.log.Info("left for a provider", "connection", c.Name, "fresh", s.Fresh)
	g := page{Title: "Continue with " + c.Title, Away: d.URL}
	if d.Form != nil {
		v.action, v.target = d.URL, d.URL
		for name, values := range d.Form {
			g.Fields = append(g.Fields, shownField{name, values[0]})
		}
	}
	v.show(http.StatusOK, "away", g)
	return nil
}

var bindingText = regexp.MustCompile(`^[A-Z2-7]{52}$`)

// bindJourney ties a journey to the browser, as its other tabs are.
func (v *visit) bindJourney(byPost bool) store.Hash {
	name, mode := journeyCookie(byPost)
	value := v.cookie(name)
	if !bindingText.MatchString(value) {
		value = rand.Text() + rand.Text()
	}
	http.SetCookie(v.w, &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: mode, MaxAge: int(sso.JourneyLife / time.Second)})
	return sha256.Sum256([]byte(value))
}

func journeyCookie(byPost bool) (string, http.SameSite) {
	if byPost {
		return cookieJourneyPost, http.SameSiteNoneMode
	}
	return cookieJourney, http.SameSiteLaxMode
}

// arrive serves what a provider sends the browser back with. It is no form of ours:
// what proves where it comes from is the journey.
func (p *People) arrive(w http.ResponseWriter, r *http.Request) {
	v := &visit{p: p, w: w, r: r, at: p.now(), action: r.URL.Path}
	if err := v.arrived(); err != nil {
		v.fail(err)
	}
}

// describe serves what the provider of a connection is told of us, which is no
// secret.
func (p *People) describe(w http.ResponseWriter, r *http.Request) {
	v := &visit{p: p, w: w, r: r, at: p.now(), action: r.URL.Path}
	var document []byte
	err := errNoConnection
	if c := p.connections.ByName(r.PathValue("connection")); c != nil {
		if d, ok := c.Protocol.(sso.Described); ok {
			document, err = d.Metadata()
		}
	}
	if err != nil {
		v.fail(err)
		return
	}
	w.Header().Set("Content-Type", "application/samlmetadata+xml")
	_, _ = w.Write(document)
}

func (v *visit) arrived() error {
	c := v.p.connections.ByName(v.r.PathValue("connection"))
	if c == nil {
		return errNoConnection
	}
	params, err := v.brought()
	if err != nil {
		return err
	}
	h := c.Protocol.Handle(params)
	j, err := v.takeJourney(c, h)
	if err != nil {
		return err
	}
	v.again = j.Back
	i, err := c.Protocol.Finish(v.r.Context(), sso.Answer{At: v.at, Params: params, Handle: h, Began: j.Began, Fresh: j.Fresh, Kept: j.Kept})
	if err != nil {
		return fmt.Errorf("people: back from %s: %w", c.Name, err)
	}
	u, err := v.p.accounts.admit(v.r.Context(), v.p.connections, c, &i)
	if err != nil {
		return fmt.Errorf("people: %q of %q, back from %s: %w", i.Subject, i.Issuer, c.Name, err)
	}
	if err := v.recogniseBefore(&j); err != nil {
		return err
	}
	if err := v.beginBy(u, c, &i); err != nil {
		return err
	}
	return v.goTo(j.Back)
}

// brought returns the parameters of an answer, each of which is there once (RFC 6749
// section 3.1).
func (v *visit) brought() (url.Values, error) {
	params, err := url.ParseQuery(v.r.URL.RawQuery)
	if v.posted() {
		if len(params) > 0 || v.r.ParseForm() != nil {
			return nil, errForm
		}
		params = v.r.PostForm
	}
	if err != nil {
		return nil, errForm
	}
	for _, values := range params {
		if len(values) != 1 {
			return nil, errForm
		}
	}
	return params, nil
}

// takeJourney takes the journey out of the store, whatever becomes of it: there is no
// second answer. It must be this connection's and this browser's.
func (v *visit) takeJourney(c *sso.Connection, h string) (j journey, err error) {
	if len(h) != sso.HandleLength {
		return j, fmt.Errorf("%w: it does not say which one", errJourney)
	}
	text, err := v.taken(purposeJourney, h)
	if errors.Is(err, store.ErrNotFound) {
		return j, fmt.Errorf("%w: it was used, is over, or was never", errJourney)
	}
	if err != nil {
		return j, err
	}
	if err := json.Unmarshal(text, &j); err != nil {
		return journey{}, fmt.Errorf("people: reading a journey: %w", err)
	}
	name, _ := journeyCookie(j.ByPost)
	browser := sha256.Sum256([]byte(v.cookie(name)))
	switch {
	case j.Connection != c.Name:
		return journey{}, fmt.Errorf("%w: it went to %s", errJourney, j.Connection)
	case j.ByPost != v.posted():
		return journey{}, fmt.Errorf("%w: the answer came by %s", errJourney, v.r.Method)
	case subtle.ConstantTimeCompare(j.Browser[:], browser[:]) != 1:
		return journey{}, fmt.Errorf("%w: it was begun in another one", errJourney)
	}
	return j, nil
}

// recogniseBefore finds out who was signed in before: by the cookie, or, where the
// answer came from a form of another site, by what the journey knows.
func (v *visit) recogniseBefore(j *journey) error {
	if err := v.recognise(); err != nil || v.user.ID != "" || j.Session == (store.Hash{}) {
		return err
	}
	return v.recogniseSession(j.Session)
}

// beginBy signs the person in on a provider's word, for as long as the connection and
// the provider allow, and with no better class than the connection may vouch for.
func (v *visit) beginBy(u store.User, c *sso.Connection, i *sso.Identity) error {
	s := store.BrowserSession{ACR: idp.AAL1, AMR: methods(i.AMR), At: v.at, Until: c.Until(v.at, i), Connection: c.Name}
	if c.Assurance.Two(i) {
		s.ACR = idp.AAL2
	}
	if !i.AuthnInstant.IsZero() && i.AuthnInstant.Before(v.at) {
		s.At = i.AuthnInstant
	}
	if !s.Until.After(v.at) {
		return fmt.Errorf("%w: the provider's session is over", sso.ErrAnswer)
	}
	if len(i.Upstream) > 0 {
		s.Upstream = v.p.options.Key.lock(purposeUpstream, u.ID, i.Upstream)
	}
	v.p.log.Info("signed in", "subject", u.ID, "connection", c.Name, "acr", s.ACR, "address", v.p.options.Address(v.r))
	return v.beginSession(u, s)
}

var methodText = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,64}$`)

// methods are a provider's methods as they may stand in our tokens: ten at most, and
// no text that could be anything else.
func methods(list []string) (out []string) {
	for _, m := range list {
		if methodText.MatchString(m) && len(out) < 10 {
			out = append(out, m)
		}
	}
	return out
}

// stateLeft is where a pending authorization keeps by which connection and when the
// person left for a provider: who is back from there was proven for it.
const stateLeft = "left"

// leaveFor leaves for a provider on behalf of an authorization.
func (v *visit) leaveFor(a *idp.Pending) error {
	connection, err := v.leave(a.Path, wantsProof(a))
	if err == nil && connection != "" {
		note(a, stateLeft, connection+" "+strconv.FormatInt(v.at.UnixMicro(), 10))
	}
	return err
}

// wantsProof reports whether a client asks for a proof of its own.
func wantsProof(a *idp.Pending) bool {
	return a.MaxAge >= 0 || slices.Contains(a.Prompt, "login") || slices.Contains(a.Prompt, "select_account")
}

// backFor reports whether the session was begun by the provider that the person left
// for on behalf of the authorization.
func (v *visit) backFor(a *idp.Pending) bool {
	connection, text, found := strings.Cut(a.State[stateLeft], " ")
	at, err := strconv.ParseInt(text, 10, 64)
	return found && err == nil && v.session.Connection == connection && v.session.Made.UnixMicro() >= at
}

// stateVouched is where a pending authorization keeps that the provider was asked for
// two factors: it is not asked again and again.
const stateVouched = "vouched"

// askProvider leaves for the provider of the present session, which may vouch for two
// factors. It reports whether it does.
func (v *visit) askProvider(a *idp.Pending) (bool, error) {
	c := v.p.connections.ByName(v.session.Connection)
	if c == nil || !c.Assurance.CanVouch() || a.State[stateVouched] != "" {
		return false, nil
	}
	note(a, stateVouched, c.Name)
	note(a, stateLeft, c.Name+" "+strconv.FormatInt(v.at.UnixMicro(), 10))
	return true, v.depart(c, sso.Start{Handle: handle(), At: v.at, Fresh: true}, a.Path)
}

// failedJourney is what people are told about a sign-in by a provider that did not
// work, or 0. Which of several reasons it was is in the log.
func failedJourney(err error) (status int, text string) {
	switch {
	case errors.Is(err, errJourney):
		return http.StatusBadRequest, "This sign-in was begun in another browser, took too long, or was used already. Please begin again."
	case errors.Is(err, errNoConnection):
		return http.StatusNotFound, "There is nothing here."
	case errors.Is(err, errNotAdmitted):
		return http.StatusForbidden, "Your organisation knows you, but there is no account for you here. Please ask those who manage accounts, with the number below."
	case errors.Is(err, sso.ErrDeclined):
		return http.StatusForbidden, "Your organisation did not sign you in."
	case errors.Is(err, sso.ErrAnswer):
		return http.StatusForbidden, "What came back from your organisation could not be believed. Please try again; if it happens again, tell those who manage accounts the number below."
	case errors.Is(err, sso.ErrUnavailable):
		// Not 503: a gateway writes its own document in place of what comes with that,
		// and a person is to read this.
		return http.StatusOK, "The sign-in of your organisation cannot be reached right now. Please try again in a moment."
	}
	return 0, ""
}
