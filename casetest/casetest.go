// Package casetest runs case files: one txtar file holds a configuration, a
// request, what the upstream answers and what the caller must see. Every case
// runs through every door, so that no two doors can disagree.
//
// A file begins with free text that says what the case shows; then come the
// parts that [Case] lists.
package casetest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/relations"
)

// Case is one file.
type Case struct {
	Name      string
	Text      string               // what the case shows
	Config    string               // "config.yaml": the body of one API
	OpenAPI   string               // "openapi.yaml": the description; [Orders] when left out, and none for an API that speaks GraphQL
	Files     map[string]string    // "file NAME": what stands beside the configuration
	Principal *gatehouse.Principal // "principal": who the test authenticator proves
	Tokens    map[string]token     // "tokens": what ${TOKEN name} stands for
	Proofs    map[string]proof     // "proofs": what ${PROOF name} stands for, the same one each time
	Tuples    []relations.Tuple    // "tuples": one a line, "order:1#editor@user:bob"
	Upstream  map[string]string    // "upstream" or "upstream PATH": raw replies; "" is any path, "~TEXT" a body with the text
	Steps     []Step               // "request", "want", "upstream-saw", "trail", numbered when there are several
}

// Step is one request and what must come of it. Each line of Trail is a mark that
// must be in the exchange's trail: "control said rule", or for what a description
// demands "control demands KEYWORD of IN NAME #POINTER at FILE:LINE".
type Step struct{ Request, Want, Saw, Trail string }

// token is what a token says otherwise than a genuine one. ${NOW} in the value of a
// claim is the present second, ${NOW-60} one a minute ago.
type token struct {
	Subject string            `yaml:"sub"`
	Tenant  string            `yaml:"tenant"`
	Client  string            `yaml:"client"`
	Roles   []string          `yaml:"roles"`
	Scopes  []string          `yaml:"scopes"`
	Set     map[string]string `yaml:"set"`
	Header  map[string]string `yaml:"header"`
	Key     string            `yaml:"key"` // name of the client's key that it is bound to; such a token is the same each time
}

// proof is what a DPoP proof says.
type proof struct {
	Key    string            `yaml:"key"`   // name of the client's key
	Token  string            `yaml:"token"` // name of the token that it is for
	Method string            `yaml:"method"`
	URL    string            `yaml:"url"`
	Set    map[string]string `yaml:"set"`
	Header map[string]string `yaml:"header"`
}

// Run runs every case of the test's own testdata through every door.
func Run(t *testing.T, kinds ...gatehouse.Kind) {
	t.Helper()
	RunFolder(t, "testdata", kinds...)
}

// RunFolder runs every case of a folder through every door and returns how many
// there were.
func RunFolder(t *testing.T, folder string, kinds ...gatehouse.Kind) int {
	t.Helper()
	n := each(t, folder, func(t *testing.T, c *Case, d door) { c.run(t, d, kinds) })
	if n == 0 {
		t.Fatalf("no cases in %s: a control without cases is not done", folder)
	}
	return n
}

// Broken runs every case of a folder through every door after breaking what the
// controls need of the process, and returns how many requests were sent and how
// many reached the upstream.
func Broken(t *testing.T, folder string, breaking func(*gatehouse.Kept), kinds ...gatehouse.Kind) (sent, reached int) {
	t.Helper()
	each(t, folder, func(t *testing.T, c *Case, d door) {
		s, r := c.runBroken(t, d, kinds, breaking)
		sent, reached = sent+s, reached+r
	})
	return sent, reached
}

// each calls f for every case of a folder and every door, and returns how many
// cases there are.
func each(t *testing.T, folder string, f func(*testing.T, *Case, door)) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		c, err := read(file)
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		for _, d := range doors {
			t.Run(c.Name+"/"+d.name, func(t *testing.T) { f(t, c, d) })
		}
	}
	return len(files)
}

// read reads one case and refuses parts that nobody would look at.
func read(file string) (*Case, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	a := txtar.Parse(b)
	c := &Case{Name: strings.TrimSuffix(filepath.Base(file), ".txtar"), Text: strings.TrimSpace(string(a.Comment)), Upstream: map[string]string{}, Files: map[string]string{}}
	if c.Text == "" {
		return nil, fmt.Errorf("the case does not say what it shows")
	}
	steps := map[string]*Step{}
	var order []string
	for _, p := range a.Files {
		name, arg, _ := strings.Cut(p.Name, " ")
		data := string(p.Data)
		step := func() *Step {
			if steps[arg] == nil {
				steps[arg] = &Step{}
				order = append(order, arg)
			}
			return steps[arg]
		}
		switch name {
		case "config.yaml":
			c.Config = data
		case "openapi.yaml":
			c.OpenAPI = data
		case "tuples":
			c.Tuples, err = tuples(data)
		case "file":
			c.Files[arg] = data
		case "principal":
			c.Principal, err = principal(p.Data)
		case "tokens":
			err = strict(p.Data, &c.Tokens)
		case "proofs":
			err = strict(p.Data, &c.Proofs)
		case "upstream":
			c.Upstream[arg] = data
		case "request":
			step().Request = data
		case "want":
			step().Want = data
		case "upstream-saw":
			step().Saw = data
		case "trail":
			step().Trail = data
		default:
			return nil, fmt.Errorf("unknown part %q", p.Name)
		}
		if err != nil {
			return nil, fmt.Errorf("part %s: %w", p.Name, err)
		}
	}
	for _, k := range order {
		if s := steps[k]; s.Request == "" || s.Want == "" {
			return nil, fmt.Errorf("request %q lacks its want, or the want its request", k)
		}
		c.Steps = append(c.Steps, *steps[k])
	}
	if len(c.Steps) == 0 {
		return nil, fmt.Errorf("no request")
	}
	return c, nil
}

func principal(data []byte) (*gatehouse.Principal, error) {
	var d struct {
		ID     string            `yaml:"id"`
		Kind   string            `yaml:"kind"`
		Tenant string            `yaml:"tenant"`
		Client string            `yaml:"client"`
		Key    string            `yaml:"key"`
		Claims map[string]string `yaml:"claims"` // JSON by name
		Roles  []string          `yaml:"roles"`
		Scopes []string          `yaml:"scopes"`
	}
	if err := strict(data, &d); err != nil {
		return nil, err
	}
	if d.Kind == "" {
		d.Kind = "user"
	}
	p := &gatehouse.Principal{Kind: d.Kind, ID: d.ID, Issuer: "https://issuer.test", Tenant: d.Tenant, Client: d.Client, KeyID: d.Key, Roles: d.Roles, Scopes: d.Scopes}
	for _, name := range slices.Sorted(maps.Keys(d.Claims)) {
		p.Claims = append(p.Claims, gatehouse.Claim{Name: name, JSON: d.Claims[name]})
	}
	return p, nil
}

// tuples reads one tuple a line.
func tuples(data string) (list []relations.Tuple, err error) {
	for line := range strings.Lines(data) {
		t, err := relations.ParseTuple(strings.TrimSpace(line))
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// strict decodes YAML of a case; only the product's own files go through the
// product's own reader.
func strict[T any](data []byte, to *T) error {
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	return d.Decode(to)
}
