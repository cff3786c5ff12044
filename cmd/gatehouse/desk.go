package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/internal/password"
	"github.com/gatehouse-api/gatehouse/store"
)

// auditName is the file of the state folder with a line for every change that an
// operator made, by whichever way.
const auditName = "operators.log"

// openAudit opens the record of changes.
func openAudit(state string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(state, auditName), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the record of operators' changes: %w", err)
	}
	return f, nil
}

// openDesk makes the desk at which the people, clients and keys of a configuration are
// worked on.
func openDesk(f *config.File, s facts, blocked func() (*password.List, error), audit slog.Handler) *operator.Desk {
	d := &operator.Desk{Store: s, Now: time.Now, Audit: slog.New(audit), Roles: []operator.Role{}, Related: relationModels(f), Development: f.Development}
	for _, r := range f.Roles() {
		d.Roles = append(d.Roles, operator.Role{Name: r.Name, May: r.May})
	}
	if f.IDP.Issuer != "" {
		d.Accounts = accountsOf(f, s, blocked)
	}
	return d
}

// at runs do at a desk, for somebody at this machine.
func (e *entry) at(do func(context.Context, *operator.Desk, operator.By) error) error {
	return e.with(func(ctx context.Context, f facts) (err error) {
		state := e.state
		if e.file != nil {
			state = e.file.State
		}
		audit, err := openAudit(state)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, audit.Close()) }()
		lines := slog.NewJSONHandler(audit, nil)
		d := &operator.Desk{Store: f, Now: time.Now, Audit: slog.New(lines)}
		if e.file != nil {
			d = openDesk(e.file, f, blockedPasswords(e.file), lines)
		}
		if e.file == nil || e.file.IDP.Issuer != "" {
			d.Keys = func(ctx context.Context) (*idp.Keys, error) { return openKeys(ctx, f, state) }
		}
		return do(ctx, d, operator.By{Name: e.who(), Because: e.because, Reach: operator.Everywhere()})
	})
}

// atPeople is at, where there is an authorization server that people belong to.
func (e *entry) atPeople(do func(context.Context, *operator.Desk, operator.By) error) error {
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		if d.Accounts == nil {
			return fmt.Errorf("people are the authorization server's, and %s has none; write there: idp: {issuer: https://login.example.com, people: {}}", e.config)
		}
		return do(ctx, d, by)
	})
}

// who is the name in the record: who answers for the change, or whose account of this
// machine it is.
func (e *entry) who() string {
	if e.author != "" {
		return e.author
	}
	if u, err := user.Current(); err == nil {
		return "command line, " + u.Username
	}
	return "command line"
}

// said is an error as the caller is told: what is wrong, where in the program left
// out.
func said(err error) error {
	if says, ok := operator.Says(err); ok {
		return errors.New(says)
	}
	return err
}

// missing says that there is no such thing, and how to find those that there are.
func missing(err error, what, verb string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("there is %s; write: gatehouse %s list", what, verb)
	}
	return said(err)
}
