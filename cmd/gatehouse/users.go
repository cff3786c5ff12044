package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/store"
)

const usersUsage = `usage: gatehouse users add E-MAIL [--tenant ID] [--role ROLE]... [--password-stdin]       a person; without --password-stdin a password is made and shown once
       gatehouse users list [--tenant ID]                                                 who there is
       gatehouse users show E-MAIL                                                        all that is known of a person
       gatehouse users disable E-MAIL --because WHY --author WHO                          sessions and tokens end at once
       gatehouse users enable E-MAIL                                                      and forget failed sign-ins
       gatehouse users reset-password E-MAIL --author WHO [--password-stdin]              another password; sessions and tokens end at once
       gatehouse users second-factors E-MAIL                                              the app and the passkeys a person has
       gatehouse users remove-second-factor E-MAIL [--id ID] --author WHO                 all with their recovery codes, or one; for what was lost; sessions and tokens end at once
       gatehouse users roles E-MAIL [--role ROLE]... --because WHY --author WHO           these roles and no others; sessions and tokens end at once
       gatehouse users move E-MAIL [--tenant ID] --because WHY --author WHO               to another tenant, or to none; sessions and tokens end at once
       gatehouse users remove E-MAIL --because WHY --author WHO                           forget a person; sessions and tokens end at once
       gatehouse users identities E-MAIL                                                  at which providers they are known, and as whom
       gatehouse users link E-MAIL --connection NAME --subject SUB                        the provider's subject is this person
       gatehouse users unlink E-MAIL --issuer URL --subject SUB --because WHY --author WHO
                                                                                          and is not any more; sessions and tokens end at once
`

// runUsers changes and lists people.
func runUsers(args []string, stdout, stderr io.Writer) int {
	return runVerb("users", usersUsage, args, stdout, stderr, map[string]func(*entry, []string) error{
		"add": (*entry).addUser, "list": (*entry).listUsers, "disable": (*entry).disableUser, "enable": (*entry).enableUser,
		"reset-password": (*entry).resetPassword, "second-factors": (*entry).listSecondFactors, "remove-second-factor": (*entry).removeSecondFactor, "roles": (*entry).setRoles,
		"remove": (*entry).removeUser, "show": (*entry).showUser, "move": (*entry).moveUser, "identities": (*entry).listIdentities, "link": (*entry).linkIdentity, "unlink": (*entry).unlinkIdentity,
	})
}

// shownPerson is a person as it is printed. The password is there when it was made
// just now.
type shownPerson struct {
	operator.Person
	Password string `json:"password,omitempty"`
}

// fresh is the flag of where a new password comes from.
func (e *entry) fresh() *bool {
	return e.flags.Bool("password-stdin", false, "read the password from standard input, one line")
}

// typedPassword reads a password, or returns "" for one to be made.
func typedPassword(stdin bool) (string, error) {
	if !stdin {
		return "", nil
	}
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading the password: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.New("there is no password on standard input; leave --password-stdin out for one that is made")
	}
	return line, nil
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
	secret, err := typedPassword(*stdin)
	if err != nil {
		return err
	}
	return e.atPeople(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		p, made, err := d.AddPerson(ctx, by, operator.PersonWanted{Name: name, Tenant: *tenant, Roles: roles, Password: secret})
		if err != nil {
			return fixable(err, name)
		}
		return e.printPerson(p, made, "is added")
	})
}

// fixable names who it is about.
func fixable(err error, name string) error {
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("there is a person %s already", printable(name))
	}
	return said(err)
}

func (e *entry) printPerson(p operator.Person, made, what string) error {
	if e.json {
		return e.print(shownPerson{p, made})
	}
	_, err := fmt.Fprintf(e.stdout, "%s %s, as %s\n", p.Name, what, p.ID)
	if err == nil && made != "" {
		_, err = fmt.Fprintf(e.stdout, "password, shown only now: %s\n", made)
	}
	return err
}

