package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/internal/learned"
)

// suggestOwners asks the running gateway whose the objects seem to be, and prints the
// rules that fit as YAML.
func (e *entry) suggestOwners(args []string) error {
	at := e.flags.String("admin", "", "host:port of the admin listener; default is the socket in the state folder")
	asked, err := e.parse(args, 0, 1)
	if err != nil {
		return err
	}
	report := learned.Report{}
	x := &explainer{config: e.config, state: e.state, admin: *at}
	if err := x.ask("/v1/owners/suggestions", &report); err != nil {
		return err
	}
	if len(asked) > 0 {
		report.Kinds = slices.DeleteFunc(report.Kinds, func(f learned.Findings) bool { return f.API != asked[0] })
	}
	if e.json {
		return e.print(report)
	}
	if len(report.Kinds) == 0 {
		return fmt.Errorf("nothing was learned; write: controls: {object: {learn: suggest}}, or learn: suggest in an object, and let callers use the API")
	}
	f, err := load(e.config, config.Options{})
	if err != nil {
		return fmt.Errorf("%w; --json needs no configuration", err)
	}
	_, err = fmt.Fprint(e.stdout, suggestion(report, f))
	return err
}

// suggesting writes what was learned as YAML.
type suggesting struct {
	b     strings.Builder
	names map[string]bool // of objects
}

func (s *suggesting) line(format string, args ...any) { fmt.Fprintf(&s.b, format+"\n", args...) }

// suggestion is the YAML of all that was learned.
func suggestion(r learned.Report, f *config.File) string {
	s := &suggesting{}
	s.line("# Rules that fit what this gateway has seen. None of it is in force: put it into %s, in the block of the", f.Path)
	s.line("# API, beside the objects that are there; no_object replaces the one that is there. Then: gatehouse check")
	s.line("apis:")
	for _, a := range f.APIs {
		var kinds []learned.Findings
		for _, k := range r.Kinds {
			if k.API == a.Name {
				kinds = append(kinds, k)
			}
		}
		if len(kinds) > 0 {
			s.api(a, kinds, f)
		}
	}
	return s.b.String()
}

func (s *suggesting) api(a *config.API, kinds []learned.Findings, f *config.File) {
	s.names = map[string]bool{}
	for _, name := range a.Objects() {
		s.names[name] = true
	}
	s.line("  %s:", a.Name)
	covered := map[string]bool{}
	fits := func(k learned.Findings) bool { return len(k.Owners)+len(k.Tenants) > 0 }
	if slices.ContainsFunc(kinds, fits) {
		s.line("    objects:")
	}
	for _, k := range kinds {
		if fits(k) {
			s.object(k)
			for _, o := range k.Operations {
				covered[o.Operation] = covered[o.Operation] || o.Waived
			}
		}
	}
	if len(covered) > 0 {
		s.noObject(a, covered, f)
	}
	for _, k := range kinds {
		s.rest(k, fits(k))
	}
}

// noObject writes the waivers that are left when objects cover some operations.
func (s *suggesting) noObject(a *config.API, covered map[string]bool, f *config.File) {
	prefix := "apis." + a.Name + ".no_object."
	var gone, left []string
	for _, w := range f.Waivers() {
		id, ok := strings.CutPrefix(w.Key, prefix)
		switch {
		case ok && covered[id]:
			gone = append(gone, id)
		case ok:
			left = append(left, fmt.Sprintf("      %s: {because: %s, owner: %s, until: %s}", quote(id), quote(w.Waiver.Because), quote(w.Waiver.Owner), w.Waiver.Until.Format(time.DateOnly)))
		}
	}
	if len(gone) == 0 {
		return
	}
	s.line("    # Without %s, which an object covers now.", strings.Join(gone, ", "))
	if len(left) == 0 {
		s.line("    no_object: {}")
		return
	}
	s.line("    no_object:")
	for _, l := range left {
		s.line("%s", l)
	}
}

// object writes the rule for one kind of objects.
func (s *suggesting) object(k learned.Findings) {
	owner, others := likeliest(k.Owners, ownerNames(), k.ID)
	tenant, _ := likeliest(k.Tenants, tenantNames(), k.ID)
	name := k.Object
	if name == "" {
		name = s.name(k)
	}
	for _, fit := range []*learned.Fit{owner, tenant} {
		if fit != nil {
			s.line("      # %s", because(fit))
		}
	}
	for _, o := range others {
		s.line("      # %s as well, and may be meant instead", because(&o))
	}
	if owner != nil && strings.HasPrefix(owner.Place, "path.") && owner.Place != k.ID {
		s.line("      # The caller writes the path: that the object is below its %s is for the upstream to check", strings.TrimPrefix(owner.Place, "path."))
	}
	s.line("      %s:", quote(name))
	if k.Object != "" {
		s.line("        # the object is there: add what it lacks of this")
	}
	s.line("        id: %s", k.ID)
	lists, deletes := []string(nil), false
	for _, fit := range []*learned.Fit{owner, tenant} {
		if fit == nil {
			continue
		}
		s.line("        %s: %s", map[string]string{"id": "owner", "tenant": "tenant"}[fit.Value], quote(fit.Place))
		lists, deletes = append(lists, fit.Lists...), deletes || fit.Deletes
	}
	s.operations(k, slices.Compact(slices.Sorted(slices.Values(lists))))
	s.allow(owner, deletes)
	s.lifting(k, owner)
}

