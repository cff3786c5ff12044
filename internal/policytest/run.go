package policytest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// Case is one thing that was tried.
type Case struct {
	Name string // as it was written, or what was generated
	Err  error  // why it failed, an [*Error]; nil where it is as expected
}

// Result is what came of a file.
type Result struct {
	Cases     []Case // those of the file
	Generated []Case // those that nobody wrote
	Decided   int    // policies that decided at least once
	Policies  int    // that there are
}

// Failed returns what is not as expected.
func (r *Result) Failed() (list []Case) {
	for _, c := range slices.Concat(r.Cases, r.Generated) {
		if c.Err != nil {
			list = append(list, c)
		}
	}
	return list
}

// run is one run of a file.
type run struct {
	*File
	decided map[string]bool // by id of the policy
	foreign map[string]bool // by object and id: somebody who does not own it has asked for it
}

// Run tries everything that files of one policy expect, and what is generated. A
// policy that decides in one of them is covered for all of them.
func Run(files []*File) []*Result {
	decided := map[string]bool{}
	var runs []*run
	var out []*Result
	for _, f := range files {
		r, one := &run{f, decided, map[string]bool{}}, &Result{}
		f.World.said = r.note
		for _, e := range f.expect {
			one.Cases = append(one.Cases, Case{e.text, r.one(e)})
		}
		for _, object := range f.World.policy.Objects() {
			one.Generated = append(one.Generated, r.strangers(object)...)
		}
		one.Generated = append(one.Generated, r.unremarkable()...)
		runs, out = append(runs, r), append(out, one)
	}
	for i, r := range runs {
		out[i].Policies, out[i].Decided = len(r.World.policy.Set().Policies()), len(decided)
		out[i].Cases = append(out[i].Cases, r.uncovered()...)
	}
	return out
}

// uncovered is what the file demands to be tried and nobody tries.
func (r *run) uncovered() (list []Case) {
	for _, p := range r.World.policy.Set().Policies() {
		if r.all.policies && !r.decided[p.ID] {
			list = append(list, Case{"coverage of policies", r.miss(fmt.Sprintf("the policy %s (%s) decides nothing here", p.ID, r.place(p)), "an expectation that it decides")})
		}
	}
	for _, object := range r.World.policy.Objects() {
		for _, id := range r.World.order[object] {
			if r.all.foreign && !r.foreign[object+"/"+id] {
				list = append(list, Case{"coverage of foreign owners", &Error{r.World.file, r.World.lines[object+"/"+id], fmt.Sprintf("nobody but its owner asks for %s %s", object, id), "bob cannot read " + object + " " + id}})
			}
		}
	}
	return list
}

func (f *File) miss(says, fix string) error { return &Error{f.World.file, f.line, says, fix} }

// place is where a policy stands: what is generated stands in the configuration.
func (r *run) place(p *cedar.Policy) string { return Place(r.World.policy, p) }

// Place says where a policy stands: in a file, or in the configuration as a key.
func Place(p *policy.Policy, r *cedar.Policy) string {
	if key := p.Origin(r.ID); key != "" {
		return "apis." + p.API + "." + key
	}
	return r.Place()
}

func (r *run) one(e expectation) error {
	if e.lists {
		return r.list(e)
	}
	for _, q := range e.question {
		d, err := r.ask(q)
		switch {
		case err != nil:
			return r.fail(e, err.Error(), "")
		case d.Err() != nil:
			return r.fail(e, "this cannot be decided: "+d.Err().Error(), "what is missing, under given")
		case d.Allowed && !e.can:
			return r.fail(e, fmt.Sprintf("%s can %s: %s", q.Who, q.does(), r.because(d)), "")
		case !d.Allowed && e.can:
			return r.fail(e, fmt.Sprintf("%s cannot %s: %s", q.Who, q.does(), r.because(d)), "gatehouse policy why "+q.Who+" "+q.does())
		}
	}
	return nil
}

func (r *run) fail(e expectation, says, fix string) error {
	return &Error{r.World.file, e.line, "expected: " + e.text + "; but " + says, fix}
}

func (q Question) does() string {
	switch {
	case q.Field != "":
		return "select " + q.Field
	case q.Object == "":
		return q.Name
	}
	return strings.TrimSuffix(q.Action.String()+" "+q.Object+"/"+q.ID, "/")
}