// atOnce is how many things are read at once.
const atOnce = 500

// whole reads a list piece by piece. Each piece begins after the last name of the one
// before it.
func whole[T any](read func(after string) ([]T, bool, error), name func(*T) string) ([]T, error) {
	list := []T{} // an empty one is printed as such
	for after, more := "", true; more; {
		some, rest, err := read(after)
		if err != nil {
			return nil, err
		}
		if list, more = append(list, some...), rest; more {
			after = name(&some[len(some)-1])
		}
	}
	return list, nil
}

func (e *entry) listUsers(args []string) error {
	tenant := e.flags.String("tenant", "", "of one tenant only")
	if err := e.none(args); err != nil {
		return err
	}
	return e.atPeople(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		list, err := whole(func(after string) ([]operator.Person, bool, error) { return d.People(ctx, by, *tenant, after, atOnce) },
			func(x *operator.Person) string { return x.Name })
		if err != nil {
			return err
		}
		if e.json {
			return e.print(list)
		}
		rows := [][]string{{"NAME", "ID", "STATE", "SECOND FACTOR", "TENANT", "ROLES"}}
		for _, u := range list {
			rows = append(rows, []string{u.Name, u.ID, string(u.State), yes(u.SecondFactor), u.Tenant, strings.Join(u.Roles, " ")})
		}
		return e.table(rows)
	})
}

// person parses the flags and finds the person that is named.
func (e *entry) person(args []string, answered func() error, do func(context.Context, *operator.Desk, operator.By, operator.Person) error) error {
	name, err := e.one(args)
	if err == nil && answered != nil {
		err = answered()
	}
	if err != nil {
		return err
	}
	return e.atPeople(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		p, err := d.PersonNamed(ctx, by, name)
		if err != nil {
			return missing(err, "nobody named "+printable(name), "users")
		}
		return do(ctx, d, by, p)
	})
}

// changePerson changes the person that is named.
func (e *entry) changePerson(args []string, answered func() error, c *operator.PersonChange, done func() string) error {
	return e.person(args, answered, func(ctx context.Context, d *operator.Desk, by operator.By, p operator.Person) error {
		now, err := d.ChangePerson(ctx, by, p.ID, "", *c)
		if err != nil {
			return said(err)
		}
		return e.printPerson(now, "", done())
	})
}

func (e *entry) disableUser(args []string) error {
	e.reasons()
	state := store.UserDisabled
	return e.changePerson(args, e.answered, &operator.PersonChange{State: &state}, func() string { return "is disabled" })
}

func (e *entry) enableUser(args []string) error {
	state := store.UserActive
	return e.changePerson(args, nil, &operator.PersonChange{State: &state}, func() string { return "is enabled" })
}

func (e *entry) setRoles(args []string) error {
	e.reasons()
	roles := []string{}
	e.flags.Var((*texts)(&roles), "role", "a role; may be given several times, none takes all away")
	return e.changePerson(args, e.answered, &operator.PersonChange{Roles: &roles}, func() string { return "has the roles [" + strings.Join(roles, " ") + "]" })
}

func (e *entry) resetPassword(args []string) error {
	e.answers()
	stdin := e.fresh()
	return e.person(args, e.authored, func(ctx context.Context, d *operator.Desk, by operator.By, p operator.Person) error {
		secret, err := typedPassword(*stdin)
		if err != nil {
			return err
		}
		made, err := d.SetPassword(ctx, by, p.ID, secret)
		if err != nil {
			return said(err)
		}
		return e.printPerson(p, made, "has another password")
	})
}

func (e *entry) removeUser(args []string) error {
	e.reasons()
	return e.person(args, e.answered, func(ctx context.Context, d *operator.Desk, by operator.By, p operator.Person) error {
		if err := d.RemovePerson(ctx, by, p.ID, ""); err != nil {
			return said(err)
		}
		return e.printPerson(p, "", "is removed")
	})
}
