package people

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/gatehouse-api/gatehouse/store"
)

// errLink says that a link does not hold, or not any more.
var errLink = errors.New("people: a link that was used, is over, or is not ours")

// What the tickets in links are sealed for.
const (
	purposeReset = "reset"
	purposeJoin  = "join"
)

// letter is a mail that somebody asked for.
type letter struct {
	name string // canonical
	join bool   // to make an account; otherwise to set a new password
}

// sent is what everybody is told, whether or not there is such an account.
const sent = "If this address fits, a mail is on its way. The link in it works once and not for long."

func (v *visit) forgot() error {
	return v.askMail(false, "Forgot your password?", "We send a link by which you can set a new one.")
}

func (v *visit) register() error {
	return v.askMail(true, "Make an account", "We send a link by which you go on.")
}

// askMail takes an address and answers at once and always the same. What there is
// to find out is found out behind the answer, so that neither its text nor its time
// says who has an account (limit.preset-reset).
func (v *visit) askMail(join bool, title, text string) error {
	if !v.posted() {
		v.show(http.StatusOK, "ask-mail", page{Title: title, Text: text})
		return nil
	}
	if err := v.take(store.Charge{Limit: v.p.limits.mailAddress, Key: network(v.p.options.Address(v.r))}); err != nil {
		return err
	}
	if name, err := Canonical(v.form("name")); err == nil {
		select {
		case v.p.mails <- letter{name, join}:
		default:
			v.p.log.Error("a mail was not sent: too many wait")
		}
	}
	v.show(http.StatusOK, "message", page{Title: "Look into your mail", Text: sent})
	return nil
}

// deliver sends mail until ctx ends.
func (p *People) deliver(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-p.mails:
			ctx, cancel := context.WithTimeout(ctx, mailTime)
			if err := p.send(ctx, l); err != nil {
				p.log.Error("a mail was not sent", "error", err)
			}
			cancel()
		}
	}
}

// send writes the mail that fits what there is: three an hour for one address.
func (p *People) send(ctx context.Context, l letter) error {
	var charges store.Charges
	charges.Add(p.limits.mail, l.name)
	at := p.now()
	switch taken, err := p.options.Counters.Take(ctx, at, charges); {
	case err != nil:
		return err
	case !taken.OK:
		p.log.Warn("a mail was not sent: there were three in the last hour")
		return nil
	}
	u, err := p.options.Store.Users().ByName(ctx, l.name)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	m := Mail{To: l.name}
	switch there := err == nil; {
	case l.join && !there && p.connections.ByAddress(l.name) != nil:
		// An account beside the provider's would keep the provider's person out.
		m.Subject = "Sign in at your organisation"
		m.Text = fmt.Sprintf("Somebody, probably you, wanted to make an account at %s with this address. You need none: your organisation signs you in.\n\nSign in: %s\n",
			p.options.Product, p.options.Origin+pathSignIn)
	case l.join && there:
		m.Subject = "You have an account already"
		m.Text = fmt.Sprintf("Somebody, probably you, wanted to make an account at %s with this address. There is one already.\n\nSign in: %s\nA new password: %s\n",
			p.options.Product, p.options.Origin+pathSignIn, p.options.Origin+"/account/forgot")
	case l.join:
		m.Subject = "Make your account"
		m.Text = fmt.Sprintf("Go on here to make your account at %s. The link works once, within a day:\n\n%s\n\nIf it was not you who asked, nothing needs to be done.\n",
			p.options.Product, p.link("join", purposeJoin, ticket{Name: l.name, Until: at.Add(JoinLife)}))
	case !there || u.State != store.UserActive:
		return nil
	case u.Password == "":
		// A password would be a way around the provider, and go on after it.
		if linked, err := p.options.Store.Identities().List(ctx, u.ID); err != nil || len(linked) > 0 {
			return err
		}
		fallthrough
	default:
		m.Subject = "Set a new password"
		m.Text = fmt.Sprintf("Set a new password at %s here. The link works once, within half an hour:\n\n%s\n\nIf it was not you who asked, nothing needs to be done: the password stays what it is.\n",
			p.options.Product, p.link("reset", purposeReset, ticket{User: u.ID, State: fingerprint(u.Password), Until: at.Add(ResetLife)}))
	}
	return p.options.Mail.Send(ctx, m)
}

func (p *People) link(page, purpose string, t ticket) string {
	return p.options.Origin + "/account/" + page + "?ticket=" + url.QueryEscape(p.options.Key.issue(purpose, "", t))
}

// fingerprint ties a link to the password that it replaces: with the password
// changed the link is used.
func fingerprint(hash string) string {
	sum := sha256.Sum256([]byte(hash))
	return hex.EncodeToString(sum[:])
}

// linked returns the ticket of the link, or of the form that it led to.
func (v *visit) linked(purpose string) (t ticket, text string, err error) {
	if text = v.r.URL.Query().Get("ticket"); v.posted() {
		text = v.form("ticket")
	}
	t, ok := v.p.options.Key.redeem(purpose, "", text, v.at)
	if !ok {
		return t, "", errLink
	}
	return t, text, nil
}

// reset sets the password of somebody who got the mail. Nobody is signed in by it:
// the second factor is asked for like every time (CVE-2024-45042).
func (v *visit) reset() error {
	t, text, err := v.linked(purposeReset)
	if err != nil {
		return err
	}
	u, err := v.p.options.Store.Users().User(v.r.Context(), t.User)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errLink
	case err != nil:
		return fmt.Errorf("people: %w", err)
	case u.State != store.UserActive || fingerprint(u.Password) != t.State:
		return errLink
	}
	if !v.posted() {
		v.showSetPassword("/account/reset", text, u.Name, "")
		return nil
	}
	err = v.p.accounts.SetPassword(v.r.Context(), u.ID, v.form("new"), &u.Password, store.Hash{}, u.ID)
	return v.settled(err, "/account/reset", text, u.Name)
}

// join makes the account of somebody who got the mail. Before that there is
// nothing: nobody can prepare an account for an address that is not theirs.
func (v *visit) join() error {
	t, text, err := v.linked(purposeJoin)
	if err != nil {
		return err
	}
	if !v.posted() {
		v.showSetPassword("/account/join", text, t.Name, "")
		return nil
	}
	_, err = v.p.accounts.Add(v.r.Context(), t.Name, "", nil, v.form("new"))
	return v.settled(err, "/account/join", text, t.Name)
}

// settled ends a page on which a password was set.
func (v *visit) settled(err error, action, text, name string) error {
	if problem := v.p.refusedPassword(err); problem != "" {
		v.showSetPassword(action, text, name, problem)
		return nil
	}
	switch {
	case errors.Is(err, errStale), errors.Is(err, store.ErrExists):
		return errLink
	case err != nil:
		return err
	}
	v.show(http.StatusOK, "message", page{Title: "Your password is set", Text: "You can sign in with it now.", Next: pathSignIn})
	return nil
}

func (v *visit) showSetPassword(action, ticket, name, problem string) {
	v.action = action
	v.show(http.StatusOK, "set-password", page{Title: "Set your password", Ticket: ticket, Name: name, Problem: problem})
}
