// Package gatehousetest runs the tests of an API's policies with `go test`: the same
// files that `gatehouse policy test` runs, with the same result.
//
//	func TestPolicies(t *testing.T) { gatehousetest.Run(t, "policies/") }
package gatehousetest

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/control/all"
	"github.com/gatehouse-api/gatehouse/gatehousetest/lists"
	"github.com/gatehouse-api/gatehouse/idp"
	"github.com/gatehouse-api/gatehouse/idp/adminapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/policytest"
)

// Run runs the *.test.yaml of a folder, each case as a test of its own, and what is
// generated for strangers. Lists are asked of the policies and of SQL, the predicate of
// sdk/rows on an SQLite database that holds the objects, which must agree; where the
// policies cannot be said in SQL the log says so. The configuration is that of GATEHOUSE_CONFIG, or else
// the gatehouse.yaml in the folder or the nearest one above it.
func Run(t *testing.T, folder string) {
	t.Helper()
	path, err := configuration(folder)
	if err != nil {
		t.Fatal(err)
	}
	f, err := config.Load(path, all.Kinds, config.Options{Own: idp.Description(), Operators: config.OwnAPI{Description: adminapi.Description(), Roles: adminapi.Roles()}})
	if err != nil {
		t.Fatal(err)
	}
	var policies []*policy.Policy
	for _, a := range f.APIs {
		if p := a.Authorization(); p != nil {
			policies = append(policies, p)
		}
	}
	files, err := policytest.Folder(folder, policies, f.PolicyFolders())
	if err != nil {
		t.Fatal(err)
	}
	filter := lists.New()
	for _, p := range policies {
		for i, r := range policytest.Run(t.Context(), files[p.API], filter) {
			t.Run(filepath.Base(files[p.API][i].World.Path()), func(t *testing.T) { report(t, r) })
		}
	}
}

func report(t *testing.T, r *policytest.Result) {
	if says := r.Lists(); says != "" {
		t.Log(says)
	}
	for _, c := range append(r.Cases, r.Generated...) {
		t.Run(c.Name, func(t *testing.T) {
			if c.Unfiltered != "" {
				t.Log("not through SQL:", c.Unfiltered)
			}
			if c.Err != nil {
				t.Error(c.Err)
			}
		})
	}
}

// configuration finds the configuration that a folder of policies belongs to.
func configuration(folder string) (string, error) {
	if path := os.Getenv("GATEHOUSE_CONFIG"); path != "" {
		return path, nil
	}
	dir, err := filepath.Abs(folder)
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(dir, "gatehouse.yaml")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("gatehousetest: there is no gatehouse.yaml in " + folder + " or above it; set GATEHOUSE_CONFIG to the configuration that the policies belong to")
		}
		dir = up
	}
}
