package openapi

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// Load reads the description in a file, and what it refers to in the file's
// folder. It returns an error that wraps [ErrVersion] for versions that are not
// read, such as Swagger 2.0, and otherwise errors that hold an [*Error] with the
// place.
func Load(path string) (*Document, error) { return LoadOptions{}.Load(path) }

// Parse reads a description from memory. Its name is for errors. It cannot refer
// to other files.
func Parse(name string, data []byte) (*Document, error) {
	return LoadOptions{}.Parse(name, data)
}

// document reads a description.
func (l *loader) document(name, base string, data []byte) (*Document, error) {
	l.shared.formats = true
	uri := "file:///" + base
	t, err := l.parse(uri, name, data)
	if err != nil {
		return nil, err
	}
	root := at{t, 0}
	in := resource{uri: uri, root: root}
	l.resources[uri] = in
	d := &Document{Title: root.get("info").get("title").text()}
	if err := l.version(d, root); err != nil {
		return nil, err
	}
	_ = root.get("components").get("schemas").each(func(_ string, v at) error { l.index(v, in); return nil })
	if err := l.lay(l.written, root, in); err != nil {
		return nil, err
	}
	for _, step := range [...]func(*Document, at, resource) error{l.head, l.paths} {
		if err := step(d, root, in); err != nil {
			return nil, err
		}
	}
	if err := l.settle(); err != nil {
		return nil, err
	}
	if err := l.wholes(d); err != nil {
		return nil, err
	}
	if err := errors.Join(l.refuse(), l.judges()); err != nil {
		return nil, err
	}
	l.pages()
	l.idle()
	l.assemble(d)
	d.Findings, d.Roles = l.findings, l.shared.roles
	return d, nil
}

func (l *loader) version(d *Document, root at) error {
	if v := root.get("swagger"); v.ok() {
		return fmt.Errorf("%w: %w", ErrVersion, v.fault("this is Swagger %s; convert it to OpenAPI 3.0 or 3.1", strings.Trim(string(v.raw()), `"`)))
	}
	v := root.get("openapi")
	if !v.ok() {
		return fmt.Errorf("%w: %w", ErrVersion, root.fault("no openapi version is given"))
	}
	d.Version = v.text()
	switch {
	case strings.HasPrefix(d.Version, "3.0."):
		l.dialect = dialect30
	case strings.HasPrefix(d.Version, "3.1."), strings.HasPrefix(d.Version, "3.2."):
		l.dialect = dialect2020
	default:
		return fmt.Errorf("%w: %w", ErrVersion, v.fault("OpenAPI %s is not read; 3.0, 3.1 and 3.2 are", d.Version))
	}
	if j := root.get("jsonSchemaDialect"); j.ok() && !strings.Contains(j.text(), "2020-12") && !strings.Contains(j.text(), "spec.openapis.org") {
		return fmt.Errorf("%w: %w", ErrVersion, j.fault("schemas of this dialect are not read"))
	}
	return nil
}

// head reads what stands beside the paths.
func (l *loader) head(d *Document, root at, _ resource) error {
	_ = root.get("servers").each(func(_ string, v at) error {
		d.Servers = append(d.Servers, v.get("url").text())
		return nil
	})
	return root.get("components").get("securitySchemes").each(func(name string, v at) error {
		d.SecuritySchemes = append(d.SecuritySchemes, SecurityScheme{
			Name: name, Type: l.intern(v.get("type").text()), Scheme: l.intern(strings.ToLower(v.get("scheme").text())),
			In: l.intern(v.get("in").text()), Key: v.get("name").text(),
		})
		return nil
	})
}

func (l *loader) paths(d *Document, root at, in resource) error {
	paths := root.get("paths")
	if !paths.ok() {
		return nil
	}
	if err := paths.want(jsonwalk.Object, "a map of paths"); err != nil {
		return err
	}
	ids := map[string]bool{}
	return paths.each(func(template string, item at) error {
		if strings.HasPrefix(template, "x-") {
			return nil
		}
		if !strings.HasPrefix(template, "/") {
			return item.fault("a path begins with /")
		}
		d.Paths++
		item, in, err := l.follow(item, in)
		if err != nil {
			return err
		}
		p := path{loader: l, doc: d, root: root, item: item, in: in, template: template, ids: ids}
		return item.each(p.member)
	})
}

