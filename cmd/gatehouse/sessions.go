package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/gatehouse-api/gatehouse/idp/people"
	"github.com/gatehouse-api/gatehouse/store"
)

const sessionsUsage = `usage: gatehouse sessions list [E-MAIL]                                       browsers that are signed in
       gatehouse sessions revoke E-MAIL --because WHY --author WHO            sign a person out everywhere; tokens end at once
       gatehouse sessions revoke E-MAIL --session NAME --because WHY --author WHO     sign a person out of one browser, with the tokens that were granted there
`

// runSessions lists and ends the sessions of browsers.
func runSessions(args []string, stdout, stderr io.Writer) int {
	return runVerb("sessions", sessionsUsage, args, stdout, stderr, map[string]func(*entry, []string) error{
		"list": (*entry).listSessions, "revoke": (*entry).revokeSessions,
	})
}

// shownSession is a session as it is printed: under the name that tokens and the
// log have for it, which does not lead to the cookie.
type shownSession struct {
	Session string    `json:"session"`
	User    string    `json:"user"`
	ACR     string    `json:"acr"`
	Proven  time.Time `json:"proven"`
	Used    time.Time `json:"used"`
	Until   time.Time `json:"until"`
	Agent   string    `json:"agent,omitempty"`
}

// sessionsAtOnce is the most sessions that are listed.
const sessionsAtOnce = 10_000

func (e *entry) listSessions(args []string) error {
	asked, err := e.parse(args, 0, 1)
	if err != nil {
		return err
	}
	if len(asked) == 1 {
		return e.person(asked, nil, func(ctx context.Context, f facts, _ *people.Accounts, u store.User) error {
			return e.printSessions(ctx, f, u.ID)
		})
	}
	return e.with(func(ctx context.Context, f facts) error { return e.printSessions(ctx, f, "") })
}

func (e *entry) printSessions(ctx context.Context, f facts, user string) error {
	some, err := f.BrowserSessions().List(ctx, time.Now(), user, sessionsAtOnce)
	if err != nil {
		return err
	}
	list := []shownSession{}
	rows := [][]string{{"USER", "SESSION", "ACR", "PROVEN", "USED", "UNTIL", "BROWSER"}}
	for _, s := range some {
		n := shownSession{
			Session: s.Name, User: s.User, ACR: s.ACR,
			Proven: s.At, Used: s.Used, Until: s.Until, Agent: s.Agent,
		}
		list = append(list, n)
		rows = append(rows, []string{n.User, n.Session, n.ACR, shown(n.Proven, ""), shown(n.Used, ""), shown(n.Until, ""), n.Agent})
	}
	if e.json {
		return e.print(list)
	}
	return e.table(rows)
}

func (e *entry) revokeSessions(args []string) error {
	e.reasons()
	name := e.flags.String("session", "", "end this session only, by its name as `gatehouse sessions list` prints it")
	return e.person(args, e.answered, func(ctx context.Context, f facts, a *people.Accounts, u store.User) error {
		if *name != "" {
			return e.revokeSession(ctx, f, a, u, *name)
		}
		n, err := a.SignOut(ctx, u.ID, e.because, e.author, store.Hash{})
		if err != nil {
			return err
		}
		if e.json {
			return e.print(map[string]int{"ended": n})
		}
		_, err = fmt.Fprintf(e.stdout, "%s is signed out of %d browsers, and every token is revoked\n", u.Name, n)
		return err
	})
}

// revokeSession ends one session, which must be that person's.
func (e *entry) revokeSession(ctx context.Context, f facts, a *people.Accounts, u store.User, name string) error {
	list, err := f.BrowserSessions().List(ctx, time.Now(), u.ID, sessionsAtOnce)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(s store.BrowserSession) bool { return s.Name == name }) {
		return fmt.Errorf("%s has no session %s; write: gatehouse sessions list %s", u.Name, printable(name), u.Name)
	}
	if err := a.EndSession(ctx, name, e.because, e.author); err != nil {
		return err
	}
	if e.json {
		return e.print(map[string]int{"ended": 1})
	}
	_, err = fmt.Fprintf(e.stdout, "%s is signed out of that browser, and the tokens that were granted there are revoked\n", u.Name)
	return err
}
