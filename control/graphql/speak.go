package graphql

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"github.com/gatehouse-api/gatehouse"
	callers "github.com/gatehouse-api/gatehouse/control/internal/asked"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/store"
)

// spoken is what a rule needs where policies written by hand, or relations, decide.
type spoken struct {
	acts    [actions]*policy.Template // nil where comparing comes to the same
	list    *policy.Template          // of reading elements of lists
	related relations.Relations
	id      []string // the field of an object that names it
	idAt    string   // the response key under which it is asked for, or ""
	more    []string // what is selected beside, for policies
}

// policyActions are the actions as policies know them.
var policyActions = [actions]policy.Action{policy.Read, policy.Update, policy.Delete, policy.Create}

// calledOf is what actions, relations and the map of owners call a type: an Order is an
// order.
func calledOf(name string) string { return strings.ToLower(name[:1]) + name[1:] }

// The response keys under which what policies read is asked for.
const idKey = reservedPrefix + "id_"

func attributeKey(t *typ, i int) string { return fmt.Sprintf("%sa%d_%s", reservedPrefix, i, t.name) }

// some reports whether policies decide on some action.
func (s *spoken) some() bool {
	return s.list != nil || slices.ContainsFunc(s.acts[:], func(t *policy.Template) bool { return t != nil })
}

// speaks finds out where policies decide, and what has to be known for it.
func (r *rule) speaks(o *Object, c *Config, b *gatehouse.Build, s *schema, key string) error {
	r.learn = o.Create != nil && o.Create.Learn != ""
	named := cmp.Or(o.ReplyID, "response.id")
	if r.learn && o.ReplyID == "" {
		named = o.Create.Learn
	}
	r.id = strings.Split(strings.TrimPrefix(named, "response."), ".")
	if c.policy != nil {
		r.called = c.policy.Kind(r.of.name)
	}
	relates, byID := false, r.learn || o.ReplyID != ""
	for a := range actions {
		if c.policy == nil {
			break
		}
		if t := c.policy.Template(r.of.name, policyActions[a]); t != nil && t.Spoken {
			r.acts[a], relates, byID = t, relates || len(t.Relations) > 0, byID || t.ByID
		}
	}
	if c.policy != nil {
		if t := c.policy.Template(r.of.name, policy.List); t != nil && (t.Spoken || r.acts[read] != nil) {
			r.list, byID = t, byID || t.ByID
		}
	}
	switch {
	case r.acts == [actions]*policy.Template{} && o.Owner == "relations":
		return &gatehouse.Fault{Key: key + ".owner", Says: "the API has no model of relations", Fix: "relations: relations.fga in the API's block, or owner: response.FIELD"}
	case r.learn && named != o.Create.Learn:
		return &gatehouse.Fault{Key: key + ".create.learn", Says: fmt.Sprintf("a new %s is named by %s, and later by %s", r.of.name, o.Create.Learn, named), Fix: "learn: " + named}
	case byID && !r.of.leads(r.id, s):
		at := key + ".reply_id"
		if r.learn && o.ReplyID == "" {
			at = key + ".create.learn"
		}
		return &gatehouse.Fault{Key: at, Says: fmt.Sprintf("%s has no field %s that names one and takes no arguments", r.of.name, strings.Join(r.id, ".")), Fix: "response.FIELD, the field that holds its id"}
	}
	if byID && (r.some() || r.learn) {
		r.idAt = idKey + r.of.name
	}
	r.selects()
	if r.mapped {
		if err := r.unmapped(key); err != nil {
			return err
		}
	}
	if !relates {
		return nil
	}
	source, err := gatehouse.Require[*relations.Source](b.Kept)
	if err != nil {
		return fmt.Errorf("graphql: %w", err)
	}
	r.related, err = source.For(b.API, c.policy.Relations)
	return err
}

// selects notes what policies read of an object beside its owner, tenant and id.
func (r *rule) selects() {
	for _, t := range [...]*policy.Template{r.acts[read], r.list, r.acts[update], r.acts[remove]} {
		if t == nil {
			continue
		}
		for _, at := range t.Attributes {
			if at.Name == "owner" && r.owner != nil || at.Name == "tenant" && r.tenant != nil {
				continue
			}
			one := at.At + ":" + strings.TrimPrefix(at.From, "response.")
			if at.Type == policy.TypeRecord {
				names := []string{"__typename"} // a selection is never empty
				for _, m := range at.Members {
					names = append(names, m.Name)
				}
				one += "{" + strings.Join(names, " ") + "}"
			}
			if !slices.Contains(r.more, one) {
				r.more = append(r.more, one)
			}
		}
	}
}

// unmapped refuses policies that read, of what is about to be changed, more than our
// own map of owners knows.
func (r *rule) unmapped(key string) error {
	for _, a := range [...]action{update, remove} {
		if r.acts[a] == nil {
			continue
		}
		for _, at := range r.acts[a].Attributes {
			if at.Name != "owner" && at.Name != "tenant" {
				return &gatehouse.Fault{Key: key + ".before", Says: fmt.Sprintf("a policy for %s reads resource.%s, and the map of owners does not know it", r.acts[a].Name, at.Name), Fix: "before: lookup"}
			}
		}
	}
	return nil
}

// asker asks the policies about objects, for one caller.
type asker struct {
	facts *policy.Facts
	fails error // why nothing is known of the caller
	rule  *rule // of the object that is asked about
}

