package people

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gatehouse-api/gatehouse/idp/sso"
	"github.com/gatehouse-api/gatehouse/store"
)

// routes is the pages that belong to no authorization.
func (p *People) routes() http.Handler {
	m := http.NewServeMux()
	route := func(path string, methods string, do func(*visit) error) {
		h := p.handler(do)
		for _, method := range map[string][]string{"get": {"GET"}, "post": {"POST"}, "both": {"GET", "POST"}}[methods] {
			m.Handle(method+" "+path, h)
		}
	}
	route("/account/{$}", "get", (*visit).account)
	route("/account/sign-in", "both", (*visit).accountSignIn)
	route("/account/sessions", "post", (*visit).endSessions)
	route("/account/consents", "post", (*visit).withdraw)
	route("/account/password", "both", (*visit).changePassword)
	route("/account/second-factor", "both", (*visit).secondFactor)
	route("/account/second-factor/remove", "post", (*visit).removeFactor)
	if p.options.Mail != nil {
		route("/account/forgot", "both", (*visit).forgot)
		route("/account/reset", "both", (*visit).reset)
	}
	if p.options.Register {
		route("/account/register", "both", (*visit).register)
		route("/account/join", "both", (*visit).join)
	}
	if p.connections.Any() {
		m.HandleFunc("GET "+sso.Path("{connection}", "callback"), p.arrive)
		m.HandleFunc("POST "+sso.Path("{connection}", "callback"), p.arrive)
		m.HandleFunc("GET "+sso.Path("{connection}", "signed-out"), p.backFromFarewell)
		m.HandleFunc("GET "+sso.Path("{connection}", "metadata"), p.describe)
	}
	return m
}

func (p *People) handler(do func(*visit) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := p.visit(w, r)
		if err == nil {
			err = do(v)
		}
		if err != nil {
			v.fail(err)
		}
	})
}

func (v *visit) posted() bool { return v.r.Method == http.MethodPost }

// goTo sends the browser to a page of ours. Where is never what a request says.
func (v *visit) goTo(where string) error {
	http.Redirect(v.w, v.r, where, http.StatusSeeOther)
	return nil
}

const (
	pathAccount  = "/account/"
	pathSignIn   = "/account/sign-in"
	pathPassword = "/account/password"
	pathFactor   = "/account/second-factor"
)

// nextFactor is the one page that signing in can lead to but the account's own. A
// browser is sent nowhere else, whatever its query says.
const nextFactor = "?next=second-factor"

func (v *visit) accountSignIn() error {
	next := pathAccount
	if v.action = pathSignIn; "?"+v.r.URL.RawQuery == nextFactor {
		next, v.action = pathFactor, pathSignIn+nextFactor
	}
	if !v.posted() {
		return v.ask("")
	}
	if v.form("step") == "sso" {
		_, err := v.leave(next, next == pathFactor)
		return err
	}
	done, err := v.signIn()
	if err != nil || !done {
		return err
	}
	return v.goTo(next)
}

func (v *visit) account() error {
	if !v.signedIn() {
		return v.goTo(pathSignIn)
	}
	ctx, s := v.r.Context(), v.p.options.Store
	sessions, err := s.BrowserSessions().List(ctx, v.at, v.user.ID, sessionsShown)
	if err != nil {
		return fmt.Errorf("people: %w", err)
	}
	consents, err := s.Consents().List(ctx, v.user.ID)
	if err != nil {
		return fmt.Errorf("people: %w", err)
	}
	f, err := v.p.accounts.Factors(ctx, &v.user)
	if err != nil {
		return err
	}
	g := page{Title: "Your account", Name: v.user.Name, Factors: f, HasPassword: v.user.Password != ""}
	for _, one := range sessions {
		g.Sessions = append(g.Sessions, shownSession{
			ID: one.Name, Agent: one.Agent, Address: one.Address,
			Since: one.Made.Format("2 January 15:04 UTC"), Here: one.ID == v.session.ID,
		})
	}
	for _, one := range consents {
		g.Consents = append(g.Consents, shownConsent{one.Client, one.Scopes})
	}
	v.show(http.StatusOK, "account", g)
	return nil
}

// endSessions ends one session of the person's own, or all.
func (v *visit) endSessions() error {
	if !v.signedIn() {
		return v.goTo(pathSignIn)
	}
	asked := v.form("session")
	if asked == "all" {
		v.set(cookieSession, "", -1)
		if _, err := v.p.accounts.SignOut(v.r.Context(), v.user.ID, "signed out everywhere", v.user.ID, store.Hash{}); err != nil {
			return err
		}
		return v.gone(v.session)
	}
	if was := v.session; asked == was.Name {
		if err := v.signOut(); err != nil {
			return err
		}
		return v.gone(was)
	}
	mine, err := v.p.options.Store.BrowserSessions().List(v.r.Context(), v.at, v.user.ID, sessionsShown)
	if err != nil {
		return fmt.Errorf("people: %w", err)
	}
	for _, one := range mine { // of somebody else's nothing is said, not even that it is there
		if one.Name != asked {
			continue
		}
		if err := v.p.accounts.EndSession(v.r.Context(), asked, "signed out from another browser", v.user.ID); err != nil {
			return err
		}
	}
	return v.goTo(pathAccount)
}

// withdraw takes back what was allowed to a client, with every token that it has.
func (v *visit) withdraw() error {
	if !v.signedIn() {
		return v.goTo(pathSignIn)
	}
	client := v.form("client")
	err := v.p.options.Store.Consents().Withdraw(v.r.Context(), v.user.ID, client)
	if errors.Is(err, store.ErrNotFound) {
		return v.goTo(pathAccount)
	}
	if err != nil {
		return fmt.Errorf("people: %w", err)
	}
	if _, err := v.p.options.Store.Endings().EndConsent(v.r.Context(), v.user.ID, client, v.p.accounts.ending("a consent was taken back", v.user.ID)); err != nil {
		return fmt.Errorf("people: %w", err)
	}
	return v.goTo(pathAccount)
}

func (v *visit) changePassword() error {
	if !v.signedIn() {
		return v.goTo(pathSignIn)
	}
	if v.user.Password == "" { // who is signed in by a provider makes none
		return v.goTo(pathAccount)
	}
	if !v.posted() {
		v.showChangePassword("")
		return nil
	}
	// The present password can be guessed here, too.
	if err := v.take(store.Charge{Limit: v.p.limits.account, Key: "change " + v.user.ID}); err != nil {
		return err
	}
	right, err := v.p.accounts.Hasher.Verify(v.r.Context(), v.user.Password, v.form("password"))
	if err != nil {
		return err
	}
	if !right {
		v.showChangePassword("The present password is not right.")
		return nil
	}
	was := v.user.Password
	err = v.p.accounts.SetPassword(v.r.Context(), v.user.ID, v.form("new"), &was, v.session.ID, v.user.ID)
	if problem := v.p.refusedPassword(err); problem != "" {
		v.showChangePassword(problem)
		return nil
	}
	if err != nil {
		return err
	}
	if err := v.begin(v.user, v.session.ACR, v.session.AMR, v.session.At); err != nil {
		return err
	}
	return v.goTo(pathAccount)
}

func (v *visit) showChangePassword(problem string) {
	v.action = pathPassword
	v.show(http.StatusOK, "password", page{Title: "Change your password", Name: v.user.Name, Problem: problem})
}
