package object

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/learned"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// suggest is the one way to learn: nothing that was seen is ever enforced.
const suggest = "suggest"

// The bounds of what is looked at in one operation.
const (
	mostPlaces = 48
	mostParams = 15
	mostDeep   = 3 // members of members of members
)

// watcher observes an operation for the ledger.
type watcher struct {
	op      *openapi.Operation
	page    *learned.Page
	action  policy.Action
	param   string         // of the path, with the id; "" for lists and creations
	id      *jsonwalk.Path // of a new object, or of an element of a list; nil for none
	each    *jsonwalk.Path // of a list
	members []mention
	params  []mention
	roles   []string // whose holders may reach objects of others
}

// mention is where somebody's id may stand.
type mention struct {
	text string
	path *jsonwalk.Path // in the reply
	at   position       // in the request
}

// learning compiles what observes the operation, where that is asked for.
func (c *Config) learning(b *gatehouse.Build, touched []string) ([]gatehouse.Step, error) {
	if err := c.learnable(); err != nil {
		return nil, err
	}
	op, ok := b.Operation.(*openapi.Operation)
	if !ok || b.Public != nil {
		return nil, nil
	}
	var steps []gatehouse.Step
	observed := false
	for _, name := range touched {
		o := c.Objects[name]
		observed = observed || o.Owner != ""
		if o.Learn != suggest && (c.Learn != suggest || o.Owner != "") {
			continue
		}
		observed = true
		s, err := c.observed(b, op, o, name, baseOf(b, op, o))
		if err != nil {
			return nil, err
		}
		steps = append(steps, s...)
	}
	if observed || c.Learn != suggest {
		return steps, nil
	}
	for _, k := range c.unruled(b, op) {
		s, err := c.observed(b, op, &policy.Object{ID: "path." + k.param}, "", k.base)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s...)
	}
	return steps, nil
}

// learnable refuses a way to learn that there is not.
func (c *Config) learnable() error {
	var errs []error
	said := map[string]string{"learn": c.Learn}
	for name, o := range c.Objects {
		said["objects."+name+".learn"] = o.Learn
		if o.Learn != "" && !strings.HasPrefix(o.ID, "path.") {
			errs = append(errs, &gatehouse.Fault{Key: "objects." + name + ".learn", Says: "only objects that a path names are learned of", Fix: "no learn, or id: path.orderId"})
		}
	}
	for _, key := range slices.Sorted(maps.Keys(said)) {
		if said[key] != "" && said[key] != suggest {
			errs = append(errs, &gatehouse.Fault{Key: key, Says: "what is learned only suggests: there is no other way", Fix: "learn: suggest"})
		}
	}
	return errors.Join(errs...)
}

// unruled is a kind of objects of which no rule speaks.
type unruled struct{ param, base string }

// unruled returns whose objects an operation may be about: those that its path names,
// and the elements of its collection.
func (c *Config) unruled(b *gatehouse.Build, op *openapi.Operation) (list []unruled) {
	for at := 0; ; {
		from := strings.Index(op.Template()[at:], "/{")
		if from < 0 {
			break
		}
		at += from + len("/{")
		param, _, _ := strings.Cut(op.Template()[at:], "}")
		if base := policy.Base(op.Template(), param); base != "" {
			list = append(list, unruled{param, base})
		}
	}
	if op.Method() != "GET" && op.Method() != "POST" {
		return list
	}
	for _, other := range b.All {
		rest, ok := strings.CutPrefix(other.Template(), op.Template()+"/{")
		param, _, _ := strings.Cut(rest, "}")
		base := op.Template() + "/{" + param + "}"
		if ok && policy.Base(other.Template(), param) == base && !slices.Contains(list, unruled{param, base}) && !c.ruled(other, b, param) {
			list = append(list, unruled{param, base})
		}
	}
	return list
}

// ruled reports whether a rule for owners speaks of an operation.
func (c *Config) ruled(op gatehouse.Operation, b *gatehouse.Build, param string) bool {
	for _, o := range c.Objects {
		if o.Owner != "" && strings.TrimPrefix(o.ID, "path.") == param && o.ActionIn(op, param, policy.Bases(o, b.All, param)) != policy.None {
			return true
		}
	}
	return false
}

// baseOf returns the path of one of the objects that an operation is about.
func baseOf(b *gatehouse.Build, op *openapi.Operation, o *policy.Object) string {
	param := strings.TrimPrefix(o.ID, "path.")
	bases := policy.Bases(o, b.All, param)
	for _, base := range bases {
		if base == policy.Base(op.Template(), param) || base == op.Template()+"/{"+param+"}" {
			return base
		}
	}
	if len(bases) == 0 {
		return ""
	}
	return bases[0]
}

