package people

import (
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/internal/totp"
	"github.com/gatehouse-api/gatehouse/store"
)

// purposeEnrol is what tickets with a new secret are sealed for.
const purposeEnrol = "enrol"

const dayShown = "2 January 2006"

// secondFactor is the page of somebody's second factors.
func (v *visit) secondFactor() error {
	f, ok, err := v.recently()
	switch {
	case err != nil:
		return err
	case !ok:
		return v.goTo(pathSignIn + nextFactor)
	case !v.posted():
		return v.showEnrol(f, "", "")
	}
	done, err := v.enrol(f)
	if done && err == nil {
		return v.goTo(pathFactor)
	}
	return err
}

// recently reports whether the person was proven a moment ago, by all that the
// account has. Who must have a second factor and has none yet may set one up: it is
// the one thing that they may do.
func (v *visit) recently() (Factors, bool, error) {
	if !v.justProven() {
		return Factors{}, false, nil
	}
	f, err := v.p.accounts.Factors(v.r.Context(), &v.user)
	return f, err == nil && (!f.Any() || v.session.ACR == idp.AAL2), err
}

func (v *visit) justProven() bool { return v.user.ID != "" && v.at.Sub(v.session.At) <= recentlyFor }

// enrol takes one of the forms of second factors of somebody who was proven a
// moment ago. It reports whether to go on; if not, a page was written.
func (v *visit) enrol(f Factors) (bool, error) {
	switch v.form("step") {
	case "enrol-app":
		return false, v.enrolApp(f)
	case "enrol-passkey":
		return v.enrolPasskey(f)
	case "enrol-recovery":
		return false, v.replaceRecovery(f)
	}
	return false, errForm
}

func (v *visit) enrolApp(f Factors) error {
	t, ok := v.p.options.Key.redeem(purposeEnrol, v.browser+" "+v.user.ID, v.form("ticket"), v.at)
	if !ok {
		return errForeign
	}
	secret, err := hex.DecodeString(t.State)
	if err != nil {
		return errForeign
	}
	step, ok := totp.Check(secret, strings.ReplaceAll(v.form("code"), " ", ""), v.at, 0)
	if !ok {
		return v.showEnrol(f, v.form("ticket"), "This code is not right. Is the clock of the phone right?")
	}
	codes, hashes := newRecovery()
	sealed := v.p.options.Key.lock(purposeSecret, v.user.ID, secret)
	if err := v.p.accounts.setApp(v.r.Context(), v.user.ID, sealed, step, hashes, v.session.ID); err != nil {
		return err
	}
	if err := v.renew(idp.AAL2, addMethods(v.session.AMR, "otp", "mfa")); err != nil {
		return err
	}
	v.showRecovery(codes)
	return nil
}

// replaceRecovery makes new recovery codes in place of the old ones.
func (v *visit) replaceRecovery(f Factors) error {
	if !f.Any() {
		return errForm
	}
	codes, hashes := newRecovery()
	if err := v.p.accounts.setRecovery(v.r.Context(), v.user.ID, hashes, v.session.ID); err != nil {
		return err
	}
	if err := v.renew(v.session.ACR, v.session.AMR); err != nil {
		return err
	}
	v.showRecovery(codes)
	return nil
}

// removeFactor takes one second factor away. Where everybody needs one, the last
// stays.
func (v *visit) removeFactor() error {
	f, ok, err := v.recently()
	switch {
	case err != nil:
		return err
	case !ok || !v.signedIn():
		return v.goTo(pathSignIn + nextFactor)
	case v.p.needsTwo(&v.user) && f.last():
		v.action = pathFactor
		return v.showEnrol(f, "", "You need a second factor here. Set up another one before you remove this one.")
	}
	left, err := v.p.accounts.RemoveFactor(v.r.Context(), v.user.ID, v.form("factor"), v.session.ID, v.user.ID)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return v.goTo(pathFactor)
	case err != nil:
		return err
	case left.Any():
		if err := v.renew(v.session.ACR, v.session.AMR); err != nil {
			return err
		}
		return v.goTo(pathFactor)
	}
	first := slices.DeleteFunc(slices.Clone(v.session.AMR), func(m string) bool { return slices.Contains(secondMethods, m) })
	if len(first) == 0 && v.session.Connection == "" { // a passkey that is gone was all that proved them
		if err := v.signOut(); err != nil {
			return err
		}
		return v.goTo(pathSignIn)
	}
	if err := v.renew(idp.AAL1, first); err != nil {
		return err
	}
	return v.goTo(pathAccount)
}

// secondMethods are the methods (RFC 8176) that second factors bring along.
var secondMethods = []string{"otp", "hwk", "swk", "user", "mfa"}

// renew goes on under a new session id, with the person as the store has them now.
func (v *visit) renew(acr string, amr []string) error {
	u, err := v.p.options.Store.Users().User(v.r.Context(), v.user.ID)
	if err != nil {
		return fmt.Errorf("people: %w", err)
	}
	return v.begin(u, acr, amr, v.session.At)
}

// showEnrol writes the page of second factors. ticket is of a secret that was shown
// already, or "" for a new one.
func (v *visit) showEnrol(f Factors, ticketOfApp, problem string) error {
	owner := v.browser + " " + v.user.ID
	t, ok := v.p.options.Key.redeem(purposeEnrol, owner, ticketOfApp, v.at)
	secret, err := hex.DecodeString(t.State)
	if !ok || err != nil {
		secret = totp.NewSecret()
		ticketOfApp = v.p.options.Key.issue(purposeEnrol, owner, ticket{State: hex.EncodeToString(secret), Until: v.at.Add(recentlyFor)})
	}
	form, err := v.makeForm(f.Passkeys)
	if err != nil {
		return err
	}
	g := page{
		Title: "Set up a second factor", Ticket: ticketOfApp, Problem: problem, Client: v.client, Factors: f, HasPassword: v.user.Password != "", Passkeys: shownPasskeys(f.Passkeys), Passkey: form,
		Secret: totp.Text(secret), URI: template.URL(totp.URI(secret, v.p.options.Product, v.user.Name)),
	}
	if f.Any() {
		g.Title = "Your second factors"
	}
	v.show(http.StatusOK, "enrol", g)
	return nil
}

// showRecovery shows the recovery codes, once.
func (v *visit) showRecovery(codes []string) {
	next := v.action
	if next == "" || strings.HasPrefix(next, pathSignIn) {
		next = pathAccount
	}
	v.show(http.StatusOK, "recovery", page{Title: "Your recovery codes", Codes: codes, Next: next})
}
