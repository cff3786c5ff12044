package object

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

const positions = "path.orderId, query.orderId, header.x-order, body.id or body.items[*].id"

// namesOf compiles where the operation names objects.
func namesOf(o *policy.Object, b *gatehouse.Build, k string, a policy.Action) ([]position, error) {
	texts, key := o.IDs[b.Operation.ID()], k+".ids."+b.Operation.ID()
	if texts == nil {
		texts, key = []string{o.ID}, k+".id"
		if a == policy.Create || a == policy.List || !names(o.ID, b.Operation) && !strings.Contains(b.Operation.Template(), "{"+strings.TrimPrefix(o.ID, "path.")+"}") {
			return nil, nil
		}
	}
	var list []position
	for _, text := range texts {
		p, says := positionIn(text, b.Operation)
		if says != "" {
			return nil, &gatehouse.Fault{Key: key, Says: says, Fix: positions}
		}
		list = append(list, *p)
	}
	return list, nil
}

// positionIn compiles a position of an operation, which may be of a loader that
// tells no more than its path.
func positionIn(text string, op gatehouse.Operation) (*position, string) {
	if described, ok := op.(*openapi.Operation); ok {
		return positionOf(text, described)
	}
	name, ok := strings.CutPrefix(text, "path.")
	if !ok || !strings.Contains(op.Template(), "{"+name+"}") {
		return nil, fmt.Sprintf("%s has no parameter {%s}", op.Template(), name)
	}
	return &position{in: inPath, name: name, segment: segmentOf(op.Template(), name)}, ""
}

// positionOf compiles a position, or says why there is none.
func positionOf(text string, op *openapi.Operation) (p *position, says string) {
	if elements, ok := strings.CutPrefix(text, "body["); ok {
		return bodyPosition("["+elements, op)
	}
	in, name, _ := strings.Cut(text, ".")
	if name == "" {
		return nil, fmt.Sprintf("%q is no place where a request could name an object", text)
	}
	switch in {
	case "path":
		if !strings.Contains(op.Template(), "{"+name+"}") {
			return nil, fmt.Sprintf("%s has no parameter {%s}", op.Template(), name)
		}
		p = &position{in: inPath, name: name, segment: segmentOf(op.Template(), name)}
	case "query":
		p = &position{in: inQuery, name: name}
	case "header":
		p = &position{in: inHeader, name: strings.ToLower(name)}
	case "body":
		return bodyPosition(name, op)
	default:
		return nil, fmt.Sprintf("%q is no place where a request could name an object", text)
	}
	i := slices.IndexFunc(op.Parameters, func(d *openapi.Parameter) bool { return d.In == in && d.Name == p.name })
	switch {
	case i < 0 && in != "path":
		return nil, fmt.Sprintf("%s declares no parameter %s in its %s", op.ID(), name, in)
	case i < 0:
		return p, ""
	}
	d := op.Parameters[i]
	schema := d.Schema
	if schema != nil && schema.Types()&openapi.TypeArray != 0 {
		p.many, p.split = true, !d.Explode || in == "header"
		if in == "path" || d.JSON || d.Style != "form" && d.Style != "simple" {
			return nil, fmt.Sprintf("%s is a list in a style that ids are not read from", name)
		}
		schema = schema.Items()
	}
	p.form = formOf(schema)
	return p, ""
}

// bodyPosition compiles a position in a JSON body.
func bodyPosition(name string, op *openapi.Operation) (*position, string) {
	path, err := jsonwalk.CompilePath(name)
	if err != nil {
		return nil, fmt.Sprintf("body.%s is no place in a body", name)
	}
	if op.RequestBody == nil {
		return nil, op.ID() + " has no body"
	}
	m := openapi.Match(op.RequestBody.Content, "application/json")
	if m == nil || m.Schema == nil || len(op.RequestBody.Content) != 1 {
		return nil, op.ID() + " takes bodies that are not JSON, or not JSON alone: ids are read from JSON"
	}
	schema := m.Schema
	for _, step := range path.Steps() {
		if schema == nil {
			break
		}
		if step == "" {
			schema = schema.Items()
		} else {
			schema = schema.Property(step)
		}
	}
	if schema == nil {
		return nil, fmt.Sprintf("the body of %s declares no %s", op.ID(), name)
	}
	return &position{in: inBody, name: name, path: path, many: path.Many(), form: formOf(schema)}, ""
}

// formOf returns what ids look like.
func formOf(s *openapi.Schema) form {
	switch {
	case s == nil:
		return opaque
	case s.Types()&^openapi.TypeNull == openapi.TypeInteger:
		return integer
	case s.UUID():
		return uuid
	}
	return opaque
}

// segmentOf returns which segment of a template is the parameter, from 1, or 0 when
// it is not a whole one.
func segmentOf(template, name string) int {
	base := policy.Base(template, name)
	if base == "" {
		return 0
	}
	return strings.Count(base, "/")
}
