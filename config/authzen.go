package config

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// DecisionsUpstream begins the names, behind [gatehouse.InProcess], of the decision
// points that this program serves; the name of the API follows.
const DecisionsUpstream = "authzen/"

// decisionPoint stands where other APIs have the path of their description.
const decisionPoint = "the AuthZEN API"

// Decides returns the API whose authorization this API answers questions by, as an
// AuthZEN decision point, and the file of facts with "" for none; nil for all other
// APIs.
func (f *File) Decides(a *API) (by *API, facts string) {
	for _, other := range f.APIs {
		if a.block.AuthZEN != "" && other.Name == a.block.AuthZEN {
			return other, a.Facts
		}
	}
	return nil, ""
}

// authZEN describes an API that is a decision point: it has neither a description nor
// an upstream of its own.
func (r *reader) authZEN(a *API, description []byte) {
	if len(description) == 0 {
		r.apiFault(a, "authzen", "this program has no decision point", "nothing: remove the block")
		return
	}
	doc, err := openapi.Parse(a.Name+".openapi.yaml", description)
	if err != nil {
		r.faults(err, fallback{at: a.Place, key: a.key, fix: "a program whose own description can be read"})
		return
	}
	a.block.OpenAPI = decisionPoint
	a.description = describeDocument(doc)
	a.Upstream = &gatehouse.Upstream{Name: a.Name, Scheme: "http", Address: gatehouse.InProcess + DecisionsUpstream + a.Name, Host: "authzen.invalid"}
	if a.block.Facts != "" {
		a.Facts = beside(r.dir, a.block.Facts)
		a.files = append(a.files, a.Facts)
	}
}

// decisionPoints judges, when all APIs are read, by whose authorization decision points
// decide.
func (r *reader) decisionPoints(apis []*API) {
	var names []string
	by := map[string]*API{}
	for _, a := range apis {
		if a.policy != nil {
			names, by[a.Name] = append(names, a.Name), a
		}
	}
	for _, a := range apis {
		switch name := a.block.AuthZEN; {
		case name == "" && a.block.Facts != "":
			r.apiFault(a, "facts", "facts are for a decision point", "authzen: the API whose policies decide")
		case name == "" || by[name] != nil || len(r.list) > 0: // what else is wrong may be why
		case len(names) == 0:
			r.apiFault(a, "authzen", fmt.Sprintf("no API %q says who may do what", name), "objects, policies or relations in its block")
		default:
			r.apiFault(a, "authzen", fmt.Sprintf("no API %q says who may do what", name), "authzen: "+cmp.Or(words.Nearest(name, names), strings.Join(names, " or ")))
		}
	}
}