// because says which policies decided.
func (r *run) because(d cedar.Decision) string {
	var by []string
	for _, p := range d.Deciding() {
		by = append(by, fmt.Sprintf("%s (%s)", p.ID, r.place(p)))
	}
	if len(by) == 0 {
		return "no policy permits it"
	}
	return strings.Join(by, ", ")
}

func (r *run) ask(q Question) (cedar.Decision, error) {
	d, _, err := r.World.Ask(q)
	if err != nil {
		return d, err
	}
	if g := r.World.objects[q.Object][q.ID]; g != nil && (g.Owner() != q.Who || r.World.callers[q.Who].Service) {
		r.foreign[q.Object+"/"+q.ID] = true
	}
	return d, nil
}

func (r *run) note(d cedar.Decision) {
	for _, p := range d.Deciding() {
		r.decided[p.ID] = true
	}
}

// list asks for each object whether it stands in the caller's list.
func (r *run) list(e expectation) error {
	q := e.question[0]
	var got []string
	for _, id := range r.World.order[q.Object] {
		q.ID = id
		d, err := r.ask(q)
		if err == nil {
			err = d.Err()
		}
		if err != nil {
			return r.fail(e, "this cannot be decided: "+err.Error(), "what is missing, under given")
		}
		if d.Allowed {
			got = append(got, id)
		}
	}
	want := slices.Clone(e.ids)
	slices.Sort(want)
	sorted := slices.Clone(got)
	slices.Sort(sorted)
	if !slices.Equal(sorted, want) {
		return r.fail(e, fmt.Sprintf("the list is [%s]", strings.Join(got, ", ")), "")
	}
	return nil
}

// strangers tries every action on an object of somebody who is nobody else here:
// its owner, so that it is known what decides; a caller of the same tenant; and one
// of another. Only the owner gets in, and whom coverage.open names.
func (r *run) strangers(object string) (list []Case) {
	const owner, stranger, tenant, other = "gatehouse-owner", "gatehouse-stranger", "gatehouse-tenant", "gatehouse-other"
	for a := policy.Read; a <= policy.Create; a++ {
		given := r.World.policy.Stranger(object, owner, tenant)
		q := Question{Action: a, Object: object, ID: "gatehouse-" + object}
		_, _, _ = r.World.ask(r.plain(owner, tenant), q, given) // so that it is known what decides
		for _, c := range []struct {
			tenant string
			open   bool
		}{{tenant, slices.Contains(r.open[object], a)}, {other, !r.World.policy.Walled(object) && slices.Contains(r.open[object], a)}} {
			name := fmt.Sprintf("a stranger of %s cannot %s %s", map[bool]string{true: "the same tenant", false: "another tenant"}[c.tenant == tenant], a, object)
			d, _, err := r.World.ask(r.plain(stranger, c.tenant), q, given)
			if err != nil {
				list = append(list, Case{name, r.miss(name+": "+err.Error(), "")})
				continue
			}
			if d.Allowed && !c.open {
				err = r.miss(fmt.Sprintf("%s, but may: %s", name, r.because(d)), fmt.Sprintf("a narrower policy; or, where it is meant, coverage: {open: {%s: [%s]}}", object, a))
			}
			list = append(list, Case{name, err})
		}
	}
	return list
}

// unremarkable tries every field of which the schema demands more than to be somebody,
// for a caller with neither roles nor scopes.
func (r *run) unremarkable() (list []Case) {
	for _, field := range r.World.policy.Restricted() {
		name := "a caller without roles and scopes cannot select " + field
		d, _, err := r.World.choose(policy.Caller{ID: "gatehouse-stranger", Claim: r.World.policy.PlainClaim}, field)
		if err != nil {
			err = r.miss(name+": "+err.Error(), "")
		} else if d.Allowed && !r.openFields[field] {
			err = r.miss(fmt.Sprintf("%s, but may: %s", name, r.because(d)), fmt.Sprintf("a narrower policy; or, where it is meant, coverage: {open: {%s: [select]}}", field))
		}
		list = append(list, Case{name, err})
	}
	return list
}

// plain is a caller with every scope that any action demands and nothing else that
// would be remarkable.
func (r *run) plain(id, tenant string) policy.Caller {
	return policy.Caller{ID: id, Tenant: tenant, Scopes: r.World.policy.DemandedScopes(), Claim: r.World.policy.PlainClaim}
}
