package main

import (
	"fmt"
	"path/filepath"

	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/policytest"
)

// tests reads the tests of a folder: that of the arguments, or that of the
// configuration's policies.
func (a *authorizer) tests(dir string) ([]*policy.Policy, map[string][]*policytest.File, error) {
	policies, file, err := a.loaded()
	if err != nil {
		return nil, nil, err
	}
	folders := file.PolicyFolders()
	if dir == "" {
		dir = folders[policies[0].API]
	}
	if dir == "" {
		dir = filepath.Join(filepath.Dir(a.config), "policies")
	}
	files, err := policytest.Folder(dir, policies, folders)
	return policies, files, err
}

// test tries what files of tests expect.
func (a *authorizer) test(args []string) error {
	verbose := a.flags.Bool("v", false, "name every case")
	args, err := a.parse(args)
	if err != nil {
		return err
	}
	dir := ""
	if len(args) > 1 {
		return errPolicyUsage
	}
	if len(args) == 1 {
		dir = args[0]
	}
	policies, files, err := a.tests(dir)
	if err != nil {
		return err
	}
	failed := 0
	for _, p := range policies {
		for i, r := range policytest.Run(files[p.API]) {
			if *verbose {
				for _, c := range append(r.Cases, r.Generated...) {
					if c.Err == nil {
						fmt.Fprintln(a.stdout, "ok:", c.Name)
					}
				}
			}
			for _, c := range r.Failed() {
				fmt.Fprintln(a.stdout, c.Err)
			}
			failed += len(r.Failed())
			fmt.Fprintf(a.stdout, "%s: %s, %s generated, %d failed; %d of %s decided\n", files[p.API][i].World.Path(), many(len(r.Cases), "case"), many(len(r.Generated), "case"), len(r.Failed()), r.Decided, policiesOf(r.Policies))
		}
	}
	if failed > 0 {
		return errReported
	}
	return nil
}

func policiesOf(n int) string {
	if n == 1 {
		return "1 policy"
	}
	return fmt.Sprintf("%d policies", n)
}
