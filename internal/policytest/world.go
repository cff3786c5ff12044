// Package policytest asks policies about worlds that somebody made up: users,
// objects and relations in a file, and what is expected of them.
//
// It defends from rules that nobody tried. What a file does not say is tried too:
// for each object two strangers, of the same tenant and of another, do every action.
package policytest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// Error is one thing that is wrong with a file, or with what was expected in it.
type Error struct {
	File string
	Line int
	Says string
	Fix  string
}

// Error returns the place, what is wrong and what to do.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Says)
	if e.Fix != "" {
		s += "\n  fix: " + e.Fix
	}
	return s
}

// World is who and what there is.
type World struct {
	policy  *policy.Policy
	file    string
	callers map[string]policy.Caller
	objects map[string]map[string]*policy.Given
	order   map[string][]string // ids by object, as they were written
	lines   map[string]int      // of "order/o1"
	at      time.Time
	from    netip.Addr
	engine  *relations.Engine
	said    func(cedar.Decision) // is told of every decision, where it is not nil
}

// now is when it is asked where a file does not say: a Wednesday noon.
var now = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)

func newWorld(p *policy.Policy, file string) *World {
	return &World{policy: p, file: file, callers: map[string]policy.Caller{}, objects: map[string]map[string]*policy.Given{}, order: map[string][]string{}, lines: map[string]int{},
		at: now, from: netip.AddrFrom4([4]byte{192, 0, 2, 1})}
}

// Path is the file that the world was read from.
func (w *World) Path() string { return w.file }

// account is one of given.users, but for its claims.
type account struct {
	Tenant string   `yaml:"tenant"`
	Roles  []string `yaml:"roles"`
	Scopes []string `yaml:"scopes"`
}

func (w *World) fault(n *yaml.Node, fix, says string, args ...any) error {
	return &Error{File: w.file, Line: n.Line, Says: fmt.Sprintf(says, args...), Fix: fix}
}

// give reads what there is.
func (w *World) give(n *yaml.Node) error {
	var errs []error
	for k, v := range pairs(n) {
		switch k.Value {
		case "users", "services":
			for name, is := range pairs(v) {
				errs = append(errs, w.account(name, is, k.Value == "services"))
			}
		case "relations":
			errs = append(errs, w.relate(v))
		case "now":
			at, err := time.Parse(time.RFC3339, v.Value)
			if err != nil {
				err = w.fault(v, "now: 2026-11-20T10:00:00+01:00", "%q is no time", v.Value)
			}
			w.at, errs = at, append(errs, err)
		case "ip":
			ip, err := netip.ParseAddr(v.Value)
			if err != nil {
				err = w.fault(v, "ip: 192.0.2.1", "%q is no address", v.Value)
			}
			w.from, errs = ip, append(errs, err)
		default:
			if !slices.Contains(w.policy.Objects(), k.Value) {
				known := append([]string{"users", "services", "relations", "now", "ip"}, w.policy.Objects()...)
				errs = append(errs, w.fault(k, nearest(k.Value, known), "there is no object %q", k.Value))
				continue
			}
			for id, is := range pairs(v) {
				errs = append(errs, w.object(k.Value, id, is))
			}
		}
	}
	return errors.Join(errs...)
}

func (w *World) account(name, is *yaml.Node, service bool) error {
	if _, twice := w.callers[name.Value]; twice {
		return w.fault(name, "another name", "%s is there twice", name.Value)
	}
	var a account
	claims := map[string]string{}
	for k, v := range pairs(is) {
		switch k.Value {
		case "tenant", "roles", "scopes":
			continue
		}
		if !slices.Contains(w.policy.Claims(), k.Value) {
			return w.fault(k, nearest(k.Value, append(w.policy.Claims(), "tenant", "roles", "scopes")), "policies know no %s of a principal", k.Value)
		}
		text, err := asJSON(v)
		if err != nil {
			return w.fault(v, "a plain value", "%s cannot be read", k.Value)
		}
		claims[k.Value] = string(text)
	}
	if err := is.Decode(&a); err != nil {
		return w.fault(is, "{tenant: acme, roles: [support]}", "%s cannot be read", name.Value)
	}
	c := policy.Caller{Service: service, ID: name.Value, Tenant: a.Tenant, Roles: a.Roles, Scopes: a.Scopes}
	c.Claim = func(name string) (string, bool) { text, ok := claims[name]; return text, ok }
	if _, err := w.policy.Subject(c); err != nil {
		return w.fault(is, "a value of the type that principal: declares", "%s: %v", name.Value, err)
	}
	w.callers[name.Value] = c
	return nil
}

