package openapi

import (
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// parameter compiles a parameter, once. It returns nil for the fields that are
// declared elsewhere: Accept, Content-Type and Authorization.
func (l *loader) parameter(a at, in resource) (*Parameter, error) {
	a, in, err := l.follow(a, in)
	if err != nil {
		return nil, err
	}
	if p, ok := l.params[a]; ok {
		return p, nil
	}
	if err := unruled(a, "a parameter"); err != nil {
		return nil, err
	}
	p := &Parameter{
		Name: l.intern(a.get("name").text()), In: l.intern(a.get("in").text()), Style: l.intern(a.get("style").text()),
		Required: a.get("required").truth(), Deprecated: a.get("deprecated").truth(), Reserved: a.get("allowReserved").truth(), Empty: a.get("allowEmptyValue").truth(), Place: a.place(),
	}
	if p.Name == "" {
		return nil, a.fault("a parameter has a name")
	}
	if err := p.defaults(a); err != nil {
		return nil, err
	}
	if p.In == "header" {
		switch p.Name = strings.ToLower(p.Name); p.Name {
		case "accept", "content-type", "authorization":
			return nil, nil
		}
	}
	p.Explode = p.Style == "form"
	if e := a.get("explode"); e.ok() {
		p.Explode = e.truth()
	}
	schema := a.get("schema")
	_ = a.get("content").each(func(mediaType string, m at) error {
		p.JSON = p.JSON || IsJSON(mediaType)
		schema = m.get("schema")
		return nil
	})
	if schema.ok() {
		if p.Schema, err = l.entry(schema, in); err != nil {
			return nil, err
		}
	}
	l.params[a] = p
	return p, nil
}

// defaults fills in the style of each place and refuses those of another.
func (p *Parameter) defaults(a at) error {
	allowed := ""
	switch p.In {
	case "path":
		p.Required = true
		allowed = "simple label matrix"
	case "header":
		allowed = "simple"
	case "cookie":
		allowed = "form cookie"
	case "query":
		allowed = "form spaceDelimited pipeDelimited deepObject"
	case "querystring":
		return a.fault("parameters in querystring are not read")
	default:
		return a.fault("in is one of path, query, header and cookie")
	}
	first, _, _ := strings.Cut(allowed, " ")
	if p.Style == "" {
		p.Style = first
		return nil
	}
	for style := range strings.FieldsSeq(allowed) {
		if style == p.Style {
			return nil
		}
	}
	return a.fault("style %q does not exist in %s", p.Style, p.In)
}

// IsJSON reports whether bodies of the media type, without parameters and whatever
// the case of its letters, are JSON documents (RFC 6839 section 3.1).
func IsJSON(mediaType string) bool {
	const plain, suffix = "application/json", "+json"
	n := len(mediaType) - len(suffix)
	return mediaType == plain || strings.EqualFold(mediaType, plain) || n >= 0 && strings.EqualFold(mediaType[n:], suffix)
}

// bodies reads what an operation takes and gives.
func (p *path) bodies(op *Operation, v at) (err error) {
	if b := v.get("requestBody"); b.ok() {
		if op.RequestBody, err = p.requestBody(b, p.in); err != nil {
			return err
		}
	}
	return v.get("responses").each(func(status string, a at) error {
		if strings.HasPrefix(status, "x-") {
			return nil
		}
		code, err := statusCode(status)
		if err != nil {
			return a.fault("%v", err)
		}
		r, err := p.response(a, p.in)
		if err != nil {
			return err
		}
		// A shared response stands under several statuses.
		of := *r
		of.Status, of.code = p.intern(status), code
		op.Responses = append(op.Responses, &of)
		return nil
	})
}

func (l *loader) requestBody(a at, in resource) (*RequestBody, error) {
	a, in, err := l.follow(a, in)
	if err != nil {
		return nil, err
	}
	if b, ok := l.requests[a]; ok {
		return b, nil
	}
	b := &RequestBody{Required: a.get("required").truth()}
	if b.Content, err = l.content(a.get("content"), in); err != nil {
		return nil, err
	}
	l.requests[a] = b
	return b, nil
}

func (l *loader) response(a at, in resource) (*Response, error) {
	a, in, err := l.follow(a, in)
	if err != nil {
		return nil, err
	}
	if r, ok := l.replies[a]; ok {
		return r, nil
	}
	if err := a.want(jsonwalk.Object, "a response"); err != nil {
		return nil, err
	}
	r := &Response{}
	if r.Content, err = l.content(a.get("content"), in); err != nil {
		return nil, err
	}
	_ = a.get("headers").each(func(name string, _ at) error {
		r.Headers = append(r.Headers, l.intern(strings.ToLower(name)))
		return nil
	})
	l.replies[a] = r
	return r, nil
}

func (l *loader) content(a at, in resource) ([]MediaType, error) {
	var list []MediaType
	err := a.each(func(name string, m at) error {
		name, _, _ = strings.Cut(strings.ToLower(name), ";")
		if err := unruled(m, "a media type"); err != nil {
			return err
		}
		t := MediaType{Type: l.intern(strings.TrimSpace(name))}
		if s := m.get("schema"); s.ok() {
			var err error
			if t.Schema, err = l.entry(s, in); err != nil {
				return err
			}
		}
		var err error
		if t.Encoding, err = l.encodings(m.get("encoding"), in); err != nil {
			return err
		}
		if err := l.sequence(&t, m, in); err != nil {
			return err
		}
		list = append(list, t)
		return nil
	})
	return list, err
}
