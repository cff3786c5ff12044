package learned

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// fitting is one rule, "this member is the owner", as it is tried on what was seen.
type fitting struct {
	b       *book
	m       int
	pages   []*Page
	fit     Fit
	against [mostGroups]uint64 // replies that the rule would have refused
	actions [mostGroups]map[string]bool
	excused [mostGroups]bool // by a role
}

// ownerFit tries a member as the owner. It is no fit where too little speaks for it.
func (b *book) ownerFit(m int, pages []*Page) (Fit, bool) {
	f := &fitting{b: b, m: m, pages: pages, fit: Fit{Place: b.members[m].place, Value: "id"}}
	if !f.begin() {
		return Fit{}, false
	}
	f.fit.Objects, f.fit.Callers = f.evidence()
	if f.fit.Objects < LeastObjects || f.fit.Callers < LeastCallers {
		return Fit{}, false
	}
	f.gather()
	for f.except() {
	}
	f.total()
	if f.fit.Held < LeastReplies || f.fit.Readers > f.fit.Callers { // a coincidence
		return Fit{}, false
	}
	switch {
	case b.echoes(m, f.fit.Objects):
		f.fit.Says = fmt.Sprintf("it has equalled several callers for one object, %d times: it may say who asks, and not whose the object is", b.members[m].conflicts)
	case f.fit.Objects < LeastObjects || f.fit.Callers < LeastCallers:
		f.fit.Says = "too few objects are left without the roles that read what is others'"
	case f.fit.Against > 0:
		f.fit.Says = fmt.Sprintf("%d successful requests were for objects of others, by %d of the callers, and no role explains them: if they had no business there, the rule is right and would have refused them", f.fit.Against, f.fit.Readers)
	}
	return f.fit, true
}

// begin reports whether the rule could hold at all: the reply that reads the object
// must have the member, and a path must have the parameter.
func (f *fitting) begin() bool {
	if strings.HasPrefix(f.fit.Place, "path.") {
		f.fit.Operation = f.busiest()
		return f.fit.Operation != ""
	}
	for _, p := range f.pages {
		if p.op.Reader {
			f.fit.Operation = p.op.ID
			return p.at(f.m) >= 0
		}
	}
	return false
}

// busiest is the operation that has shown the member most, lists aside.
func (f *fitting) busiest() (id string) {
	most := uint64(0)
	for _, p := range f.pages {
		if p.at(f.m) >= 0 && p.op.Action != "list" && p.given > most {
			id, most = p.op.ID, p.given
		}
	}
	return id
}

// evidence counts the objects whose owner the member has said, and these owners, but
// for those of roles that are an exception.
func (f *fitting) evidence() (objects, owners int) {
	seen := map[uint64]bool{}
	for i := range f.b.objects {
		for _, c := range f.b.objects[i].owners {
			if c.by&(1<<f.m) != 0 && !f.excused[c.group] {
				objects++
				seen[c.who] = true
			}
		}
	}
	return objects, len(seen)
}

// gather counts what the rule would have refused, by the roles of who asked. Lists
// are another matter: they can be left out of an object.
func (f *fitting) gather() {
	for _, p := range f.pages {
		i := p.at(f.m)
		for g := range f.against {
			n := uint64(p.access[g].foreign)
			if i >= 0 {
				n = uint64(p.own[i][g].not) + uint64(p.access[g].blind)
			}
			if n == 0 {
				continue
			}
			if p.op.Action != "list" {
				f.against[g] += n
			}
			if f.actions[g] == nil {
				f.actions[g] = map[string]bool{}
			}
			f.actions[g][p.op.Action] = true
		}
	}
}