// observed compiles the observation of one kind of objects.
func (c *Config) observed(b *gatehouse.Build, op *openapi.Operation, o *policy.Object, name, base string) ([]gatehouse.Step, error) {
	param := strings.TrimPrefix(o.ID, "path.")
	w := &watcher{op: op, action: o.ActionIn(op, param, []string{base})}
	if w.action == policy.None {
		return nil, nil
	}
	if w.action != policy.List && w.action != policy.Create {
		w.param = param
	}
	// The reply of what is below an object is not the object.
	itself := op.Template() == base || w.param == ""
	if err := w.look(o, param, itself); err != nil {
		return nil, err
	}
	named := c.allowed(&policy.Object{Allow: map[string][]string{}}, op, w.action).roles
	if o.Owner != "" {
		w.roles = c.allowed(o, op, w.action).roles
	}
	ledger, err := gatehouse.Keep(b.Kept, "", learned.New)
	if err != nil {
		return nil, err
	}
	var places []string
	for _, m := range slices.Concat(w.members, w.params) {
		places = append(places, m.text)
	}
	w.page = ledger.Open(learned.Kind{API: b.API, Object: name, ID: o.ID, Base: base, Shared: len(policy.Bases(&policy.Object{}, b.All, param)) > 1}, learned.Operation{
		ID: op.ID(), Action: w.action.String(), Reader: itself && w.action == policy.Read && op.Method() == "GET", Waived: c.NoObject[op.ID()] != nil, Roles: named, Places: places})
	return []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Respond, Enforce: w.watch}}, nil
}

// look finds the places where somebody's id may stand.
func (w *watcher) look(o *policy.Object, param string, itself bool) error {
	id := ""
	for _, status := range [...]int{200, 201} {
		schema := w.schema(o, status)
		if schema == nil || !itself {
			continue
		}
		w.within(schema, "", mostDeep)
		for _, name := range schema.Properties() {
			if plain(name) == plain(param) || name == "id" && id == "" {
				id = name
			}
		}
	}
	if id != "" && w.param == "" {
		p, err := jsonwalk.CompilePath(id)
		if err != nil {
			return err
		}
		w.id = p
	}
	w.asked()
	return nil
}

// schema returns what the description says of an object in a reply, or nil.
func (w *watcher) schema(o *policy.Object, status int) *openapi.Schema {
	r := w.op.Response(status)
	if r == nil {
		return nil
	}
	s := r.JSON("application/json")
	if s == nil || w.action != policy.List {
		return s
	}
	each := eachOf(w.op)
	if o.List != nil && o.List.Each != "" {
		each = strings.TrimPrefix(strings.TrimPrefix(o.List.Each, "response"), ".")
	}
	p, err := jsonwalk.CompilePath(each)
	if err != nil || each == "" {
		return nil // an array is all that could be looked through
	}
	w.each = p
	for _, step := range p.Steps() {
		switch {
		case s == nil:
			return nil
		case step == "":
			s = s.Items()
		default:
			s = s.Property(step)
		}
	}
	return s
}

// within finds the members of an object whose values are ids by their type.
func (w *watcher) within(s *openapi.Schema, at string, deep int) {
	for _, name := range s.Properties() {
		of := s.Property(name)
		if of == nil || name == "" || strings.ContainsAny(name, ".[]*") || len(w.members) == mostPlaces {
			continue
		}
		text := "response." + at + name
		switch types := of.Types() &^ openapi.TypeNull; {
		case slices.ContainsFunc(w.members, func(p mention) bool { return p.text == text }):
		case types == openapi.TypeString || types == openapi.TypeInteger:
			if p, err := jsonwalk.CompilePath(at + name); err == nil {
				w.members = append(w.members, mention{text: text, path: p})
			}
		case types == openapi.TypeObject && deep > 1:
			w.within(of, at+name+".", deep-1)
		}
	}
}

// asked finds the parameters that may name the caller: those of the path, and of the
// query of a list.
func (w *watcher) asked() {
	for _, p := range w.op.Parameters {
		if p.In != "path" && (p.In != "query" || w.action != policy.List) || len(w.params) == mostParams {
			continue
		}
		text := p.In + "." + p.Name
		if at, says := positionOf(text, w.op); says == "" && !at.many {
			w.params = append(w.params, mention{text: text, at: *at})
		}
	}
}
