package people

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/internal/passkey"
	"github.com/gatehouse-api/gatehouse/store"
)

// What the tickets of questions to authenticators are sealed for.
const (
	purposeProof = "passkey proof"
	purposeMake  = "passkey make"
)

// spacePasskey is where challenges are remembered that were answered.
const spacePasskey = "people/passkey"

const (
	mostPasskeys = 20 // of a person
	longestLabel = 60 // characters of a passkey's name
)

// ceremony is a form that asks the browser's authenticator (WebAuthn Level 3
// section 1.3): the options are for the script, the ticket says that it was asked.
type ceremony struct {
	Options, Ticket string
}

// shownPasskey is a passkey as its person sees it.
type shownPasskey struct{ ID, Name, Since, Used string }

// party returns whom passkeys of these pages are for, or nil where there can be
// none: browsers have passkeys for names and not for addresses.
func party(o *Options, origin *url.URL) (*passkey.Party, error) {
	id := o.RPID
	if id == "" {
		if id = origin.Hostname(); passkey.Check(id, o.Origin) != nil {
			return nil, nil
		}
	}
	p, err := passkey.New(id, o.Product, o.Origin)
	if err != nil {
		return nil, fmt.Errorf("people: %w", err)
	}
	return p, nil
}

// challenge seals a new question into a ticket for this browser. Nothing is kept
// of it here until somebody answers, so that asking costs nobody anything.
func (v *visit) challenge(purpose string, t ticket) (challenge []byte, text string) {
	challenge = make([]byte, passkey.ChallengeSize)
	_, _ = rand.Read(challenge)
	t.State, t.Until = hex.EncodeToString(challenge), v.at.Add(passkey.Life)
	return challenge, v.p.options.Key.issue(purpose, v.browser, t)
}

// asked returns the question that a form answers. It was asked in this browser, not
// long ago, and is answered for the first time.
func (v *visit) asked(purpose string) (ticket, []byte, error) {
	t, ok := v.p.options.Key.redeem(purpose, v.browser, v.form("ticket"), v.at)
	if !ok {
		return t, nil, errForeign
	}
	first, err := v.p.options.Store.Once().First(v.r.Context(), v.at, spacePasskey, t.State, passkey.Life)
	if err != nil {
		return t, nil, fmt.Errorf("people: %w", err)
	}
	challenge, err := hex.DecodeString(t.State)
	if !first || err != nil {
		return t, nil, errForeign
	}
	return t, challenge, nil
}

// proofForm returns the form by which a passkey proves somebody: whoever it is, or
// one whose other factor the ticket names. Without a person it says nothing about
// who there is.
func (v *visit) proofForm(t ticket, keys []store.Passkey) (*ceremony, error) {
	if v.p.party == nil || t.User != "" && len(keys) == 0 {
		return nil, nil
	}
	challenge, text := v.challenge(purposeProof, t)
	options, err := v.p.party.Request(challenge, idsOf(keys))
	return &ceremony{options, text}, err
}

func idsOf(keys []store.Passkey) (ids [][]byte) {
	for _, k := range keys {
		ids = append(ids, k.ID)
	}
	return ids
}

// notKnown is the one answer to every passkey that does not do.
const notKnown = "This passkey is not known here, or did not fit. Try again, or sign in another way."

// checkPasskey signs in whom a passkey proves: alone, or after another factor.
func (v *visit) checkPasskey() (bool, error) {
	if err := v.take(store.Charge{Limit: v.p.limits.address, Key: v.source()}); err != nil {
		return false, err
	}
	t, challenge, err := v.asked(purposeProof)
	if err != nil {
		return false, err
	}
	u, k, err := v.provenBy(t.User, challenge)
	if err == nil && t.User == "" && u.Password == "" {
		err = fmt.Errorf("%w: a provider signs this person in, and the passkey is their second factor", passkey.ErrRefused)
	}
	switch {
	case errors.Is(err, passkey.ErrRefused):
		v.p.log.Warn("a passkey failed", "subject", k.User, "because", err.Error(), "address", v.p.options.Address(v.r))
		if t.User == "" {
			return false, v.showSignIn("", notKnown)
		}
		return false, v.askAgain(t, notKnown)
	case err != nil:
		return false, err
	}
	at := v.at
	if t.User != "" {
		at = t.At // of the first factor
	}
	v.p.log.Info("signed in", "subject", u.ID, "acr", idp.AAL2, "passkey", FactorID(&k), "address", v.p.options.Address(v.r))
	return true, v.begin(u, idp.AAL2, addMethods(t.Methods, kindOf(&k), "user", "mfa"), at)
}