// except finds the role that explains most of what speaks against the rule: few of
// its holders own anything, and several of them were given what is others'.
func (f *fitting) except() bool {
	best := Exception{}
	roles := map[string]bool{}
	for g := range f.b.groups {
		if f.against[g] > 0 && !f.excused[g] {
			for _, role := range f.b.groups[g] {
				roles[role] = true
			}
		}
	}
	for role := range roles {
		e := Exception{Role: role}
		owners := 0
		for g := range f.b.groups {
			if !f.excused[g] && f.holds(g, role) {
				e.Replies += f.against[g]
			}
		}
		for i := range f.b.callers {
			k := &f.b.callers[i]
			if k.who == 0 || k.lifted || !f.holds(int(k.group), role) {
				continue
			}
			owners += int(k.own >> f.m & 1)
			e.Callers += int(k.other >> f.m & 1)
		}
		if owners*10 <= f.fit.Callers && e.Callers >= LeastReaders && (e.Replies > best.Replies || e.Replies == best.Replies && e.Role < best.Role) {
			best = e
		}
	}
	if best.Role == "" {
		return false
	}
	does := map[string]bool{}
	for g := range f.b.groups {
		if f.holds(g, best.Role) {
			f.excused[g] = true
			for a := range f.actions[g] {
				does[a] = true
			}
		}
	}
	for _, a := range [...]string{"read", "update", "delete", "list", "create"} {
		if does[a] && !(a == "list" && does["read"]) && !(a == "create" && does["update"]) { // implied
			best.Actions = append(best.Actions, a)
		}
	}
	f.fit.Exceptions = append(f.fit.Exceptions, best)
	f.fit.Objects, f.fit.Callers = f.evidence()
	return true
}

// holds reports whether the callers of a group hold a role.
func (f *fitting) holds(group int, role string) bool {
	return group < len(f.b.groups) && slices.Contains(f.b.groups[group], role)
}

// total sums up what is left.
func (f *fitting) total() {
	for _, p := range f.pages {
		i := p.at(f.m)
		for g := range f.against {
			if i >= 0 && p.op.ID == f.fit.Operation && !f.excused[g] {
				t := p.own[i][g]
				f.fit.Held, f.fit.Of = f.fit.Held+uint64(t.held), f.fit.Of+uint64(t.held)+uint64(t.not)
			}
			if a := p.access[g]; p.op.Action == "delete" && !f.excused[g] && a.own+a.unknown > 0 {
				f.fit.Deletes = true
			}
			if p.op.Action == "list" && i >= 0 && !f.excused[g] && p.own[i][g].not > 0 && !slices.Contains(f.fit.Lists, p.op.ID) {
				f.fit.Lists = append(f.fit.Lists, p.op.ID)
			}
		}
		if p.op.Action == "list" && i < 0 {
			f.fit.Lists = append(f.fit.Lists, p.op.ID)
		}
	}
	for g, n := range f.against {
		if !f.excused[g] {
			f.fit.Against += n
		}
	}
	for i := range f.b.callers {
		k := &f.b.callers[i]
		if k.who != 0 && !k.lifted && !f.excused[k.group] {
			f.fit.Readers += int(k.other >> f.m & 1)
		}
	}
}

// tenantFit tries a member as the tenant. No role crosses it, so there is no exception.
func (b *book) tenantFit(m int, pages []*Page, objects, callers int) (Fit, bool) {
	f := &fitting{b: b, m: m, pages: pages, fit: Fit{Place: b.members[m].place, Value: "tenant", Objects: objects, Callers: b.members[m].tenants.n}}
	if !f.begin() || objects < LeastObjects || callers < LeastCallers {
		return Fit{}, false
	}
	for _, p := range pages {
		i := p.at(m)
		switch {
		case p.op.Action == "list" && (i < 0 || p.tenant[i].not > 0):
			f.fit.Lists = append(f.fit.Lists, p.op.ID)
		case i < 0:
		case p.op.ID == f.fit.Operation:
			f.fit.Held, f.fit.Of = uint64(p.tenant[i].held), uint64(p.tenant[i].held)+uint64(p.tenant[i].not)
			fallthrough
		case p.op.Action != "list":
			f.fit.Against += uint64(p.tenant[i].not)
		}
		for _, a := range p.access {
			f.fit.Deletes = f.fit.Deletes || p.op.Action == "delete" && a.own+a.unknown > 0
		}
	}
	switch {
	case f.fit.Held < LeastReplies || f.fit.Held < f.fit.Against:
		return Fit{}, false
	case f.fit.Against > 0:
		f.fit.Says = fmt.Sprintf("%d replies were another tenant's", f.fit.Against)
	case f.fit.Callers < LeastTenants:
		f.fit.Says = "all callers were of " + cmp.Or(map[int]string{1: "one tenant"}[f.fit.Callers], "no tenant") + ": a constant looks the same"
	}
	return f.fit, true
}
