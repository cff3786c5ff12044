package people

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/internal/totp"
	"github.com/gatehouse-api/gatehouse/store"
)

// unrecognised is the one answer to every name and password that do not fit: no
// such account, a wrong password, an account that is disabled or has to wait.
const unrecognised = "The e-mail address and the password do not fit. After many tries an account has to wait for a while."

// showSignIn writes the page that asks for a password or a passkey.
func (v *visit) showSignIn(name, problem string) error {
	form, err := v.proofForm(ticket{}, nil)
	if err != nil {
		return err
	}
	v.show(http.StatusOK, "sign-in", page{Title: "Sign in", Name: name, Client: v.client, Problem: problem, Passkey: form})
	return nil
}

// ask begins to sign somebody in: by the first factor, or, where that was proven a
// moment ago and is not enough, by the second.
func (v *visit) ask(name string) error {
	if v.limited && v.justProven() {
		return v.stepUp(nil)
	}
	return v.showSignIn(name, "")
}

// signIn does one step of signing in. It reports whether the person is signed in
// now; if not, a page was written.
func (v *visit) signIn() (bool, error) {
	switch v.form("step") {
	case "password":
		u, err := v.checkPassword()
		if err != nil {
			return false, err
		}
		if u.ID == "" {
			return false, v.showSignIn(typed(v.form("name")), unrecognised)
		}
		return v.first(u, v.at, "pwd")
	case "code":
		return v.checkCode()
	case "passkey":
		return v.checkPasskey()
	case "enrol-app", "enrol-passkey", "enrol-recovery":
		f, ok, err := v.recently()
		switch {
		case err != nil:
			return false, err
		case !ok:
			return false, v.showSignIn(v.user.Name, "That was too long ago. Please sign in again first.")
		}
		return v.enrol(f)
	}
	return false, errForm
}

// first goes on with somebody whose first factor was proven at a time, by methods of
// RFC 8176: it signs them in, asks for their second factor, or has them set one up
// where they must have one. It reports whether they are signed in; if not, a page
// was written.
func (v *visit) first(u store.User, at time.Time, by ...string) (bool, error) {
	f, err := v.p.accounts.Factors(v.r.Context(), &u)
	if err != nil {
		return false, err
	}
	if f.Any() {
		return false, v.askSecond(f, ticket{User: u.ID, At: at, Methods: by}, "")
	}
	v.p.log.Info("signed in", "subject", u.ID, "acr", idp.AAL1, "address", v.p.options.Address(v.r))
	if err := v.begin(u, idp.AAL1, by, at); err != nil || !v.limited {
		return err == nil, err
	}
	return false, v.showEnrol(f, "", "")
}

// typed is what somebody wrote, short enough to be shown again.
func typed(s string) string { return s[:min(len(s), longestName)] }

// checkPassword returns who has that name and password, or nobody. For a name that
// exists and one that does not it reads, hashes and writes the same, so that no
// clock tells them apart.
func (v *visit) checkPassword() (store.User, error) {
	ctx, o := v.r.Context(), &v.p.options
	name, err := Canonical(v.form("name"))
	if err != nil {
		name = "" // no account's: it is counted and refused like any other
	}
	u, err := o.Store.Users().ByName(ctx, name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return store.User{}, fmt.Errorf("people: %w", err)
	}
	// A browser that the account is known from has its own count, so that strangers
	// who guess do not shut the person out (CVE-2025-24806 and its like).
	key := name
	if key == "" {
		key = "no address"
	}
	if device, known := v.device(u.ID); known {
		key = device
	}
	if err := v.take(store.Charge{Limit: v.p.limits.address, Key: v.source()}, store.Charge{Limit: v.p.limits.account, Key: key}); err != nil {
		return store.User{}, err
	}
	n, last, err := o.Store.Failures().Failed(ctx, v.at, key)
	if err != nil {
		return store.User{}, fmt.Errorf("people: %w", err)
	}
	right, err := v.p.accounts.Hasher.Verify(ctx, u.Password, v.form("password"))
	if err != nil {
		return store.User{}, err
	}
	waiting := v.at.Before(last.Add(waits(n)))
	admitted := false
	if right { // only who knows the password may learn from a clock that there is a tenant to ask
		if admitted, err = v.p.admits(ctx, &u); err != nil {
			return store.User{}, fmt.Errorf("people: %w", err)
		}
	}
	if admitted && !waiting {
		if n > 0 {
			err = o.Store.Failures().Clear(ctx, key)
		}
		return u, err
	}
	if !waiting { // whoever has to wait does not wait longer for trying
		if n, err = o.Store.Failures().Fail(ctx, v.at, key); err != nil {
			return store.User{}, fmt.Errorf("people: %w", err)
		}
	}
	v.p.log.Warn("a sign-in failed", "subject", u.ID, "failures", n, "waiting", waiting, "address", o.Address(v.r))
	return store.User{}, nil
}