func (w *World) object(kind string, id, is *yaml.Node) error {
	text, err := asJSON(is)
	if err != nil {
		return w.fault(is, "{owner: alice, tenant: acme}", "%s cannot be read", id.Value)
	}
	g, err := w.policy.Give(kind, text)
	if err != nil {
		return w.fault(is, "gatehouse policy show --schema", "%s %s: %v", kind, id.Value, err)
	}
	g = w.policy.Call(kind, g, cmp.Or(w.policy.Called(kind, g), id.Value))
	if w.objects[kind] == nil {
		w.objects[kind] = map[string]*policy.Given{}
	}
	w.objects[kind][id.Value] = g
	w.order[kind] = append(w.order[kind], id.Value)
	w.lines[kind+"/"+id.Value] = id.Line
	return nil
}

func (w *World) relate(list *yaml.Node) error {
	if w.policy.Relations == nil {
		return w.fault(list, "relations: relations.fga in the API's block", "the API has no model of relations")
	}
	index := relations.NewIndex()
	var tuples []relations.Tuple
	for _, n := range list.Content {
		t, err := relations.ParseTuple(n.Value)
		if err == nil {
			err = w.policy.Relations.Valid(t)
		}
		if err != nil {
			return w.fault(n, "order:o1#editor@user:alice", "%v", err)
		}
		tuples = append(tuples, t)
	}
	if err := index.Apply(relations.Change{Whole: true, Add: tuples, Revision: 1}); err != nil {
		return w.fault(list, "relations that the model permits", "%v", err)
	}
	engine, err := relations.New(w.policy.Relations, index, relations.Limits{})
	if err != nil {
		return w.fault(list, "a smaller model", "%v", err)
	}
	w.engine = engine
	return nil
}

// Question is one thing that somebody wants to do.
type Question struct {
	Who    string
	Action policy.Action // [policy.None] for an operation without object
	Object string        // or ""
	ID     string        // of the object, or "" for one that is made
	Name   string        // operationId, or ""
	Field  string        // that is selected, "Order.total", or ""
}

// Ask asks the policies. The error is of who asks: nobody of that name, no such
// object.
func (w *World) Ask(q Question) (d cedar.Decision, used *policy.Template, err error) {
	c, ok := w.callers[q.Who]
	if !ok {
		return d, nil, fmt.Errorf("there is no user %s; write: %s", q.Who, nearest(q.Who, w.names()))
	}
	if q.Field != "" && !slices.Contains(w.policy.Fields(), q.Field) {
		return d, nil, fmt.Errorf("%s", w.noField(q.Field))
	}
	var given *policy.Given
	if q.ID != "" {
		if given = w.objects[q.Object][q.ID]; given == nil {
			return d, nil, fmt.Errorf("there is no %s %s; write: %s", q.Object, q.ID, nearest(q.ID, w.order[q.Object]))
		}
	}
	return w.ask(c, q, given)
}

func (w *World) ask(c policy.Caller, q Question, given *policy.Given) (cedar.Decision, *policy.Template, error) {
	if q.Field != "" {
		return w.choose(c, q.Field)
	}
	s, err := w.policy.Subject(c)
	if err != nil {
		return cedar.Decision{}, nil, err
	}
	d, t, err := w.askFor(c, s, q, given)
	if err == nil {
		w.tell(d)
	}
	return d, t, err
}

