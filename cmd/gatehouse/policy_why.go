package main

import (
	"fmt"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/policytest"
)

// why says who decides a question, by which facts, and what would have to change.
func (a *authorizer) why(args []string) error {
	given := a.flags.String("given", "", "a *.test.yaml that says who and what there is; default is those beside the policies")
	args, err := a.parse(args)
	if err != nil {
		return err
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
		answer, err := w.Why(q)
		if err != nil {
			return err
		}
		fmt.Fprint(a.stdout, answer)
		return nil
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
