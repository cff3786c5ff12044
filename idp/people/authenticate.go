package people

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/gatehouse-api/gatehouse/idp"
)

// stateSession is where a pending authorization keeps the session that was begun
// for it: with prompt=login that one is new enough, and no other.
const stateSession = "session"

// Authenticate implements [idp.Authenticator].
func (p *People) Authenticate(w http.ResponseWriter, r *http.Request, a *idp.Pending) (idp.Progress, idp.Proof, error) {
	v, err := p.visit(w, r)
	v.action, v.target = a.Path, a.Return
	if a.ClientName == "" {
		a.ClientName = a.Client
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
		v.showSignIn(typed(a.LoginHint), a.ClientName, "")
		return idp.Waiting, idp.Proof{}, nil
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
	case "password", "code":
		done, err := v.signIn(a.ClientName)
		if done && err == nil {
			note(a, stateSession, v.sessionName())
		}
		return done, err
	case "sso":
		return false, v.leaveFor(a)
	case "consent":
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
	return false, errForm
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

// stepUp asks somebody who is signed in for the second factor (RFC 9470), or their
// provider where it may vouch for one.
func (v *visit) stepUp(a *idp.Pending) error {
	if v.user.TOTP != nil {
		v.askCode(v.user.ID, v.session.At, "")
		return nil
	}
	left, err := v.askProvider(a)
	if !left && err == nil {
		v.show(http.StatusForbidden, "no-factor", page{Title: "A second factor is needed", Client: a.ClientName})
	}
	return err
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
	v.show(http.StatusOK, "consent", page{Title: "Do you allow this?", Name: v.user.Name, Client: a.ClientName, Scopes: fresh})
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
