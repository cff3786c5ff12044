package people

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/idp"
)

// stateSession is where a pending authorization keeps the session that was begun
// for it: with prompt=login that one is new enough, and no other.
const stateSession = "session"

// Authenticate implements [idp.Authenticator].
func (p *People) Authenticate(w http.ResponseWriter, r *http.Request, a *idp.Pending) (idp.Progress, idp.Proof, error) {
	v, err := p.visit(w, r)
	v.action, v.target, v.client = a.Path, a.Return, a.ClientName
	if v.client == "" {
		v.client = a.Client
	}
	if err == nil {
		var progress idp.Progress
		var proof idp.Proof
		if progress, proof, err = v.authenticate(a); err == nil {
			return progress, proof, nil
		}
		var refusal idp.Refusal
		if errors.As(err, &refusal) {
			return idp.Refused, idp.Proof{}, refusal
		}
	}
	v.fail(err)
	return idp.Waiting, idp.Proof{}, nil
}

func (v *visit) authenticate(a *idp.Pending) (idp.Progress, idp.Proof, error) {
	none := slices.Contains(a.Prompt, "none")
	if v.r.Method == http.MethodPost && !none {
		if done, err := v.answer(a); !done || err != nil {
			return idp.Waiting, idp.Proof{}, err
		}
	}
	if !v.suits(a) {
		if none {
			return idp.Refused, idp.Proof{}, idp.LoginRequired
		}
		if v.limited && v.justProven() {
			return idp.Waiting, idp.Proof{}, v.stepUp(a)
		}
		return idp.Waiting, idp.Proof{}, v.ask(typed(a.LoginHint))
	}
	if better(a.ACR, v.session.ACR) {
		if none {
			return idp.Refused, idp.Proof{}, idp.LoginRequired
		}
		return idp.Waiting, idp.Proof{}, v.stepUp(a)
	}
	return v.consented(a, none)
}

// answer takes what a form of ours says. It reports whether to go on; if not, a
// page was written.
func (v *visit) answer(a *idp.Pending) (bool, error) {
	switch v.form("step") {
	case "sso":
		return false, v.leaveFor(a)
	case "consent":
	default:
		was := v.session.ID
		done, err := v.signIn()
		// Setting a second factor up proves nobody anew.
		if err == nil && v.session.ID != was && !strings.HasPrefix(v.form("step"), "enrol-") {
			note(a, stateSession, v.session.Name)
		}
		return done, err
	}
	switch {
	case !v.suits(a):
		return true, nil // signed out meanwhile: asked again
	case v.form("decision") != "allow":
		return false, idp.AccessDenied
	}
	if err := v.p.options.Store.Consents().Grant(v.r.Context(), v.at, v.user.ID, a.Client, a.Scopes); err != nil {
		return false, fmt.Errorf("people: %w", err)
	}
	note(a, stateConsent, "yes")
	return true, nil
}

func note(a *idp.Pending, key, value string) {
	if a.State == nil {
		a.State = map[string]string{}
	}
	a.State[key] = value
}

// suits reports whether who is signed in was proven recently enough for the client.
func (v *visit) suits(a *idp.Pending) bool {
	switch {
	case !v.signedIn():
		return false
	case a.State[stateSession] == v.sessionName(), v.backFor(a):
		return true
	case slices.Contains(a.Prompt, "login"), slices.Contains(a.Prompt, "select_account"):
		return false
	}
	return a.MaxAge < 0 || v.at.Sub(v.session.At) <= a.MaxAge
}

// better reports whether the client asks for two factors and there was one.
func better(asked []string, have string) bool {
	return len(asked) > 0 && asked[0] == idp.AAL2 && have != idp.AAL2
}

// stepUp asks somebody who is signed in for the second factor (RFC 9470): their own,
// their provider's where it may vouch for one, or to set one up. Without an
// authorization the provider is not asked.
func (v *visit) stepUp(a *idp.Pending) error {
	f, err := v.p.accounts.Factors(v.r.Context(), &v.user)
	if err != nil {
		return err
	}
	if f.Any() {
		return v.askSecond(f, ticket{User: v.user.ID, At: v.session.At, Methods: v.session.AMR}, "")
	}
	if a != nil {
		if left, err := v.askProvider(a); left || err != nil {
			return err
		}
	}
	if !v.justProven() {
		return v.showSignIn(v.user.Name, "A second factor is asked for, and you have none yet. Sign in again to set one up.")
	}
	return v.showEnrol(f, "", "")
}

// stateConsent is where a pending authorization keeps that it was consented to.
const stateConsent = "consent"

// consented ends the authorization when the person consented to all of it, and asks
// for what is new otherwise.
func (v *visit) consented(a *idp.Pending, none bool) (idp.Progress, idp.Proof, error) {
	proof := idp.Proof{
		Subject: v.user.ID, Tenant: v.user.Tenant, Roles: v.user.Roles, ACR: v.session.ACR, AMR: v.session.AMR,
		At: v.session.At, Session: v.sessionName(), Scopes: a.Scopes,
	}
	again := slices.Contains(a.Prompt, "consent") && a.State[stateConsent] == ""
	if a.UserCode != "" && a.State[stateConsent] == "" {
		v.showDevice(a)
		return idp.Waiting, idp.Proof{}, nil
	}
	if a.FirstParty && !again {
		return idp.Proven, proof, nil
	}
	granted, err := v.p.options.Store.Consents().Granted(v.r.Context(), v.user.ID, a.Client)
	if err != nil {
		return idp.Refused, idp.Proof{}, fmt.Errorf("people: %w", err)
	}
	fresh := slices.DeleteFunc(slices.Clone(a.Scopes), func(s string) bool { return !again && slices.Contains(granted, s) })
	if len(fresh) == 0 {
		return idp.Proven, proof, nil
	}
	if none {
		return idp.Refused, idp.Proof{}, idp.ConsentRequired
	}
	for i, s := range fresh {
		fresh[i] = v.p.scopeText(s)
	}
	v.show(http.StatusOK, "consent", page{Title: "Do you allow this?", Name: v.user.Name, Client: v.client, Scopes: fresh})
	return idp.Waiting, idp.Proof{}, nil
}

// scopeText says what a scope permits.
func (p *People) scopeText(scope string) string {
	text := p.options.ScopeTexts[scope]
	switch {
	case text != "":
		return text
	case scope == "openid":
		return "know that it is you"
	case scope == "offline_access":
		return "go on while you are away"
	}
	return scope
}

// sessionName is what others know the session by, or "".
func (v *visit) sessionName() string {
	if !v.signedIn() {
		return ""
	}
	return v.session.Name
}
