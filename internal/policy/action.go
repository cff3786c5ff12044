package policy

import (
	"slices"
	"strings"
)

// Action is what an operation does to an object.
type Action uint8

// The actions. The zero value is none.
const (
	None Action = iota
	Read
	Update
	Delete
	List
	Create
)

var actionNames = [...]string{"", "read", "update", "delete", "list", "create"}

// String returns the action's name as it is written in the configuration, or "".
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return ""
}

// ActionOf returns the action of that name, or [None].
func ActionOf(name string) Action {
	return Action(max(0, slices.Index(actionNames[:], name)))
}

// Implies reports whether being allowed a is being allowed wanted: who may read
// may list, and who may update may create.
func (a Action) Implies(wanted Action) bool {
	return a == wanted || a == Read && wanted == List || a == Update && wanted == Create
}

// Operation is what the model needs to know of one operation of the API.
type Operation interface {
	ID() string       // operationId, or "METHOD /template"
	Method() string   // upper case
	Template() string // "/v1/orders/{orderId}"
}

// ActionIn returns what op does to an object that a parameter of the path names,
// or [None]. What the configuration names goes before what the description says.
// The bases are those of [Bases].
func (o *Object) ActionIn(op Operation, param string, bases []string) Action {
	if o.Create != nil && o.Create.Operation == op.ID() {
		return Create
	}
	if o.List != nil && o.List.Operation == op.ID() {
		return List
	}
	for name, ids := range o.Operations {
		if slices.Contains(ids, op.ID()) {
			return ActionOf(name)
		}
	}
	a := derived(op, param, bases)
	// Where the configuration lists the operations of an action, the list is whole,
	// but an operation that names the object is never left out of all of them.
	if a == List && (o.List != nil && o.List.Operation != "" || o.Operations["list"] != nil) || a == Create && (o.Create != nil || o.Operations["create"] != nil) {
		return None
	}
	return a
}

func derived(op Operation, param string, bases []string) Action {
	if slices.Contains(bases, Base(op.Template(), param)) {
		switch op.Method() {
		case "GET", "HEAD":
			return Read
		case "DELETE":
			return Delete
		}
		return Update
	}
	for _, base := range bases {
		collection := base[:strings.LastIndexByte(base, '/')]
		if op.Template() != collection {
			continue
		}
		switch op.Method() {
		case "GET", "HEAD":
			return List
		case "POST":
			return Create
		}
	}
	return None
}

// Base returns the template up to the segment that is the parameter, or "".
func Base(template, param string) string {
	segment := "/{" + param + "}"
	i := strings.Index(template, segment)
	if i < 0 || i+len(segment) < len(template) && template[i+len(segment)] != '/' {
		return ""
	}
	return template[:i+len(segment)]
}

// Bases returns every resource whose path ends in the parameter: those of the
// operations that the object names, else all there are.
func Bases[O Operation](o *Object, all []O, param string) []string {
	var named []string
	for _, action := range [...]string{"read", "update", "delete"} {
		named = append(named, o.Operations[action]...)
	}
	if bases := basesIn(all, param, named); len(bases) > 0 {
		return bases
	}
	return basesIn(all, param, nil)
}

func basesIn[O Operation](all []O, param string, named []string) []string {
	var bases []string
	for _, op := range all {
		if named != nil && !slices.Contains(named, op.ID()) {
			continue
		}
		if base := Base(op.Template(), param); base != "" && !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	return bases
}

// Reader returns the operation that reads the object named at base, and whether
// there is one.
func Reader[O Operation](o *Object, all []O, base string) (reader O, found bool) {
	ids := o.Operations["read"]
	for _, op := range all {
		if op.Method() == "GET" && op.Template() == base && (ids == nil || slices.Contains(ids, op.ID())) {
			return op, true
		}
	}
	return reader, false
}
