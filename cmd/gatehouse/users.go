package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/idp/people"
	"github.com/gatehouse-api/gatehouse/internal/password"
	"github.com/gatehouse-api/gatehouse/store"
)

const usersUsage = `usage: gatehouse users add E-MAIL [--tenant ID] [--role ROLE]... [--password-stdin]       a person; without --password-stdin a password is made and shown once
       gatehouse users list                                                               who there is
       gatehouse users disable E-MAIL --because WHY --author WHO                          sessions and tokens end at once
       gatehouse users enable E-MAIL                                                      and forget failed sign-ins
       gatehouse users reset-password E-MAIL --author WHO [--password-stdin]              another password; sessions and tokens end at once
       gatehouse users remove-second-factor E-MAIL --author WHO                           for a lost phone; sessions and tokens end at once
       gatehouse users roles E-MAIL [--role ROLE]... --because WHY --author WHO           these roles and no others; sessions and tokens end at once
       gatehouse users identities E-MAIL                                                  at which providers they are known, and as whom
       gatehouse users link E-MAIL --connection NAME --subject SUB                        the provider's subject is this person
       gatehouse users unlink E-MAIL --issuer URL --subject SUB --because WHY --author WHO
                                                                                          and is not any more; sessions and tokens end at once
`

// runUsers changes and lists people.
func runUsers(args []string, stdout, stderr io.Writer) int {
	return runVerb("users", usersUsage, args, stdout, stderr, map[string]func(*entry, []string) error{
		"add": (*entry).addUser, "list": (*entry).listUsers, "disable": (*entry).disableUser, "enable": (*entry).enableUser,
		"reset-password": (*entry).resetPassword, "remove-second-factor": (*entry).removeSecondFactor, "roles": (*entry).setRoles,
		"identities": (*entry).listIdentities, "link": (*entry).linkIdentity, "unlink": (*entry).unlinkIdentity,
	})
}

// shownUser is a person as it is printed. The password is there when it was made
// just now.
type shownUser struct {
	ID           string          `json:"id"`
	Name         string          `json:"name"`
	Tenant       string          `json:"tenant,omitempty"`
	Roles        []string        `json:"roles,omitempty"`
	State        store.UserState `json:"state"`
	SecondFactor bool            `json:"second_factor"`
	Made         time.Time       `json:"made"`
	Password     string          `json:"password,omitempty"`
}

func userOf(u *store.User) shownUser {
	return shownUser{ID: u.ID, Name: u.Name, Tenant: u.Tenant, Roles: u.Roles, State: u.State, SecondFactor: u.TOTP != nil, Made: u.Made}
}

// fresh is the flag of where a new password comes from.
func (e *entry) fresh() *bool {
	return e.flags.Bool("password-stdin", false, "read the password from standard input, one line")
}

// newPassword reads a password, or makes one of 130 random bits.
func newPassword(stdin bool) (secret string, made bool, err error) {
	if !stdin {
		return strings.ToLower(rand.Text()), true, nil
	}
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", false, fmt.Errorf("reading the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), false, nil
}

func (e *entry) addUser(args []string) error {
	var roles texts
	tenant := e.flags.String("tenant", "", "whose person it is")
	e.flags.Var(&roles, "role", "a role; may be given several times")
	stdin := e.fresh()
	name, err := e.one(args)
	if err != nil {
		return err
	}
	secret, made, err := newPassword(*stdin)
	if err != nil {
		return err
	}
	return e.with(func(ctx context.Context, f facts) error {
		a, err := e.accounts(f)
		if err != nil {
			return err
		}
		u, err := a.Add(ctx, name, *tenant, roles, secret)
		if err != nil {
			return fixable(err, name)
		}
		return e.printUser(&u, secret, made, "is added")
	})
}

// fixable says what to write instead.
func fixable(err error, name string) error {
	switch {
	case errors.Is(err, people.ErrName):
		return fmt.Errorf("%s is no e-mail address; write: alice@example.com", printable(name))
	case errors.Is(err, store.ErrExists):
		return fmt.Errorf("there is a person %s already", printable(name))
	case errors.Is(err, password.ErrShort):
		return fmt.Errorf("the password is too short: %d characters are the least", password.Shortest)
	case errors.Is(err, password.ErrCommon):
		return errors.New("the password is too common, or made of the person's own name; leave --password-stdin out for one that is not")
	}
	return err
}

