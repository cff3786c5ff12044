package people

import (
	"encoding/hex"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/internal/totp"
	"github.com/gatehouse-api/gatehouse/store"
)

// purposeEnrol is what tickets with a new secret are sealed for.
const purposeEnrol = "enrol"

// enrol gives the person a second factor, or another one.
func (v *visit) enrol() error {
	if !v.recently() {
		return v.goTo(pathSignIn + nextFactor)
	}
	owner := v.browser + " " + v.user.ID
	if !v.posted() {
		secret := totp.NewSecret()
		v.showEnrol(v.p.options.Key.issue(purposeEnrol, owner, ticket{State: hex.EncodeToString(secret), Until: v.at.Add(recentlyFor)}), secret, "")
		return nil
	}
	t, ok := v.p.options.Key.redeem(purposeEnrol, owner, v.form("ticket"), v.at)
	if !ok {
		return errForeign
	}
	secret, err := hex.DecodeString(t.State)
	if err != nil {
		return errForeign
	}
	step, ok := totp.Check(secret, strings.ReplaceAll(v.form("code"), " ", ""), v.at, 0)
	if !ok {
		v.showEnrol(v.form("ticket"), secret, "This code is not right. Is the clock of the phone right?")
		return nil
	}
	return v.keepFactor(secret, step)
}

// keepFactor turns the second factor on and shows the recovery codes, once.
func (v *visit) keepFactor(secret []byte, step int64) error {
	codes, sums := totp.NewRecovery()
	hashes := make([]store.Hash, len(sums))
	for i := range sums {
		hashes[i] = sums[i]
	}
	sealed := v.p.options.Key.lock(purposeSecret, v.user.ID, secret)
	if err := v.p.accounts.SetSecondFactor(v.r.Context(), v.user.ID, sealed, step, hashes, v.session.ID, v.user.ID); err != nil {
		return err
	}
	if err := v.renew(idp.AAL2, amrBoth()); err != nil {
		return err
	}
	v.show(http.StatusOK, "recovery", page{Title: "Your recovery codes", Codes: codes})
	return nil
}

// removeFactor takes the second factor away.
func (v *visit) removeFactor() error {
	if !v.recently() {
		return v.goTo(pathSignIn + nextFactor)
	}
	if err := v.p.accounts.SetSecondFactor(v.r.Context(), v.user.ID, nil, 0, nil, v.session.ID, v.user.ID); err != nil {
		return err
	}
	if err := v.renew(idp.AAL1, amrPassword()); err != nil {
		return err
	}
	return v.goTo(pathAccount)
}

// renew goes on under a new session id, with the person as the store has them now.
func (v *visit) renew(acr string, amr []string) error {
	u, err := v.p.options.Store.Users().User(v.r.Context(), v.user.ID)
	if err != nil {
		return fmt.Errorf("people: %w", err)
	}
	return v.begin(u, acr, amr, v.session.At)
}

func (v *visit) showEnrol(ticket string, secret []byte, problem string) {
	v.action = pathFactor
	v.show(http.StatusOK, "enrol", page{
		Title: "Set up a second factor", Ticket: ticket, Problem: problem, HasFactor: v.user.TOTP != nil,
		Secret: totp.Text(secret), URI: template.URL(totp.URI(secret, v.p.options.Product, v.user.Name)),
	})
}
