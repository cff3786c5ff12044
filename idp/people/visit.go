package people

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/store"
)

// The cookies. The prefix keeps them to this host and to TLS (RFC 6265bis
// section 4.1.3.2).
const (
	cookieSession = "__Host-gh_session"
	cookieBrowser = "__Host-gh_browser" // which forms are bound to
	cookieDevice  = "__Host-gh_device"  // from which somebody signed in before
)

// visit is one request to a page, and what is known about who makes it.
type visit struct {
	p       *People
	w       http.ResponseWriter
	r       *http.Request
	at      time.Time
	browser string // what the browser's cookie says
	session store.BrowserSession
	user    store.User
	limited bool   // the person must set up a second factor before anything else
	client  string // for whom people sign in, or ""
	action  string // where forms go
	target  string // where the browser goes in the end, or ""
	again   string // a path of ours on which somebody tries again, or ""
}

// The errors of a request that no page can go on with.
var (
	errForm    = errors.New("people: not a form")
	errForeign = errors.New("people: a form that this browser was not given, or that was sent from elsewhere")
)

// visit reads the cookies, and for a POST the form, which must be ours.
func (p *People) visit(w http.ResponseWriter, r *http.Request) (*visit, error) {
	v := &visit{p: p, w: w, r: r, at: p.now(), action: r.URL.Path}
	if err := v.recognise(); err != nil {
		return v, err
	}
	if v.browser = v.cookie(cookieBrowser); v.browser == "" {
		v.browser = rand.Text()
		v.set(cookieBrowser, v.browser, 0)
	}
	if r.Method != http.MethodPost {
		return v, nil
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return v, errForm
	}
	r.Body = http.MaxBytesReader(w, r.Body, formBytes)
	if err := r.ParseForm(); err != nil {
		return v, errForm
	}
	for _, values := range r.PostForm {
		if len(values) != 1 {
			return v, errForm // no form of ours asks for anything twice
		}
	}
	if !v.fromHere() || subtle.ConstantTimeCompare([]byte(v.form("csrf")), []byte(v.csrf())) != 1 {
		return v, errForeign
	}
	return v, nil
}

// recognise finds out who is signed in, if anybody.
func (v *visit) recognise() error {
	secret := v.cookie(cookieSession)
	if secret == "" {
		return nil
	}
	return v.recogniseSession(sha256.Sum256([]byte(secret)))
}

func (v *visit) recogniseSession(id store.Hash) error {
	s, err := v.p.options.Store.BrowserSessions().Use(v.r.Context(), v.at, id)
	if err == nil {
		var u store.User
		if u, err = v.p.options.Store.Users().User(v.r.Context(), s.User); err == nil {
			var admitted bool
			if admitted, err = v.p.admits(v.r.Context(), &u); admitted {
				v.become(s, u)
				return nil
			}
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("people: looking for the session: %w", err)
	}
	return nil
}

// become sets who makes the request from now on.
func (v *visit) become(s store.BrowserSession, u store.User) {
	v.session, v.user, v.limited = s, u, s.ACR != idp.AAL2 && v.p.needsTwo(&u)
}

// signedIn reports whether somebody is, by all that they must prove themselves by.
func (v *visit) signedIn() bool { return v.user.ID != "" && !v.limited }

// fromHere reports whether the browser says that the form was on a page of ours.
// Every browser says so of a POST (Fetch section 3.2).
func (v *visit) fromHere() bool {
	if origin := v.r.Header.Values("Origin"); len(origin) > 0 {
		return len(origin) == 1 && origin[0] == v.p.options.Origin
	}
	return v.r.Header.Get("Sec-Fetch-Site") == "same-origin"
}

// csrf is the token of forms. It is this browser's, and another one before and
// after somebody is proven.
func (v *visit) csrf() string {
	return v.p.options.Key.mac("csrf", v.browser+"\x00"+string(v.session.ID[:]))
}

func (v *visit) form(name string) string { return v.r.PostFormValue(name) }

// cookie returns the cookie's value, or "" where there are two: none can be told to
// be ours.
func (v *visit) cookie(name string) string {
	if list := v.r.CookiesNamed(name); len(list) == 1 && len(list[0].Value) <= 512 {
		return list[0].Value
	}
	return ""
}

// set gives the browser a cookie, until it is closed or for a time, or takes it
// away where the time is negative.
func (v *visit) set(name, value string, life time.Duration) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: int(life / time.Second)}
	if life < 0 {
		c.MaxAge = -1
	}
	http.SetCookie(v.w, c)
}

// begin signs the person in under a new id, whatever the browser had: an id that
// was planted or seen before is worth nothing (session fixation).
func (v *visit) begin(u store.User, acr string, amr []string, proven time.Time) error {
	s := store.BrowserSession{ACR: acr, AMR: amr, At: proven, Until: proven.Add(SessionLife)}
	if was := &v.session; was.Connection != "" && was.User == u.ID && proven.Equal(was.At) {
		// A provider's proof goes on, better or worse than before, and ends when it would.
		s.Connection, s.Upstream, s.Until = was.Connection, was.Upstream, was.Until
	}
	return v.beginSession(u, s)
}

// beginSession fills in what every session has, and begins it.
func (v *visit) beginSession(u store.User, s store.BrowserSession) error {
	// However somebody was proven: a disabled tenant keeps them out.
	if admitted, err := v.p.admits(v.r.Context(), &u); err != nil {
		return fmt.Errorf("people: %w", err)
	} else if !admitted {
		return errForeign
	}
	name := rand.Text()
	switch {
	case v.user.ID == u.ID: // the same session goes on, better or later proven
		name = v.session.Name
	case v.user.ID != "": // somebody else sits here now
		if err := v.p.accounts.EndSession(v.r.Context(), v.session.Name, "another person signed in", u.ID); err != nil {
			return err
		}
	}
	secret := rand.Text() + rand.Text() // 260 bits
	agent := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, v.r.UserAgent())
	s.ID, s.Name, s.User, s.Made, s.Used, s.Idle = sha256.Sum256([]byte(secret)), name, u.ID, v.at, v.at, SessionIdle
	s.Address, s.Agent = v.p.options.Address(v.r), agent[:min(len(agent), 200)]
	if err := v.p.options.Store.BrowserSessions().Begin(v.r.Context(), s, v.session.ID); err != nil {
		return fmt.Errorf("people: %w", err)
	}
	v.become(s, u)
	v.set(cookieSession, secret, 0)
	v.set(cookieDevice, v.p.options.Key.issue("device", "", ticket{User: u.ID, Until: v.at.Add(deviceLife)}), deviceLife)
	return nil
}

// signOut ends this browser's session, with the tokens that were granted in it.
func (v *visit) signOut() error {
	v.set(cookieSession, "", -1)
	if err := v.p.accounts.EndSession(v.r.Context(), v.session.Name, "signed out", v.user.ID); err != nil {
		return err
	}
	v.p.log.Info("signed out", "subject", v.user.ID)
	v.become(store.BrowserSession{}, store.User{})
	return nil
}

// device returns a name for the browser if the person signed in from it before.
func (v *visit) device(user string) (string, bool) {
	text := v.cookie(cookieDevice)
	if text == "" || user == "" {
		return "", false
	}
	t, ok := v.p.options.Key.redeem("device", "", text, v.at)
	sum := sha256.Sum256([]byte(text))
	return "device " + string(sum[:]), ok && t.User == user
}
