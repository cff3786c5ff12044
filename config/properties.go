package config

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

const sampleProperty = "{Order.internal_note: {read: [admin, support], write: [admin]}}"

// properties reads which roles may see and send members, as x-gatehouse-roles in
// the description says it.
func (r *reader) properties(a *API) []openapi.Rule {
	n, key := a.block.Properties.Node, join(a.key, "properties")
	if n == nil {
		return nil
	}
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		r.wrong(n, key, "expected a block of members, found "+emptyOr(n), sampleProperty)
		return nil
	}
	var out []openapi.Rule
	for k, v := range pairs(n) {
		rule := openapi.Rule{Member: k.Value}
		at := join(key, k.Value)
		switch v.Kind {
		case yaml.SequenceNode:
			rule.Read = r.roleNames(v, at)
			rule.Write = rule.Read
		case yaml.MappingNode:
			for way, list := range pairs(v) {
				switch way.Value {
				case "read":
					rule.Read = r.roleNames(list, join(at, "read"))
				case "write":
					rule.Write = r.roleNames(list, join(at, "write"))
				default:
					r.unknownKey(way, list, at, []string{"read", "write"})
				}
			}
			if len(v.Content) == 0 {
				r.wrong(v, at, "expected roles, found an empty block", "{read: [admin], write: [admin]}")
			}
		default:
			r.wrong(v, at, "expected a list of roles, or read and write, found "+found(v), "[admin]")
		}
		out = append(out, rule)
	}
	return out
}

// roleNames reads a list of roles. An empty one is nobody.
func (r *reader) roleNames(n *yaml.Node, key string) []string {
	out := []string{}
	if n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		return out
	}
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, key, "expected a list of roles, found "+found(n), "[admin]")
		return out
	}
	for _, c := range r.texts(n, key) {
		out = append(out, c.Value)
	}
	return out
}

// misruled reports the rules that cannot hold, each at its own place, and whether
// it is they why the description does not load.
func (r *reader) misruled(a *API, err error) (misruled bool) {
	for _, one := range split(err) {
		e, ok := one.(*openapi.RuleError)
		if !ok {
			continue
		}
		misruled = true
		n, _ := lookup(a.block.Properties.Node, e.Member)
		if n == nil {
			n = a.block.Properties.Node
		}
		fix := e.Fix
		if e.Word != "" {
			fix = "a member of " + a.block.OpenAPI
			if near := words.Nearest(e.Word, e.Known); near != "" {
				fix = e.Before + near + e.After
			} else if len(e.Known) > 0 && len(e.Known) <= 12 {
				fix = "one of: " + quoted(e.Known)
			}
		} else if len(e.Known) > 0 {
			fix = e.Before + e.Known[0]
		}
		r.add(r.place(n.Line, n.Column), join(a.key, "properties"), e.Member+": "+e.Says, fix)
	}
	return misruled
}

// members warns of rules for members that do not do what they seem to.
func (l *linter) members(a *API) {
	d := a.description.document
	if len(d.Roles) == 0 {
		return
	}
	granted := a.granted()
	for _, role := range d.Roles {
		if role.Name == openapi.Authenticated || len(granted) == 0 || slices.Contains(granted, role.Name) {
			continue
		}
		at, fix := l.at(a, "properties"), "a role of: "+strings.Join(granted, ", ")
		if role.Place.Line > 0 {
			at = place(role.Place)
		}
		if near := words.Nearest(role.Name, granted); near != "" {
			fix = near
		}
		l.say(LevelWarning, "authz.property", at, join(a.key, "roles"),
			fmt.Sprintf("a rule for members names the role %s, to which roles grants nothing: perhaps nobody has it", role.Name), fix)
	}
	for _, op := range d.Operations {
		if op.RequestBody != nil && openapi.Match(op.RequestBody.Content, "application/json-patch+json") != nil {
			l.say(LevelWarning, "authz.property", gatehouse.Place{File: op.Place.File, Line: op.Place.Line, Col: 1}, op.ID(),
				"a JSON Patch names members in its values, where no rule for members looks", "application/merge-patch+json; or an enum of the paths that may be patched")
		}
	}
}

// granted returns the roles that the API's policy names.
func (a *API) granted() (list []string) {
	for _, b := range a.everyBlock() {
		if b.kind.Name != "role" || b.node == nil {
			continue
		}
		_, roles := lookup(b.node, "roles")
		for k := range pairs(roles) {
			if !slices.Contains(list, k.Value) {
				list = append(list, k.Value)
			}
		}
	}
	slices.Sort(list)
	return list
}
