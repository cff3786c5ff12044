package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/gatehouse-api/gatehouse/gatehousetest/lists"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/policytest"
	"github.com/gatehouse-api/gatehouse/sdk/rows"
)

// why says who decides a question, by which facts, and what would have to change.
func (a *authorizer) why(args []string) error {
	given := a.flags.String("given", "", "a *.test.yaml that says who and what there is; default is those beside the policies")
	named := a.flags.String("dialect", "postgresql", "SQL of lists: postgresql or sqlite")
	args, err := a.parse(args)
	if err != nil {
		return err
	}
	dialect, known := map[string]rows.Dialect{"postgresql": rows.PostgreSQL, "sqlite": rows.SQLite}[*named]
	if !known {
		return fmt.Errorf("there is no SQL of %q here; write --dialect postgresql, or sqlite: %w", *named, errPolicyUsage)
	}
	if len(args) < 2 || len(args) > 3 {
		return fmt.Errorf("gatehouse policy why alice update order/o1: %w", errPolicyUsage)
	}
	q, err := asked(args)
	if err != nil {
		return err
	}
	worlds, err := a.worlds(*given)
	if err != nil {
		return err
	}
	for i, w := range worlds {
		if !w.Knows(q) && i < len(worlds)-1 {
			continue
		}
		if q.Object != "" && q.ID == "" && q.Action != policy.Create {
			return a.whyList(w, q, dialect)
		}
		answer, err := w.Why(q)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(a.stdout, answer)
		return err
	}
	return nil
}

// whyList says which objects somebody may do something to, and by which predicate an
// application filters its table to them.
func (a *authorizer) whyList(w *policytest.World, q policytest.Question, d rows.Dialect) error {
	answer, listing, err := w.WhyList(q)
	if err != nil {
		return err
	}
	predicate, args, err := lists.Predicate(context.Background(), listing, d)
	if not, ok := errors.AsType[*policytest.Unfiltered](err); ok {
		_, err = fmt.Fprintf(a.stdout, "%sin SQL this cannot be asked\n  %s\n", answer, not.Why)
		return err
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%sin SQL (%s)\n  WHERE %s\n", answer, d, predicate)
	for i, arg := range args {
		placeholder := "?"
		if d == rows.PostgreSQL {
			placeholder = fmt.Sprint("$", i+1)
		}
		if _, err := fmt.Fprintf(a.stdout, "  %s = %s\n", placeholder, arg); err != nil {
			return err
		}
	}
	return nil
}

func asked(args []string) (policytest.Question, error) {
	q := policytest.Question{Who: args[0], Name: args[1]}
	if len(args) == 2 {
		return q, nil
	}
	if args[1] == "select" {
		return policytest.Question{Who: args[0], Field: args[2]}, nil
	}
	action := policy.ActionOf(args[1])
	object, id, _ := strings.Cut(args[2], "/")
	if action == policy.None || object == "" {
		return q, fmt.Errorf("gatehouse policy why alice update order/o1, with read, update, delete, list or create; or: gatehouse policy why alice select Order.total: %w", errPolicyUsage)
	}
	return policytest.Question{Who: args[0], Action: action, Object: object, ID: id}, nil
}

// worlds are those of one file, or of all beside the policies.
func (a *authorizer) worlds(path string) (list []*policytest.World, err error) {
	if path == "" {
		policies, files, err := a.tests("")
		for _, p := range policies {
			for _, f := range files[p.API] {
				list = append(list, f.World)
			}
		}
		return list, err
	}
	policies, file, err := a.loaded()
	if err != nil {
		return nil, err
	}
	f, err := policytest.One(path, policies, file.PolicyFolders())
	if err != nil {
		return nil, err
	}
	return []*policytest.World{f.World}, nil
}
