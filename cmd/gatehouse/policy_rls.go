package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/gatehouse-api/gatehouse/sdk/rows"
)

// rlsTime bounds looking at a database.
const rlsTime = time.Minute

// rls prints the migration that puts the tables of the objects under row-level
// security, or says where a database does not hold it.
func (a *authorizer) rls(args []string) error {
	role := a.flags.String("role", "", "role that the application connects as; verify takes the one that --database names when it is left out")
	database := a.flags.String("database", "", "verify: connection URL without a password (PGPASSWORD, .pgpass); left out, as PGHOST, PGUSER, PGDATABASE say")
	reviewed := a.flags.String("reviewed", "", "verify: functions and views that may touch the tables, separated by commas")
	args, err := a.parse(args)
	if err != nil {
		return err
	}
	if len(args) != 1 || args[0] != "generate" && args[0] != "verify" {
		return fmt.Errorf("say generate or verify: %w", errPolicyUsage)
	}
	security := rows.RowSecurity{Role: *role}
	if *reviewed != "" {
		security.Reviewed = strings.Split(*reviewed, ",")
	}
	if security.Tables, err = a.tables(); err != nil {
		return err
	}
	if args[0] == "verify" {
		return a.verify(security, *database)
	}
	if *role == "" {
		return fmt.Errorf("say which role the application connects as: gatehouse policy rls generate --role app: %w", errPolicyUsage)
	}
	migration, err := security.Migration()
	if err != nil {
		return err
	}
	_, err = io.WriteString(a.stdout, migration)
	return err
}

// tables are those that objects are kept in. A policy of the database is the wall
// between tenants; who inside a tenant may see what depends on roles and relations,
// which the database does not know. Only where there is no tenant is it the owner.
func (a *authorizer) tables() (list []rows.GuardedTable, err error) {
	policies, _, err := a.loaded()
	if err != nil {
		return nil, err
	}
	seen := map[string]string{}
	for _, p := range policies {
		objects := p.Bundle().Objects
		for _, name := range slices.Sorted(maps.Keys(objects)) {
			t := objects[name].Table
			if t == nil {
				continue
			}
			by, column := rows.Tenant, t.Tenant
			if column == "" {
				by, column = rows.Owner, t.Owner
			}
			if column == "" {
				return nil, fmt.Errorf("the table %s of %s says not whose its rows are; write: table: {name: %s, tenant: tenant_id}", t.Name, name, t.Name)
			}
			if other, twice := seen[t.Name]; twice {
				if other != column {
					return nil, fmt.Errorf("the table %s is of several objects, which say differently whose its rows are: %s and %s", t.Name, other, column)
				}
				continue
			}
			seen[t.Name] = column
			list = append(list, rows.Table(t.Name, by(column)))
		}
	}
	if len(list) == 0 {
		return nil, errors.New("no object says which table it is kept in; write: objects: {order: {table: {name: orders, tenant: tenant_id, owner: customer_id}}}")
	}
	return list, nil
}

// verify reports what it finds, a line each, and what to do about it.
func (a *authorizer) verify(security rows.RowSecurity, database string) error {
	c, err := pgx.ParseConfig(database)
	if err != nil {
		return errors.New("the connection URL cannot be read: expected postgres://user@host/database?sslmode=verify-full")
	}
	c.RuntimeParams["application_name"] = "gatehouse"
	db := stdlib.OpenDB(*c)
	defer func() { _ = db.Close() }() // nothing was written
	ctx, cancel := context.WithTimeout(context.Background(), rlsTime)
	defer cancel()
	found, err := security.VerifyDB(ctx, db)
	if err != nil {
		return err
	}
	for _, f := range found {
		fmt.Fprintf(a.stdout, "%s\n  %s\n  fix: %s\n", f.Object, f.Fault, f.Fix)
	}
	if len(found) > 0 {
		fmt.Fprintf(a.stdout, "%s: row-level security does not hold\n", many(len(found), "finding"))
		return errReported
	}
	fmt.Fprintf(a.stdout, "row-level security holds for %s\n", many(len(security.Tables), "table"))
	return nil
}
