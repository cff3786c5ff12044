package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/gatehouse-api/gatehouse/idp/operator"
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

// sessionsAtOnce is the most sessions that are listed.
const sessionsAtOnce = 10_000

func (e *entry) listSessions(args []string) error {
	asked, err := e.parse(args, 0, 1)
	if err != nil {
		return err
	}
	if len(asked) == 1 {
		return e.person(asked, nil, func(ctx context.Context, d *operator.Desk, by operator.By, p operator.Person) error {
			return e.printSessions(ctx, d, by, p.ID)
		})
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		return e.printSessions(ctx, d, by, "")
	})
}

func (e *entry) printSessions(ctx context.Context, d *operator.Desk, by operator.By, user string) error {
	list, _, err := d.Sessions(ctx, by, user, sessionsAtOnce)
	if err != nil {
		return err
	}
	if e.json {
		return e.print(append([]operator.Session{}, list...))
	}
	rows := [][]string{{"USER", "SESSION", "ACR", "PROVEN", "USED", "UNTIL", "ADDRESS", "BROWSER"}}
	for _, s := range list {
		rows = append(rows, []string{s.User, s.Session, s.ACR, shown(s.Proven, ""), shown(s.Used, ""), shown(s.Until, ""), s.Address, s.Agent})
	}
	return e.table(rows)
}

func (e *entry) revokeSessions(args []string) error {
	e.reasons()
	name := e.flags.String("session", "", "end this session only, by its name as `gatehouse sessions list` prints it")
	return e.person(args, e.answered, func(ctx context.Context, d *operator.Desk, by operator.By, p operator.Person) error {
		if *name != "" {
			return e.revokeSession(ctx, d, by, p, *name)
		}
		n, err := d.SignOut(ctx, by, p.ID)
		if err != nil {
			return said(err)
		}
		if e.json {
			return e.print(map[string]int{"ended": n})
		}
		_, err = fmt.Fprintf(e.stdout, "%s is signed out of %d browsers, and every token is revoked\n", p.Name, n)
		return err
	})
}

// revokeSession ends one session, which must be that person's.
func (e *entry) revokeSession(ctx context.Context, d *operator.Desk, by operator.By, p operator.Person, name string) error {
	err := d.EndSession(ctx, by, p.ID, name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("%s has no session %s; write: gatehouse sessions list %s", p.Name, printable(name), p.Name)
	case err != nil:
		return said(err)
	case e.json:
		return e.print(map[string]int{"ended": 1})
	}
	_, err = fmt.Fprintf(e.stdout, "%s is signed out of that browser, and the tokens that were granted there are revoked\n", p.Name)
	return err
}