// purposeCode is what tickets between the two factors are sealed for.
const purposeCode = "second factor"

// askSecond writes the page that asks for the second factor of somebody whose first
// one a ticket tells of.
func (v *visit) askSecond(f Factors, t ticket, problem string) error {
	form, err := v.proofForm(t, f.Passkeys)
	if err != nil {
		return err
	}
	t.State, t.Until = "", v.at.Add(secondLife)
	v.show(http.StatusOK, "code", page{
		Title: "One more step", Ticket: v.p.options.Key.issue(purposeCode, v.browser, t), Problem: problem, Factors: f, Passkey: form,
	})
	return nil
}

// askAgain is askSecond after a try that failed.
func (v *visit) askAgain(t ticket, problem string) error {
	u, err := v.p.options.Store.Users().User(v.r.Context(), t.User)
	if err != nil {
		return fmt.Errorf("people: %w", err)
	}
	f, err := v.p.accounts.Factors(v.r.Context(), &u)
	if err != nil {
		return err
	}
	return v.askSecond(f, t, problem)
}

// checkCode signs in who has a ticket of the first factor and a code of the second.
func (v *visit) checkCode() (bool, error) {
	t, ok := v.p.options.Key.redeem(purposeCode, v.browser, v.form("ticket"), v.at)
	if !ok {
		return false, errForeign
	}
	if err := v.take(store.Charge{Limit: v.p.limits.factor, Key: t.User}); err != nil {
		return false, err
	}
	u, err := v.p.options.Store.Users().User(v.r.Context(), t.User)
	admitted := false
	if err == nil {
		admitted, err = v.p.admits(v.r.Context(), &u)
	}
	switch {
	case err != nil:
		return false, fmt.Errorf("people: %w", err)
	case !admitted:
		return false, errForeign
	}
	right, err := v.rightCode(&u, v.form("code"))
	if err != nil {
		return false, err
	}
	if !right {
		v.p.log.Warn("a second factor failed", "subject", u.ID, "address", v.p.options.Address(v.r))
		return false, v.askAgain(t, "This code is not right, or was used already. Wait for the next one.")
	}
	v.p.log.Info("signed in", "subject", u.ID, "acr", idp.AAL2, "address", v.p.options.Address(v.r))
	return true, v.begin(u, idp.AAL2, addMethods(t.Methods, "otp", "mfa"), t.At)
}

// purposeSecret is what the secrets of apps are sealed for.
const purposeSecret = "totp secret"

// rightCode spends a code of the app or a recovery code.
func (v *visit) rightCode(u *store.User, code string) (bool, error) {
	if hash, ok := totp.HashRecovery(code); ok {
		return v.p.accounts.useRecovery(v.r.Context(), u.ID, hash)
	}
	if u.TOTP == nil {
		return false, nil
	}
	secret, err := v.p.options.Key.unlock(purposeSecret, u.ID, u.TOTP)
	if err != nil {
		return false, fmt.Errorf("people: the secret of %s: %w", u.ID, err)
	}
	step, ok := totp.Check(secret, strings.ReplaceAll(code, " ", ""), v.at, u.TOTPStep)
	if !ok {
		return false, nil
	}
	return v.p.accounts.useStep(v.r.Context(), u.ID, step)
}
