package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/store"
)

const tenantsUsage = `usage: gatehouse tenants add ID [--name TEXT] [--domain example.com]...             whose people and clients there are; its administrators may add people of the domains
       gatehouse tenants list                                                       which there are
       gatehouse tenants disable ID --because WHY --author WHO                      nobody of it gets in; sessions and tokens end at once
       gatehouse tenants enable ID                                                  its people and clients get tokens again
       gatehouse tenants domains ID [--domain example.com]...                       these domains and no others
       gatehouse tenants remove ID                                                  one without people and clients
`

// runTenants changes and lists tenants.
func runTenants(args []string, stdout, stderr io.Writer) int {
	return runVerb("tenants", tenantsUsage, args, stdout, stderr, map[string]func(*entry, []string) error{
		"add": (*entry).addTenant, "list": (*entry).listTenants, "disable": (*entry).disableTenant, "enable": (*entry).enableTenant,
		"domains": (*entry).setDomains, "remove": (*entry).removeTenant,
	})
}

func (e *entry) domains() *[]string {
	list := &[]string{}
	e.flags.Var((*texts)(list), "domain", "a domain of e-mail addresses; may be given several times")
	return list
}

func (e *entry) addTenant(args []string) error {
	name := e.flags.String("name", "", "for people")
	domains := e.domains()
	id, err := e.one(args)
	if err != nil {
		return err
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		t, err := d.AddTenant(ctx, by, id, *name, *domains)
		if errors.Is(err, store.ErrExists) {
			return fmt.Errorf("there is a tenant %s already", printable(id))
		}
		return e.printTenant(t, "added", err)
	})
}

func (e *entry) printTenant(t operator.Tenant, done string, err error) error {
	if err != nil {
		return said(err)
	}
	if e.json {
		return e.print(t)
	}
	_, err = fmt.Fprintf(e.stdout, "%s is %s\n", t.ID, done)
	return err
}

func (e *entry) listTenants(args []string) error {
	if err := e.none(args); err != nil {
		return err
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		list, err := whole(func(after string) ([]operator.Tenant, bool, error) { return d.Tenants(ctx, by, after, atOnce) },
			func(x *operator.Tenant) string { return x.ID })
		if err != nil {
			return err
		}
		if e.json {
			return e.print(list)
		}
		rows := [][]string{{"ID", "STATE", "DOMAINS", "NAME"}}
		for _, t := range list {
			rows = append(rows, []string{t.ID, string(t.State), strings.Join(t.Domains, " "), t.Name})
		}
		return e.table(rows)
	})
}

// changeTenant changes the tenant that is named.
func (e *entry) changeTenant(args []string, answered func() error, c *operator.TenantChange, done string) error {
	id, err := e.one(args)
	if err == nil && answered != nil {
		err = answered()
	}
	if err != nil {
		return err
	}
	return e.atPeople(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		t, err := d.ChangeTenant(ctx, by, id, "", *c)
		if err != nil {
			return missing(err, "no tenant "+printable(id), "tenants")
		}
		return e.printTenant(t, done, nil)
	})
}

func (e *entry) disableTenant(args []string) error {
	e.reasons()
	state := store.TenantDisabled
	return e.changeTenant(args, e.answered, &operator.TenantChange{State: &state}, "disabled; every session and token of its people and clients has ended")
}

func (e *entry) enableTenant(args []string) error {
	state := store.TenantActive
	return e.changeTenant(args, nil, &operator.TenantChange{State: &state}, "enabled")
}

func (e *entry) setDomains(args []string) error {
	return e.changeTenant(args, nil, &operator.TenantChange{Domains: e.domains()}, "changed")
}

func (e *entry) removeTenant(args []string) error {
	id, err := e.one(args)
	if err != nil {
		return err
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		if err := d.RemoveTenant(ctx, by, id); err != nil {
			return missing(err, "no tenant "+printable(id), "tenants")
		}
		_, err := fmt.Fprintf(e.stdout, "%s is removed\n", printable(id))
		return err
	})
}
