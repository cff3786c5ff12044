package policytest

import (
	"context"
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
	// Lists is the object that a list is of, "" for what is no list or could not be
	// decided, and Unfiltered why the list was not put through SQL as well, "" where it
	// was.
	Lists, Unfiltered string
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
	filter  Filter
	decided map[string]bool // by id of the policy
	foreign map[string]bool // by object and id: somebody who does not own it has asked for it
}

// Run tries everything that files of one policy expect, and what is generated. A
// policy that decides in one of them is covered for all of them. Lists go through the
// filter too, and must come out alike.
func Run(ctx context.Context, files []*File, filter Filter) []*Result {
	decided := map[string]bool{}
	var runs []*run
	var out []*Result
	for _, f := range files {
		r, one := &run{f, filter, decided, map[string]bool{}}, &Result{}
		f.World.said = r.note
		for _, e := range f.expect {
			one.Cases = append(one.Cases, r.one(ctx, e)...)
		}
		for _, object := range f.World.policy.Objects() {
			one.Generated = append(one.Generated, r.strangers(ctx, object)...)
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
			list = append(list, Case{Name: "coverage of policies", Err: r.miss(fmt.Sprintf("the policy %s (%s) decides nothing here", p.ID, r.place(p)), "an expectation that it decides")})
		}
	}
	for _, object := range r.World.policy.Objects() {
		for _, id := range r.World.order[object] {
			if r.all.foreign && !r.foreign[object+"/"+id] {
				list = append(list, Case{Name: "coverage of foreign owners", Err: &Error{r.World.file, r.World.lines[object+"/"+id], fmt.Sprintf("nobody but its owner asks for %s %s", object, id), "bob cannot read " + object + " " + id}})
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

func (r *run) one(ctx context.Context, e expectation) []Case {
	if e.lists {
		return r.list(ctx, e)
	}
	return []Case{{Name: e.text, Err: r.each(e)}}
}

// each asks what an expectation is of, one by one.
func (r *run) each(e expectation) error {
	for _, q := range e.question {
		d, err := r.ask(q)
		switch {
		case err != nil:
			return r.fail(e, err.Error(), "")
		case d.Err() != nil:
			return r.fail(e, "this cannot be decided: "+d.Err().Error(), "what is missing, under given")
		case d.Allowed && !e.can:
			return r.fail(e, fmt.Sprintf("%s can %s: %s", q.Who, q.does(), r.World.because(d)), "")
		case !d.Allowed && e.can:
			return r.fail(e, fmt.Sprintf("%s cannot %s: %s", q.Who, q.does(), r.World.because(d)), "gatehouse policy why "+q.Who+" "+q.does())
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

func (r *run) ask(q Question) (cedar.Decision, error) {
	d, _, err := r.World.Ask(q)
	if err != nil {
		return d, err
	}
	r.heard(q)
	return d, nil
}

// heard notes what a question covers.
func (r *run) heard(q Question) {
	if g := r.World.objects[q.Object][q.ID]; g != nil && (g.Owner() != q.Who || r.World.callers[q.Who].Service) {
		r.foreign[q.Object+"/"+q.ID] = true
	}
}

func (r *run) note(d cedar.Decision) {
	for _, p := range d.Deciding() {
		r.decided[p.ID] = true
	}
}

// strangers tries every action on an object of somebody who is nobody else here:
// its owner, so that it is known what decides; a caller of the same tenant; and one
// of another. Only the owner gets in, and whom coverage.open names.
func (r *run) strangers(ctx context.Context, object string) (list []Case) {
	n := names(r.World.policy, object)
	theirs := r.World.stranger(object, n.owner, n.tenant, n.object)
	for a := policy.Read; a <= policy.Create; a++ {
		q := Question{Action: a, Object: object, ID: theirs.ID}
		_, _, _ = r.World.ask(r.plain(n.owner, n.tenant), q, theirs.Given) // so that it is known what decides
		for _, tenant := range []string{n.tenant, n.other} {
			c := Case{Name: fmt.Sprintf("a stranger of %s cannot %s %s", map[bool]string{true: "the same tenant", false: "another tenant"}[tenant == n.tenant], a, object)}
			caller := r.plain(n.stranger, tenant)
			c.Err = r.outside(c.Name, caller, q, theirs.Given, tenant == n.tenant)
			if a == policy.List {
				list = append(list, r.strange(ctx, c, caller, object, theirs)...)
				continue
			}
			list = append(list, c)
		}
	}
	return list
}

// outside asks for somebody whom nothing lets in.
func (r *run) outside(name string, caller policy.Caller, q Question, given *policy.Given, inside bool) error {
	d, _, err := r.World.ask(caller, q, given)
	if err != nil {
		return r.miss(name+": "+err.Error(), "")
	}
	open := slices.Contains(r.open[q.Object], q.Action) && (inside || !r.World.policy.Walled(q.Object))
	if d.Allowed && !open {
		return r.miss(fmt.Sprintf("%s, but may: %s", name, r.World.because(d)), fmt.Sprintf("a narrower policy; or, where it is meant, coverage: {open: {%s: [%s]}}", q.Object, q.Action))
	}
	return nil
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
			err = r.miss(fmt.Sprintf("%s, but may: %s", name, r.World.because(d)), fmt.Sprintf("a narrower policy; or, where it is meant, coverage: {open: {%s: [select]}}", field))
		}
		list = append(list, Case{Name: name, Err: err})
	}
	return list
}

// plain is a caller with every scope that any action demands and nothing else that
// would be remarkable.
func (r *run) plain(id, tenant string) policy.Caller {
	return policy.Caller{ID: id, Tenant: tenant, Scopes: r.World.policy.DemandedScopes(), Claim: r.World.policy.PlainClaim}
}