// askFor asks about an object or an operation for a caller who is a subject already,
// and tells nobody.
func (w *World) askFor(c policy.Caller, s *policy.Subject, q Question, given *policy.Given) (_ cedar.Decision, _ *policy.Template, err error) {
	t := w.policy.Template(q.Object, q.Action)
	if q.Object == "" {
		t = w.policy.Operation(q.Name)
	}
	if t == nil {
		return cedar.Decision{}, nil, fmt.Errorf("there is no operation %s without an object", q.Name)
	}
	operation := q.Name
	if operation == "" {
		operation = w.policy.OperationOf(q.Object, q.Action)
	}
	if given == nil && q.Object != "" {
		given = w.policy.Stranger(q.Object, "", "")
		if q.Action == policy.Create {
			if given, err = w.policy.Give(q.Object, []byte("{}")); err != nil {
				return cedar.Decision{}, t, err
			}
		}
	}
	return t.Decide(&policy.Facts{Subject: s, ID: q.ID, Given: given, At: w.at, Address: w.from, Operation: operation,
		Related: func(relation string) (bool, error) { return w.related(c, relation, q) }}), t, nil
}

func (w *World) tell(d cedar.Decision) {
	if w.said != nil {
		w.said(d)
	}
}

// choose asks who may select a field as a selection of it does: about all that it
// touches. The decision is that of the first that is denied, or else the field's own.
func (w *World) choose(c policy.Caller, field string) (d cedar.Decision, t *policy.Template, err error) {
	s, err := w.policy.Subject(c)
	if err != nil {
		return d, w.policy.Field(field), err
	}
	f := &policy.Facts{Subject: s, At: w.at, Address: w.from, Operation: w.policy.Speaks()}
	for _, name := range w.policy.Asked(field) {
		one := w.policy.Select(name, f, w.tell)
		if !one.Allowed {
			return one, w.policy.Field(name), nil
		}
		if name == field {
			d, t = one, w.policy.Field(name)
		}
	}
	return d, t, nil
}

// noField says that the schema has no such field.
func (w *World) noField(field string) string {
	fields := w.policy.Fields()
	if fields == nil {
		return "the API has no GraphQL schema; write: alice can read order o1"
	}
	near := words.Nearest(field, fields)
	if near == "" {
		near = "a type or a field of the schema, as " + fields[0]
	}
	return fmt.Sprintf("there is no field %s; write: %s", field, near)
}

func (w *World) related(c policy.Caller, relation string, q Question) (bool, error) {
	why, err := w.way(c, relation, q)
	return why.Held, err
}

// way says whether the caller has a relation to the object, and by which way.
func (w *World) way(c policy.Caller, relation string, q Question) (relations.Reason, error) {
	if w.engine == nil || q.ID == "" {
		return relations.Reason{}, nil
	}
	return w.engine.Why(context.Background(), relations.Revision{}, subjectOf(c), relation, relations.Object{Type: w.policy.Kind(q.Object), ID: relations.EscapeID(q.ID)})
}

// subjectOf is a caller as relations know one.
func subjectOf(c policy.Caller) relations.Subject {
	who := relations.Subject{Type: "user", ID: relations.EscapeID(c.ID)}
	if c.Service {
		who.Type = "service"
	}
	return who
}

func (w *World) names() (list []string) {
	for name := range w.callers {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// nearest is what was probably meant.
func nearest(word string, known []string) string {
	if near := words.Nearest(word, known); near != "" {
		return near
	}
	return "one of: " + strings.Join(known, ", ")
}

func asJSON(n *yaml.Node) ([]byte, error) {
	var v any
	if err := n.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// pairs are the members of a block.
func pairs(n *yaml.Node) func(yield func(k, v *yaml.Node) bool) {
	return func(yield func(k, v *yaml.Node) bool) {
		if n == nil || n.Kind != yaml.MappingNode {
			return
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// maxFile bounds a file of tests, in bytes.
const maxFile = 1 << 20

func readFile(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s is larger than 1 MB", path)
	}
	return text, err
}
