package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// powers are members by which a body could make its sender more than it is.
var powers = []string{"role", "roles", "admin", "permission", "permissions", "privilege", "privileges", "scope", "scopes", "superuser"}

// objects tells what the rules for objects leave open: an owner that replies may lack,
// and members of power that a client may set, which takes a rule or a waiver.
func (l *linter) objects(a *API) {
	for _, op := range a.description.document.Operations {
		if op.RequestBody == nil || a.Public[op.ID()] != nil {
			continue
		}
		for i := range op.RequestBody.Content {
			if s := op.RequestBody.Content[i].Schema; s != nil {
				l.settable(a, op, s)
			}
		}
	}
	l.lifted(a)
	for _, b := range a.blocks {
		if b.kind.Name == "object" {
			objects := objectsOf(b.node)
			for _, name := range slices.Sorted(maps.Keys(objects)) {
				if o := objects[name]; o != nil {
					l.owned(a, name, map[string]string{"owner": o.Owner, "tenant": o.Tenant}, o.ID)
				}
			}
		}
	}
}

// settable refuses members of power that no rule keeps to some roles and no waiver leaves to all. An operation
// that only roles reach has been kept to them already.
func (l *linter) settable(a *API, op *openapi.Operation, s *openapi.Schema) {
	if l.byRolesAlone(a, op) {
		return
	}
	ruled := s.Restricted(openapi.Request)
	kept := l.guarded(a, op.ID())
	for _, name := range s.Properties() {
		said := words.Of(name)
		if !slices.ContainsFunc(said, func(w string) bool { return slices.Contains(powers, w) }) ||
			slices.ContainsFunc(ruled, func(r openapi.Restriction) bool { return r.Member == name }) || kept[name] {
			continue
		}
		l.say(LevelError, "authz.property", gatehouse.Place{File: op.Place.File, Line: op.Place.Line, Col: 1}, op.ID(),
			fmt.Sprintf("%s may be sent by every caller of %s", name, op.ID()), "on the member, x-gatehouse-roles: {write: [admin]}; or, in its object, fields: {write: {\"role:admin\": ["+name+"]}}; or controls: {object: {settable: {"+op.ID()+"."+name+": {because: why, owner: who@example.com, until: 2027-06-30}}}}")
	}
}

// guarded are the members that the rules for objects keep to some roles, and those of the
// operation that a waiver leaves to all.
func (l *linter) guarded(a *API, operation string) map[string]bool {
	names := map[string]bool{}
	for _, b := range a.blocks {
		if b.kind.Name != "object" {
			continue
		}
		var settable map[string]*gatehouse.Waiver
		if _, n := lookup(b.node, "settable"); n != nil {
			quiet(n, &settable)
		}
		for name := range settable {
			if member, ok := strings.CutPrefix(name, operation+"."); ok {
				names[member] = true
			}
		}
		for _, o := range objectsOf(b.node) {
			if o == nil || o.Fields == nil {
				continue
			}
			for _, list := range o.Fields.Write {
				for _, name := range list {
					names[name] = true
				}
			}
		}
	}
	return names
}

// byRolesAlone reports whether nobody reaches an operation but by a role that not
// everybody has.
func (l *linter) byRolesAlone(a *API, op *openapi.Operation) bool {
	for _, b := range a.blocks {
		var roles map[string][]string
		if _, n := lookup(b.node, "roles"); b.kind.Name == "role" {
			quiet(n, &roles)
		}
		if slices.ContainsFunc(roles[policy.Everybody], func(entry string) bool { return policy.Reaches(entry, op) }) {
			return false
		}
	}
	for _, s := range l.policy.Sites() {
		for _, e := range s.Endpoints {
			if e.API == a.Name && e.Name == op.ID() {
				return !slices.ContainsFunc(e.Plan.Steps, func(s gatehouse.Step) bool { return s.Stage == gatehouse.Authorize && s.Control == "object" })
			}
		}
	}
	return false
}

// owned warns where a reply need not say whose the object is.
func (l *linter) owned(a *API, name string, places map[string]string, id string) {
	for _, op := range a.description.document.Operations {
		if op.Method() != "GET" || !strings.HasSuffix(op.Template(), "{"+strings.TrimPrefix(id, "path.")+"}") {
			continue
		}
		r := op.Response(200)
		if r == nil {
			continue
		}
		s := r.JSON("application/json")
		for _, what := range []string{"owner", "tenant"} {
			member, ok := strings.CutPrefix(places[what], "response.")
			if s == nil || !ok || strings.Contains(member, ".") || s.Requires(member) {
				continue
			}
			l.say(LevelNote, "authz.object-response", l.at(a, "objects"), join(a.key, "objects."+name+"."+what),
				fmt.Sprintf("%s is not required in the reply of %s: one without it is refused", member, op.ID()), "required: ["+member+"]  in the schema of the reply")
		}
	}
}

// lifted tells which roles reach the objects of others because they name an operation:
// who only wants to let a role call it may not know.
func (l *linter) lifted(a *API) {
	if a.policy == nil {
		return
	}
	for _, b := range a.blocks {
		if b.kind.Name != "role" {
			continue
		}
		var roles map[string][]string
		_, n := lookup(b.node, "roles")
		quiet(n, &roles)
		for _, role := range slices.Sorted(maps.Keys(roles)) {
			var by []string
			for _, entry := range roles[role] {
				if t := a.policy.Operation(entry); t != nil && t.Object != "" && t.Action != policy.Create && role != policy.Everybody {
					by = append(by, entry)
				}
			}
			if len(by) > 0 {
				l.say(LevelNote, "authz.object", l.at(a, "roles"), join(a.key, "roles."+role),
					fmt.Sprintf("%s reaches objects of others, inside its tenant, by %s", role, strings.Join(by, ", ")), `to let it call them on its own objects alone, a tag ("tag:NAME") or a prefix ("`+verb(by[0])+`*"), or nothing: an owner may by the object's rule`)
			}
		}
	}
}

// verb is how an operationId begins: "list" of "listOrders".
func verb(id string) string {
	for i, r := range id {
		if i > 0 && (r < 'a' || r > 'z') {
			return id[:i]
		}
	}
	return id
}