func (e *entry) printUser(u *store.User, secret string, made bool, what string) error {
	s := userOf(u)
	if made {
		s.Password = secret
	}
	if e.json {
		return e.print(s)
	}
	_, err := fmt.Fprintf(e.stdout, "%s %s, as %s\n", u.Name, what, u.ID)
	if err == nil && made {
		_, err = fmt.Fprintf(e.stdout, "password, shown only now: %s\n", secret)
	}
	return err
}

// usersAtOnce is how many people are read at once.
const usersAtOnce = 500

func (e *entry) listUsers(args []string) error {
	if err := e.none(args); err != nil {
		return err
	}
	return e.with(func(ctx context.Context, f facts) error {
		list := []shownUser{}
		for after := ""; ; {
			some, err := f.Users().List(ctx, after, usersAtOnce)
			if err != nil {
				return err
			}
			for i := range some {
				list = append(list, userOf(&some[i]))
			}
			if len(some) < usersAtOnce {
				break
			}
			after = some[len(some)-1].Name
		}
		if e.json {
			return e.print(list)
		}
		rows := [][]string{{"NAME", "ID", "STATE", "SECOND FACTOR", "TENANT", "ROLES"}}
		for _, u := range list {
			rows = append(rows, []string{u.Name, u.ID, string(u.State), map[bool]string{true: "yes", false: "no"}[u.SecondFactor], u.Tenant, strings.Join(u.Roles, " ")})
		}
		return e.table(rows)
	})
}

// person parses the flags and finds the person that is named.
func (e *entry) person(args []string, answered func() error, do func(context.Context, facts, *people.Accounts, store.User) error) error {
	name, err := e.one(args)
	if err == nil && answered != nil {
		err = answered()
	}
	if err != nil {
		return err
	}
	return e.with(func(ctx context.Context, f facts) error {
		a, err := e.accounts(f)
		if err != nil {
			return err
		}
		canonical, err := people.Canonical(name)
		if err != nil {
			return fixable(err, name)
		}
		u, err := f.Users().ByName(ctx, canonical)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("there is nobody named %s; write: gatehouse users list", printable(canonical))
		}
		if err != nil {
			return err
		}
		return do(ctx, f, a, u)
	})
}

// done prints the person as the store has it now.
func (e *entry) done(ctx context.Context, f facts, id, what string) error {
	u, err := f.Users().User(ctx, id)
	if err != nil {
		return err
	}
	return e.printUser(&u, "", false, what)
}

func (e *entry) disableUser(args []string) error {
	e.reasons()
	return e.person(args, e.answered, func(ctx context.Context, f facts, a *people.Accounts, u store.User) error {
		if err := a.Disable(ctx, u.ID, e.because, e.author); err != nil {
			return err
		}
		return e.done(ctx, f, u.ID, "is disabled")
	})
}

func (e *entry) enableUser(args []string) error {
	return e.person(args, nil, func(ctx context.Context, f facts, a *people.Accounts, u store.User) error {
		if err := a.Enable(ctx, u.ID); err != nil {
			return err
		}
		return e.done(ctx, f, u.ID, "is enabled")
	})
}

func (e *entry) resetPassword(args []string) error {
	e.answers()
	stdin := e.fresh()
	return e.person(args, e.authored, func(ctx context.Context, _ facts, a *people.Accounts, u store.User) error {
		secret, made, err := newPassword(*stdin)
		if err != nil {
			return err
		}
		if err := a.SetPassword(ctx, u.ID, secret, nil, store.Hash{}, e.author); err != nil {
			return fixable(err, u.Name)
		}
		return e.printUser(&u, secret, made, "has another password")
	})
}

func (e *entry) removeSecondFactor(args []string) error {
	e.answers()
	return e.person(args, e.authored, func(ctx context.Context, f facts, a *people.Accounts, u store.User) error {
		if err := a.SetSecondFactor(ctx, u.ID, nil, 0, nil, store.Hash{}, e.author); err != nil {
			return err
		}
		return e.done(ctx, f, u.ID, "has no second factor")
	})
}

func (e *entry) setRoles(args []string) error {
	e.reasons()
	var roles texts
	e.flags.Var(&roles, "role", "a role; may be given several times, none takes all away")
	return e.person(args, e.answered, func(ctx context.Context, f facts, a *people.Accounts, u store.User) error {
		if err := a.SetRoles(ctx, u.ID, roles, e.because, e.author); err != nil {
			return err
		}
		return e.done(ctx, f, u.ID, "has the roles ["+strings.Join(roles, " ")+"]")
	})
}