// path reads the operations of one path.
type path struct {
	*loader
	doc      *Document
	root     at
	item     at
	in       resource
	template string
	ids      map[string]bool
}

func (p *path) member(name string, v at) error {
	switch name {
	case "get", "put", "post", "delete", "options", "head", "patch", "trace", "query":
		return p.operation(strings.ToUpper(name), v)
	case "additionalOperations":
		return v.each(func(method string, v at) error { return p.operation(method, v) })
	}
	return nil
}

func (p *path) operation(method string, v at) error {
	if err := v.want(jsonwalk.Object, "an operation"); err != nil {
		return err
	}
	op := &Operation{
		id: v.get("operationId").text(), method: p.intern(method), template: p.template,
		Summary: v.get("summary").text(), Deprecated: v.get("deprecated").truth(), Place: v.place(),
	}
	if op.id == "" {
		op.id = method + " " + p.template
	}
	if p.ids[op.id] {
		return v.fault("operationId %q is used twice", op.id)
	}
	p.ids[op.id] = true
	_ = v.get("tags").each(func(_ string, t at) error { op.Tags = append(op.Tags, p.intern(t.text())); return nil })
	err := v.each(func(name string, x at) error {
		if strings.HasPrefix(name, "x-") && len(x.raw()) <= 4096 {
			op.Extensions = append(op.Extensions, Extension{p.intern(name), p.intern(string(x.raw()))})
		}
		return misspelt(name, x, "an operation")
	})
	if err != nil {
		return err
	}
	for _, list := range [...]at{v.get("parameters"), p.item.get("parameters")} {
		if err := list.each(func(_ string, a at) error { return p.parameterOf(op, a) }); err != nil {
			return err
		}
	}
	if err := p.undeclaredInPath(op, v); err != nil {
		return err
	}
	if err := p.bodies(op, v); err != nil {
		return err
	}
	p.doc.Operations = append(p.doc.Operations, op)
	security := v.get("security")
	if !security.ok() {
		security = p.root.get("security")
	}
	return security.each(func(_ string, alternative at) error {
		req := Requirement{}
		err := alternative.each(func(scheme string, scopes at) error {
			s := SchemeScopes{Scheme: p.intern(scheme)}
			_ = scopes.each(func(_ string, v at) error { s.Scopes = append(s.Scopes, p.intern(v.text())); return nil })
			req = append(req, s)
			return nil
		})
		op.Security = append(op.Security, req)
		return err
	})
}

// parameterOf adds a parameter; one of the operation itself goes before one of
// the path with the same name and place.
func (p *path) parameterOf(op *Operation, a at) error {
	param, err := p.parameter(a, p.in)
	if err != nil || param == nil {
		return err
	}
	same := func(q *Parameter) bool { return q.In == param.In && q.Name == param.Name }
	if !slices.ContainsFunc(op.Parameters, same) {
		op.Parameters = append(op.Parameters, param)
	}
	return nil
}

// undeclaredInPath adds the parameters that the template names and nobody
// declared, as required strings.
func (p *path) undeclaredInPath(op *Operation, v at) error {
	rest := op.template
	for {
		_, after, ok := strings.Cut(rest, "{")
		if !ok {
			return nil
		}
		name, behind, ok := strings.Cut(after, "}")
		if !ok || name == "" {
			return v.fault("the path %q has braces that do not close", op.template)
		}
		rest = behind
		if !slices.ContainsFunc(op.Parameters, func(q *Parameter) bool { return q.In == "path" && q.Name == name }) {
			op.Parameters = append(op.Parameters, &Parameter{Name: p.intern(name), In: "path", Style: "simple", Required: true, Place: op.Place})
			p.finding(v, false, "path parameter "+name+" is not declared")
		}
	}
}

// follow resolves a $ref that stands for a path item, a parameter or the like.
func (l *loader) follow(a at, in resource) (at, resource, error) {
	for range 16 {
		ref := a.get("$ref")
		if !ref.is(jsonwalk.String) {
			return a, in, nil
		}
		var err error
		if a, in, err = l.resolve(ref.text(), ref, in); err != nil {
			return a, in, err
		}
	}
	return a, in, a.fault("the reference leads back to itself")
}