// provenBy returns whom the form's answer proves, and by which passkey. owner is who
// it has to be, or "" for anybody. It returns an error that wraps
// [passkey.ErrRefused] for what does not hold, whatever the reason.
func (v *visit) provenBy(owner string, challenge []byte) (u store.User, k store.Passkey, err error) {
	if v.p.party == nil {
		return u, k, errForm
	}
	ctx, s, answer := v.r.Context(), v.p.options.Store, v.form("answer")
	id, handle, err := passkey.Identify(answer)
	if err != nil {
		return u, k, err
	}
	if k, err = s.Passkeys().Passkey(ctx, id); errors.Is(err, store.ErrNotFound) {
		return u, k, fmt.Errorf("%w: nobody has it", passkey.ErrRefused)
	} else if err != nil {
		return u, k, fmt.Errorf("people: %w", err)
	}
	if owner != "" && k.User != owner || owner == "" && handle != k.User {
		return u, k, fmt.Errorf("%w: it is somebody else's", passkey.ErrRefused)
	}
	c := passkey.Credential{ID: k.ID, PublicKey: k.PublicKey, Count: k.Count, Synced: k.Synced}
	count, err := v.p.party.Verify(answer, k.User, challenge, &c)
	if err != nil {
		return u, k, err
	}
	if u, err = s.Users().User(ctx, k.User); err != nil {
		return u, k, fmt.Errorf("people: %w", err)
	}
	admitted, err := v.p.admits(ctx, &u)
	switch {
	case err != nil:
		return u, k, fmt.Errorf("people: %w", err)
	case !admitted:
		return u, k, fmt.Errorf("%w: the person is disabled, or their tenant", passkey.ErrRefused)
	}
	switch err = s.Passkeys().Use(ctx, v.at, k.ID, count); {
	case errors.Is(err, store.ErrConflict):
		v.p.log.Error("a passkey was used whose count went back: there may be a second device with the same key", "alert", "session.passkey-clone",
			"subject", k.User, "passkey", FactorID(&k), "count", count, "was", k.Count, "address", v.p.options.Address(v.r))
		return u, k, fmt.Errorf("%w: its count went back", passkey.ErrRefused)
	case err != nil:
		return u, k, fmt.Errorf("people: %w", err)
	}
	return u, k, nil
}

// kindOf is the method of a passkey (RFC 8176). Nobody vouches for where the key is:
// what may be on several devices counts as kept by software.
func kindOf(k *store.Passkey) string {
	if k.Synced {
		return "swk"
	}
	return "hwk"
}

// makeForm returns the form by which somebody makes a passkey.
func (v *visit) makeForm(keys []store.Passkey) (*ceremony, error) {
	if v.p.party == nil || len(keys) >= mostPasskeys {
		return nil, nil
	}
	challenge, text := v.challenge(purposeMake, ticket{User: v.user.ID})
	options, err := v.p.party.Creation(v.user.ID, v.user.Name, challenge, idsOf(keys))
	return &ceremony{options, text}, err
}

// enrolPasskey keeps the passkey that an authenticator made for the person. It
// reports whether to go on; if not, a page was written.
func (v *visit) enrolPasskey(f Factors) (bool, error) {
	t, challenge, err := v.asked(purposeMake)
	switch {
	case err != nil:
		return false, err
	case t.User != v.user.ID:
		return false, errForeign
	case v.p.party == nil || len(f.Passkeys) >= mostPasskeys:
		return false, errForm
	}
	made, err := v.p.party.Register(v.form("answer"), v.user.ID, challenge)
	if err != nil {
		v.p.log.Warn("a passkey was not taken", "subject", v.user.ID, "because", err.Error())
		return false, v.showEnrol(f, "", "This passkey was not taken. Try again, or another device.")
	}
	k := store.Passkey{ID: made.ID, User: v.user.ID, Name: named(v.form("name")), PublicKey: made.PublicKey, Count: made.Count, Synced: made.Synced, Made: v.at}
	codes, hashes := newRecovery()
	fresh, err := v.p.accounts.addPasskey(v.r.Context(), k, hashes, v.session.ID)
	if errors.Is(err, store.ErrExists) {
		return false, v.showEnrol(f, "", "There is such a passkey already.")
	}
	if err != nil {
		return false, err
	}
	v.p.log.Info("a passkey was added", "subject", v.user.ID, "passkey", FactorID(&k))
	if err = v.renew(idp.AAL2, addMethods(v.session.AMR, kindOf(&k), "user", "mfa")); err != nil || !fresh {
		return true, err
	}
	v.showRecovery(codes)
	return false, nil
}

// named is the name of a passkey as the person wrote it, short and in one line.
func named(typed string) string {
	parts := strings.FieldsFunc(strings.ToValidUTF8(typed, ""), func(r rune) bool { return r <= ' ' || r == 0x7f })
	name := []rune(strings.Join(parts, " "))
	if len(name) == 0 {
		return "Passkey"
	}
	return string(name[:min(len(name), longestLabel)])
}

// addMethods adds what was proven now to what was proven before, each once, with the
// word for several factors behind.
func addMethods(before []string, more ...string) []string {
	all := slices.DeleteFunc(slices.Clone(before), func(m string) bool { return m == "mfa" })
	for _, m := range more {
		if !slices.Contains(all, m) {
			all = append(all, m)
		}
	}
	return all
}

func shownPasskeys(keys []store.Passkey) (list []shownPasskey) {
	for _, k := range keys {
		one := shownPasskey{ID: FactorID(&k), Name: k.Name, Since: k.Made.Format(dayShown)}
		if !k.Used.IsZero() {
			one.Used = k.Used.Format(dayShown)
		}
		list = append(list, one)
	}
	return list
}
