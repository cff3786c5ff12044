package main

import (
	"context"
	"io"
	"strings"

	"github.com/gatehouse-api/gatehouse/idp/operator"
)

const rolesUsage = `usage: gatehouse roles list            what each role may do, and who has it
What a role may do is written in the configuration; who has it: gatehouse users roles, gatehouse clients add --role.
`

// runRoles lists roles.
func runRoles(args []string, stdout, stderr io.Writer) int {
	return runVerb("roles", rolesUsage, args, stdout, stderr, map[string]func(*entry, []string) error{"list": (*entry).listRoles})
}

func (e *entry) listRoles(args []string) error {
	if err := e.none(args); err != nil {
		return err
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		list, err := d.AllRoles(ctx, by)
		if err != nil {
			return err
		}
		if e.json {
			return e.print(append([]operator.Role{}, list...))
		}
		rows := [][]string{{"ROLE", "MAY", "PEOPLE", "CLIENTS"}}
		for _, r := range list {
			rows = append(rows, []string{r.Name, strings.Join(r.May, "; "), strings.Join(r.People, " "), strings.Join(r.Clients, " ")})
		}
		return e.table(rows)
	})
}
