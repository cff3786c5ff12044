package object

import (
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// action is what an operation does to an object.
type action uint8

const (
	none action = iota
	read
	update
	remove
	list
	create
)

var actionNames = [...]string{"", "read", "update", "delete", "list", "create"}

func (a action) String() string { return actionNames[a] }

func actionOf(name string) action {
	return action(max(0, slices.Index(actionNames[:], name)))
}

// actionIn returns what op does to an object that a parameter of the path names,
// or none. What the configuration names goes before what the description says.
func (o *Object) actionIn(op gatehouse.Operation, param string, bases []string) action {
	if o.Create != nil && o.Create.Operation == op.ID() {
		return create
	}
	if o.List != nil && o.List.Operation == op.ID() {
		return list
	}
	for name, ids := range o.Operations {
		if slices.Contains(ids, op.ID()) {
			return actionOf(name)
		}
	}
	a := derived(op, param, bases)
	// Where the configuration lists the operations of an action, the list is whole,
	// but an operation that names the object is never left out of all of them.
	if a == list && (o.List != nil && o.List.Operation != "" || o.Operations["list"] != nil) || a == create && (o.Create != nil || o.Operations["create"] != nil) {
		return none
	}
	return a
}

func derived(op gatehouse.Operation, param string, bases []string) action {
	if slices.Contains(bases, baseOf(op.Template(), param)) {
		switch op.Method() {
		case "GET", "HEAD":
			return read
		case "DELETE":
			return remove
		}
		return update
	}
	for _, base := range bases {
		collection := base[:strings.LastIndexByte(base, '/')]
		if op.Template() != collection {
			continue
		}
		switch op.Method() {
		case "GET":
			return list
		case "POST":
			return create
		}
	}
	return none
}

// baseOf returns the template up to the segment that is the parameter, or "".
func baseOf(template, param string) string {
	segment := "/{" + param + "}"
	i := strings.Index(template, segment)
	if i < 0 || i+len(segment) < len(template) && template[i+len(segment)] != '/' {
		return ""
	}
	return template[:i+len(segment)]
}

// basesOf returns every resource whose path ends in the parameter: those of the
// operations that the configuration names, else all there are.
func (o *Object) basesOf(all []gatehouse.Operation, param string) []string {
	var named []string
	for _, action := range [...]string{"read", "update", "delete"} {
		named = append(named, o.Operations[action]...)
	}
	if bases := basesIn(all, param, named); len(bases) > 0 {
		return bases
	}
	return basesIn(all, param, nil)
}

func basesIn(all []gatehouse.Operation, param string, named []string) []string {
	var bases []string
	for _, op := range all {
		if named != nil && !slices.Contains(named, op.ID()) {
			continue
		}
		if base := baseOf(op.Template(), param); base != "" && !slices.Contains(bases, base) {
			bases = append(bases, base)
		}
	}
	return bases
}

// readerOf returns the operation that reads the object named at base, or nil.
func (o *Object) readerOf(all []gatehouse.Operation, base string) gatehouse.Operation {
	ids := o.Operations["read"]
	for _, op := range all {
		if op.Method() == "GET" && op.Template() == base && (ids == nil || slices.Contains(ids, op.ID())) {
			return op
		}
	}
	return nil
}

// eachOf returns where the elements of a list are, as far as the description of
// its reply leaves no choice: the root, or its only array.
func eachOf(op gatehouse.Operation) string {
	described, ok := op.(*openapi.Operation)
	if !ok {
		return ""
	}
	r := described.Response(200)
	if r == nil {
		return ""
	}
	m := openapi.Match(r.Content, "application/json")
	if m == nil || m.Schema == nil {
		return ""
	}
	if m.Schema.Types()&openapi.TypeArray != 0 && m.Schema.Items() != nil {
		return "[*]"
	}
	each := ""
	for _, name := range m.Schema.Properties() {
		if p := m.Schema.Property(name); p == nil || p.Types()&(openapi.TypeArray|openapi.TypeObject) != openapi.TypeArray {
			continue
		}
		if each != "" {
			return ""
		}
		each = name + "[*]"
	}
	return each
}
