package learn

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/words"
)

// segment is one part of a template.
type segment struct {
	literal string
	param   string // the parameter's name, or "" for a literal
	value   *scalar
}

// operation is one method of one template.
type operation struct {
	method   string
	template string
	path     []segment
	call     *call
	elements bool // what stands behind the path are values
	id       string
	open     bool     // something of it is not described closely
	secrets  []string // members of replies that look like secrets
}

// operations returns what is behind a settled node, sorted by template and method.
func operations(n *node, path []segment) (ops []*operation) {
	for method, c := range n.calls {
		ops = append(ops, &operation{method: method, template: template(path), path: slices.Clone(path), call: c, elements: n.param != nil})
	}
	for s, c := range n.literals {
		ops = append(ops, operations(c, append(path, segment{literal: s}))...)
	}
	if n.param != nil {
		ops = append(ops, operations(n.param, append(path, segment{param: parameterName(path, n.param.value), value: n.param.value}))...)
	}
	slices.SortFunc(ops, func(a, b *operation) int {
		if c := strings.Compare(a.template, b.template); c != 0 {
			return c
		}
		return strings.Compare(a.method, b.method)
	})
	return ops
}

func template(path []segment) string {
	var b strings.Builder
	for _, s := range path {
		b.WriteByte('/')
		if s.param != "" {
			b.WriteString("{" + s.param + "}")
		} else {
			b.WriteString(s.literal)
		}
	}
	return b.String()
}

// parameterName names the values that follow a path: /orders/{orderId}.
func parameterName(path []segment, value *scalar) string {
	base := "id"
	for _, s := range slices.Backward(path) {
		if s.param != "" || version(s.literal) {
			continue
		}
		if list := words.Of(s.literal); len(list) > 0 {
			list[len(list)-1] = singular(list[len(list)-1])
			base = lower(list) + "Id"
		}
		break
	}
	if i := value.text.format(); i >= 0 && known[i] == "date" {
		base = "date"
	}
	name := base
	for k := 2; slices.ContainsFunc(path, func(s segment) bool { return s.param == name }); k++ {
		name = fmt.Sprint(base, k)
	}
	return name
}

// lower joins words like this: orderItem.
func lower(list []string) string {
	s := upper(list)
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// upper joins words like this: OrderItem.
func upper(list []string) string {
	var b strings.Builder
	for _, w := range list {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

// literals returns the words of the path by segment, versions left out, those
// that values follow in the singular.
func (o *operation) literals() (list [][]string) {
	for i, s := range o.path {
		w := words.Of(s.literal)
		if s.param != "" || len(w) == 0 || version(s.literal) || len(o.path) > 1 && i < 2 && (s.literal == "api" || s.literal == "rest") {
			continue
		}
		if i+1 < len(o.path) && o.path[i+1].param != "" {
			w[len(w)-1] = singular(w[len(w)-1])
		}
		list = append(list, w)
	}
	return list
}

// name returns the operationId that the method and the path suggest.
func (o *operation) name() string {
	list := o.literals()
	element := len(o.path) > 0 && o.path[len(o.path)-1].param != ""
	if len(list) == 0 {
		list = [][]string{{"root"}}
	}
	last := list[len(list)-1]
	collection := !element && (plural(last[len(last)-1]) || o.elements)
	verb := ""
	switch o.method {
	case "GET":
		verb = "get"
		if collection || !element && o.call.lists() {
			verb = "list"
		}
	case "HEAD":
		verb = "check"
	case "PUT":
		verb = "replace"
	case "PATCH":
		verb = "update"
	case "DELETE":
		verb = "delete"
	case "POST":
		switch {
		case element:
			verb = "post"
		case collection:
			verb = "create"
			last[len(last)-1] = singular(last[len(last)-1])
		default: // an action: /orders/{orderId}/cancel
			return lower(append(slices.Clone(last), slices.Concat(list[:len(list)-1]...)...))
		}
	}
	return verb + upper(slices.Concat(list...))
}

// lists reports replies that are lists.
func (c *call) lists() bool {
	a := c.answers[200]
	if a == nil {
		return false
	}
	for _, s := range a.content {
		if s != nil && s.array != nil {
			return true
		}
	}
	return false
}

// tag is the first word of the path.
func (o *operation) tag() string {
	for i, s := range o.path {
		if s.param == "" && s.literal != "" && !version(s.literal) && !(i < 2 && len(o.path) > 1 && (s.literal == "api" || s.literal == "rest")) {
			return strings.Trim(s.literal, "._$")
		}
	}
	return ""
}

// identify gives every operation an id of its own. Versions tell those apart that
// would have the same.
func identify(ops []*operation) {
	count := map[string]int{}
	for _, o := range ops {
		o.id = o.name()
		count[o.id]++
	}
	for _, o := range ops {
		if count[o.id] < 2 {
			continue
		}
		for _, s := range o.path {
			if version(s.literal) {
				o.id += strings.ToUpper(s.literal[:1]) + strings.ReplaceAll(s.literal[1:], ".", "_")
			}
		}
	}
	taken := map[string]bool{}
	for _, o := range ops {
		id := o.id
		for k := 2; taken[o.id]; k++ {
			o.id = fmt.Sprint(id, "_", k)
		}
		taken[o.id] = true
	}
}

// schemes returns where credentials came, over all operations, sorted.
func schemes(ops []*operation) []string {
	all := map[string]bool{}
	for _, o := range ops {
		for used := range o.call.auth {
			if used == noCredential {
				continue
			}
			for one := range strings.SplitSeq(used, ",") {
				all[one] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}
