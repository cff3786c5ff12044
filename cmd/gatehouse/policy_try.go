package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"

	"github.com/gatehouse-api/gatehouse/gatehousetest/lists"
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
	verbose := a.flags.Bool("v", false, "name every case, and of lists whether they went through SQL too")
	asJSON := a.flags.Bool("json", false, "print the result as JSON")
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
	var all []tried
	filter, failed := lists.New(), 0
	for _, p := range policies {
		for i, r := range policytest.Run(context.Background(), files[p.API], filter) {
			all = append(all, triedOf(files[p.API][i].World.Path(), r))
			failed += len(r.Failed())
		}
	}
	if *asJSON {
		e := json.NewEncoder(a.stdout)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		err = e.Encode(all)
	} else {
		for _, f := range all {
			f.text(a.stdout, *verbose)
		}
	}
	if err == nil && failed > 0 {
		return errReported
	}
	return err
}

// tried is what came of one file.
type tried struct {
	File    string     `json:"file"`
	Cases   []triedOne `json:"cases"`
	Decided int        `json:"decided"`  // policies that decided somewhere
	Of      int        `json:"policies"` // that there are
	Lists   string     `json:"lists,omitempty"`
}

// triedOne is one case of it.
type triedOne struct {
	Name       string `json:"name"`
	Generated  bool   `json:"generated,omitempty"`
	Failure    string `json:"failure,omitempty"`
	Lists      string `json:"lists,omitempty"`      // the object that it is a list of
	Unfiltered string `json:"unfiltered,omitempty"` // why the list did not go through SQL
}

func triedOf(file string, r *policytest.Result) tried {
	out := tried{File: file, Decided: r.Decided, Of: r.Policies, Lists: r.Lists()}
	for i, c := range append(slices.Clone(r.Cases), r.Generated...) {
		one := triedOne{Name: c.Name, Generated: i >= len(r.Cases), Lists: c.Lists, Unfiltered: c.Unfiltered}
		if c.Err != nil {
			one.Failure = c.Err.Error()
		}
		out.Cases = append(out.Cases, one)
	}
	return out
}

// text prints what failed, with verbose everything, and a line that counts.
func (f *tried) text(w io.Writer, verbose bool) {
	failed, generated := 0, 0
	for _, c := range f.Cases {
		if c.Generated {
			generated++
		}
		switch {
		case c.Failure != "":
			failed++
		case verbose && c.Unfiltered != "":
			fmt.Fprintf(w, "ok: %s (not through SQL: %s)\n", c.Name, c.Unfiltered)
		case verbose && c.Lists != "":
			fmt.Fprintf(w, "ok: %s (policies and SQL)\n", c.Name)
		case verbose:
			fmt.Fprintln(w, "ok:", c.Name)
		}
	}
	for _, c := range f.Cases {
		if c.Failure != "" {
			fmt.Fprintln(w, c.Failure)
		}
	}
	fmt.Fprintf(w, "%s: %s, %s generated, %d failed; %d of %s decided", f.File, many(len(f.Cases)-generated, "case"), many(generated, "case"), failed, f.Decided, policiesOf(f.Of))
	if f.Lists != "" {
		fmt.Fprintf(w, "; %s", f.Lists)
	}
	fmt.Fprintln(w)
}

func policiesOf(n int) string {
	if n == 1 {
		return "1 policy"
	}
	return fmt.Sprintf("%d policies", n)
}