// asker begins to ask for the caller of an exchange; nil where no policy speaks of
// objects.
func (k *check) asker(ctx context.Context, x *gatehouse.Exchange) *asker {
	if !k.spoken {
		return nil
	}
	a := &asker{}
	if a.facts, a.fails = k.facts(x); a.fails != nil {
		return a
	}
	who := callers.Relative(x.Principal)
	// All relations of one step are of one moment.
	var at relations.Revision
	a.facts.Related = func(relation string) (bool, error) {
		if a.facts.ID == "" {
			return false, nil // nobody is related to what is not there yet
		}
		said, err := a.rule.related.Check(ctx, at, who, relation, relations.Object{Type: a.rule.called, ID: relations.EscapeID(a.facts.ID)})
		if err == nil {
			at = said.At
		}
		return said.Held, err
	}
	return a
}

// about sets which object is asked about.
func (a *asker) about(r *rule, id string, d *jsonwalk.Doc, n int) *asker {
	a.rule = r
	a.facts.ID, a.facts.Doc, a.facts.Node, a.facts.Mapped, a.facts.Owner, a.facts.Tenant = id, d, n, false, "", ""
	return a
}

// decide asks, and says which policies decided. What cannot be found out is unclear.
func (a *asker) decide(t *policy.Template) (outcome, string) {
	d := t.Decide(a.facts)
	switch err := d.Err(); {
	case err != nil && len(d.Failures()) == 0:
		return unclear, err.Error()
	case err != nil:
		return foreignObject, err.Error()
	case d.Allowed:
		return own, ""
	}
	return foreignObject, callers.Why(d)
}

// admits reports whether a caller is one about whom policies can decide.
func (r *rule) admits(who *gatehouse.Principal) bool {
	return who != nil && who.ID != "" && (r.tenant == nil || who.Tenant != "")
}

// decide settles whether the caller may do something to the object at a node: by the
// policies where some speak, else by the comparisons that come to the same.
func (r *rule) decide(ask *asker, d *jsonwalk.Doc, n int, who *gatehouse.Principal, a action) (outcome, string) {
	return r.decideBy(r.acts[a], ask, d, n, who, a)
}

// decideBy is decide by the policies for one action.
func (r *rule) decideBy(t *policy.Template, ask *asker, d *jsonwalk.Doc, n int, who *gatehouse.Principal, a action) (outcome, string) {
	switch {
	case t == nil:
		return r.judge(d, n, who, a), ""
	case !r.admits(who):
		return foreignObject, ""
	case ask.fails != nil:
		return unclear, ask.fails.Error()
	}
	// The wall between tenants stands whatever the policies say.
	if r.tenant != nil {
		if found := same(d, find(d, d.Member(n, r.tenantAt), r.tenant), who.Tenant); found != own {
			return found, ""
		}
	}
	return ask.about(r, r.idIn(d, n), d, n).decide(t) // without an id where none asks for it
}

// idIn returns the id that an object says it has, or "".
func (r *rule) idIn(d *jsonwalk.Doc, n int) string {
	if r.idAt == "" {
		return ""
	}
	at := d.Member(n, r.idAt)
	if at != jsonwalk.Missing {
		at = find(d, at, r.id)
	}
	if at == jsonwalk.Missing || d.Kind(at) != jsonwalk.String && d.Kind(at) != jsonwalk.Number {
		return ""
	}
	return string(d.Text(at))
}

// decideMapped is decide by what our own map of owners knows.
func (r *rule) decideMapped(ask *asker, o store.Owner, id string, who *gatehouse.Principal, a action) (outcome, string) {
	switch {
	case !r.admits(who) || r.tenant != nil && o.Tenant != who.Tenant:
		return foreignObject, ""
	case ask.fails != nil:
		return unclear, ask.fails.Error()
	}
	ask.about(r, id, nil, 0)
	ask.facts.Mapped, ask.facts.Owner, ask.facts.Tenant = true, o.Owner, o.Tenant
	return ask.decide(r.acts[a])
}

// creates asks the policies about an object that a field is about to make: it has what
// the arguments of that name say, and what they do not say of owner and tenant is the
// caller's.
func (r *rule) creates(ask *asker, s *schema, o *asking, d *jsonwalk.Doc, f *ast.Field, who *gatehouse.Principal) (outcome, string) {
	switch {
	case r.acts[create] == nil:
		return own, ""
	case !r.admits(who):
		return foreignObject, ""
	case ask.fails != nil:
		return unclear, ask.fails.Error()
	}
	b := []byte{'{'}
	for _, at := range r.acts[create].Attributes {
		name := strings.TrimPrefix(at.From, "response.")
		found := o.arguments(s, d, f, name)
		if len(found) > 1 {
			return unclear, "two arguments are called " + name
		}
		for _, v := range found {
			if len(b) > 1 {
				b = append(b, ',')
			}
			b = append(append(append(append(b, '"'), at.At...), `":`...), v...)
		}
	}
	made := new(jsonwalk.Doc)
	if err := made.Parse(append(b, '}'), limits); err != nil {
		return unclear, "the arguments cannot be read"
	}
	return ask.about(r, "", made, 0).decide(r.acts[create])
}

// said joins what it is about and why.
func said(what, why string) string {
	if why == "" {
		return what
	}
	return what + ": " + why
}
