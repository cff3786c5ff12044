package people

import (
	"errors"
	"net/http"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/store"
)

// Device implements [idp.Authenticator]. Somebody who is not signed in signs in
// first, so that tries are counted by account: strangers cannot guess codes, whatever
// number of addresses they have.
func (p *People) Device(w http.ResponseWriter, r *http.Request, enter func(string) (string, error)) {
	v, err := p.visit(w, r)
	if err == nil {
		err = v.connect(enter)
	}
	if err != nil {
		v.fail(err)
	}
}

func (v *visit) connect(enter func(string) (string, error)) error {
	// What came in the address is shown in the field, where the person compares it with
	// the device, and goes on to the form after signing in (RFC 8628 section 3.3.1).
	code := idp.UserCode(v.r.URL.Query().Get("user_code"))
	if v.action = idp.DevicePath; code != "" {
		v.action += "?user_code=" + code
	}
	switch {
	case !v.posted() && !v.signedIn():
		return v.ask("")
	case !v.posted():
		v.showUserCode(code, "")
	case v.form("step") == "device" && v.signedIn():
		return v.enter(enter)
	case v.form("step") == "device":
		return v.ask("") // signed out meanwhile
	case v.form("step") == "sso":
		_, err := v.leave(v.action, false)
		return err
	default:
		done, err := v.signIn()
		if err != nil || !done {
			return err
		}
		return v.goTo(v.action)
	}
	return nil
}

// enter takes one code.
func (v *visit) enter(enter func(string) (string, error)) error {
	if err := v.take(store.Charge{Limit: v.p.limits.device, Key: v.user.ID}); err != nil {
		return err
	}
	path, err := enter(v.form("user_code"))
	if errors.Is(err, idp.ErrUserCode) {
		v.p.log.Warn("a user code was not known", "subject", v.user.ID, "address", v.p.options.Address(v.r))
		v.showUserCode("", "This code is not known, was used, or is too old. Look at your device again.")
		return nil
	}
	if err != nil {
		return err
	}
	return v.goTo(path)
}

func (v *visit) showUserCode(code, problem string) {
	v.show(http.StatusOK, "device", page{Title: "Connect a device", Name: v.user.Name, Code: code, Problem: problem})
}

// showDevice asks whether a device may have what it asks for.
func (v *visit) showDevice(a *idp.Pending) {
	g := page{Title: "Do you connect this device?", Name: v.user.Name, Client: a.ClientName, Code: a.UserCode}
	for _, s := range a.Scopes {
		g.Scopes = append(g.Scopes, v.p.scopeText(s))
	}
	v.show(http.StatusOK, "device-consent", g)
}
