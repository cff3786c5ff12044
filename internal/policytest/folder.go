package policytest

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// Folder reads the *.test.yaml of a folder, each for the policy of the API that it
// names; a file that names none is for the only policy there is, or for the one
// whose own policies stand in that folder. Files are returned by policy, in the
// order of the policies.
func Folder(dir string, policies []*policy.Policy, folders map[string]string) (map[string][]*File, error) {
	paths, err := filepath.Glob(filepath.Join(escape.Replace(dir), "*.test.yaml"))
	if err != nil || len(paths) == 0 {
		return nil, fmt.Errorf("there are no *.test.yaml in %s; write one: %s", dir, "given: {users: {alice: {tenant: acme}}}, expect: [alice can read order o1]")
	}
	slices.Sort(paths)
	out := map[string][]*File{}
	var errs []error
	for _, path := range paths {
		f, err := One(path, policies, folders)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out[f.World.policy.API] = append(out[f.World.policy.API], f)
	}
	return out, errors.Join(errs...)
}

// One reads one file as [Folder] does.
func One(path string, policies []*policy.Policy, folders map[string]string) (*File, error) {
	p, err := meant(path, filepath.Dir(path), policies, folders)
	if err != nil {
		return nil, err
	}
	return Read(path, p)
}

var escape = strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`)

func meant(path, dir string, policies []*policy.Policy, folders map[string]string) (*policy.Policy, error) {
	name, err := APIOf(path)
	if err != nil {
		return nil, err
	}
	var names []string
	var here []*policy.Policy
	for _, p := range policies {
		names = append(names, p.API)
		if p.API == name {
			return p, nil
		}
		if folders[p.API] != "" && filepath.Clean(folders[p.API]) == filepath.Clean(dir) {
			here = append(here, p)
		}
	}
	switch {
	case name != "":
		return nil, &Error{path, 1, fmt.Sprintf("there is no API %q with objects or policies", name), nearest(name, names)}
	case len(policies) == 1:
		return policies[0], nil
	case len(here) == 1:
		return here[0], nil
	}
	return nil, &Error{path, 1, "it does not say which API it is about", "api: " + strings.Join(names, ", or api: ")}
}
