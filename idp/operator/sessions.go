package operator

import (
	"context"
	"errors"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// Session is what operators see of a browser that is signed in: under the name that
// tokens and the log have for it, which does not lead to the cookie.
type Session struct {
	Session string    `json:"session"`
	User    string    `json:"user"`
	ACR     string    `json:"acr"`
	Proven  time.Time `json:"proven"`
	Used    time.Time `json:"used"`
	Until   time.Time `json:"until"`
	Address string    `json:"address,omitempty"` // that it was begun from, where it is known
	Agent   string    `json:"agent,omitempty"`
}

func sessionOf(s *store.BrowserSession) Session {
	return Session{Session: s.Name, User: s.User, ACR: s.ACR, Proven: s.At, Used: s.Used, Until: s.Until, Address: s.Address, Agent: s.Agent}
}

// sessionsRead is the most sessions that are looked at.
const sessionsRead = 10_000

// Sessions lists the sessions of a person, or of everybody within reach for "", those
// used last first. It reports whether there are more.
func (d *Desk) Sessions(ctx context.Context, by By, user string, most int) (list []Session, more bool, err error) {
	if user != "" {
		if _, err := d.user(ctx, &by, user); err != nil {
			return nil, false, err
		}
	}
	found, err := d.Store.BrowserSessions().List(ctx, d.Now(), user, sessionsRead)
	if err != nil {
		return nil, false, err
	}
	within := map[string]bool{user: user != ""}
	for i := range found {
		s := &found[i]
		if !by.Reach.all {
			if _, asked := within[s.User]; !asked {
				_, err := d.user(ctx, &by, s.User)
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return nil, false, err
				}
				within[s.User] = err == nil
			}
			if !within[s.User] {
				continue
			}
		}
		if len(list) == most {
			return list, true, nil
		}
		list = append(list, sessionOf(s))
	}
	return list, len(found) == sessionsRead, nil
}

// SignOut ends every session and token of a person, and returns how many sessions
// there were.
func (d *Desk) SignOut(ctx context.Context, by By, user string) (int, error) {
	if d.Accounts == nil {
		return 0, errNoPeople
	}
	if err := by.reasoned(); err != nil {
		return 0, err
	}
	if _, err := d.touched(ctx, &by, user); err != nil {
		return 0, err
	}
	n, err := d.Accounts.SignOut(ctx, user, by.Because, by.Name, store.Hash{})
	if err != nil {
		return 0, err
	}
	d.record(ctx, &by, "sessions.revoke", user, map[string]int{"sessions": n}, nil)
	return n, nil
}

// EndSession ends one session of a person, with the tokens that were granted in it.
func (d *Desk) EndSession(ctx context.Context, by By, user, session string) error {
	if d.Accounts == nil {
		return errNoPeople
	}
	if _, err := d.touched(ctx, &by, user); err != nil {
		return err
	}
	because := by.Because
	if because == "" {
		because = "an operator ended the session"
	}
	found, err := d.Store.BrowserSessions().List(ctx, d.Now(), user, sessionsRead)
	if err != nil {
		return err
	}
	for i := range found {
		s := &found[i]
		if s.Name != session {
			continue
		}
		if err := d.Accounts.EndSession(ctx, session, because, by.Name); err != nil {
			return err
		}
		d.record(ctx, &by, "sessions.end", user, sessionOf(s), nil)
		return nil
	}
	return store.ErrNotFound
}