// likeliest returns the fit that is called like what it is, or else the one with the most
// evidence; and those that fit as well. A parameter of the path is what the caller wrote:
// it comes last, but where it is the object's own id.
func likeliest(fits []learned.Fit, names []string, id string) (best *learned.Fit, others []learned.Fit) {
	if len(fits) == 0 {
		return nil, nil
	}
	rank := func(f learned.Fit) int {
		in, name, _ := strings.Cut(f.Place, ".")
		switch {
		case f.Place == id:
			return -1
		case in == "path":
			return len(names) + 1
		}
		if i := slices.Index(names, name[strings.LastIndexByte(name, '.')+1:]); i >= 0 {
			return i
		}
		return len(names)
	}
	sorted := slices.SortedStableFunc(slices.Values(fits), func(a, b learned.Fit) int { return cmp.Compare(rank(a), rank(b)) })
	return &sorted[0], sorted[1:]
}

// because says in a sentence what speaks for a fit.
func because(f *learned.Fit) string {
	in, name, _ := strings.Cut(f.Place, ".")
	what, who := "the member "+name, fmt.Sprintf("%s of %s", many(f.Objects, "object"), many(f.Callers, "caller"))
	if in != "response" {
		what = "the parameter " + name + " of the " + in
	}
	is := "the caller's sub"
	if f.Value == "tenant" {
		is, who = "the caller's tenant", fmt.Sprintf("%s, %s", many(f.Objects, "object"), many(f.Callers, "tenant"))
	}
	return printable(fmt.Sprintf("in %d of %d replies of %s %s was %s: %s", f.Held, f.Of, f.Operation, what, is, who))
}

// name makes a name for objects that have none.
func (s *suggesting) name(k learned.Findings) string {
	base, param, _ := item(k.Base)
	name := singular(base[strings.LastIndexByte(base, '/')+1:])
	if name == "" {
		name = param
	}
	for i := 2; s.names[name]; i++ {
		name = fmt.Sprintf("%s-%d", strings.TrimSuffix(name, fmt.Sprintf("-%d", i-1)), i)
	}
	s.names[name] = true
	return name
}

// operations names what the description does not tell, or tells wrongly.
func (s *suggesting) operations(k learned.Findings, lists []string) {
	if !k.Shared && len(lists) == 0 {
		return
	}
	by := map[string][]string{}
	for _, o := range k.Operations {
		if o.Action != "list" || !slices.Contains(lists, o.Operation) {
			by[o.Action] = append(by[o.Action], quote(o.Operation))
		}
	}
	if len(lists) > 0 {
		s.line("        # %s: elements of others stand there, or nothing says whose they are", strings.Join(lists, ", "))
	}
	s.line("        operations:")
	for _, action := range []string{"read", "update", "delete", "list", "create"} {
		if k.Shared && len(by[action]) > 0 || action == "list" && len(lists) > 0 {
			s.line("          %s: [%s]", action, strings.Join(by[action], ", "))
		}
	}
}

// allow writes who may do what, where it is more than the default.
func (s *suggesting) allow(owner *learned.Fit, deletes bool) {
	if !deletes && (owner == nil || len(owner.Exceptions) == 0) {
		return
	}
	s.line("        allow:")
	if deletes {
		s.line("          owner: [read, update, delete]")
	} else {
		s.line("          owner: [read, update]")
	}
	if owner == nil {
		return
	}
	for _, x := range owner.Exceptions {
		s.line("          # %s to %s with the role were for others': is that their work?", many(int(x.Replies), "request"), many(x.Callers, "caller"))
		s.line("          %s: [%s]", quote("role:"+x.Role), strings.Join(x.Actions, ", "))
	}
}

// lifting warns of roles by which the rule would have no effect.
func (s *suggesting) lifting(k learned.Findings, owner *learned.Fit) {
	named := map[string][]string{}
	for _, o := range k.Operations {
		for _, role := range o.Roles {
			if owner == nil || !slices.ContainsFunc(owner.Exceptions, func(x learned.Exception) bool { return x.Role == role }) {
				named[role] = append(named[role], o.Operation)
			}
		}
	}
	for _, role := range slices.Sorted(maps.Keys(named)) {
		s.line("        # roles.%s names %s: whoever has the role reaches what is others' all the same.", printable(role), strings.Join(named[role], ", "))
		s.line("        # Where that is not meant, write roles: {authenticated: [%s]} instead", strings.Join(named[role], ", "))
	}
}

// rest says what was seen beside the rule, or why there is none.
func (s *suggesting) rest(k learned.Findings, fits bool) {
	if !fits && len(k.Doubtful) == 0 {
		s.line("    # %s: no rule fits yet. Seen: %s of %s; it takes %d of %d, and a member or parameter that names them", k.Base, many(k.Objects, "object"), many(k.Callers, "caller"), learned.LeastObjects, learned.LeastCallers)
		if k.Made > 0 {
			s.line("    # %s were made through the gateway: owner: owners, with create: {operation: ..., learn: response.id}, knows whose those are", many(k.Made, "object"))
		}
	}
	name := k.Object
	if name == "" && !fits && len(k.Doubtful) > 0 {
		name = s.name(k)
	}
	for _, f := range k.Doubtful {
		s.line("    # not suggested for %s: %s; %s", k.Base, because(&f), f.Says)
		if f.Value == "id" && f.Against > 0 && name != "" {
			s.line("    # if it is right: %s: {id: %s, owner: %s}", quote(name), k.ID, quote(f.Place))
		}
	}
	for _, f := range k.Queries {
		_, name, _ := strings.Cut(f.Place, ".")
		s.line("    # %s of %s named the caller's %s in %d of %d requests: inject: {list: {%s: %s}} in the object makes it so", name, f.Operation, f.Value, f.Held, f.Of, name, f.Value)
	}
	if k.Forgotten > 0 {
		s.line("    # %s: %d objects had to be forgotten, so that the figures are too low", k.Base, k.Forgotten)
	}
}
