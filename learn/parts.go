package learn

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/magic"
	"github.com/gatehouse-api/gatehouse/internal/multipart"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"go.yaml.in/yaml/v3"
)

// partsType is of bodies that consist of parts (RFC 7578).
const partsType = "multipart/form-data"

// upload is what is known of the files of one field.
type upload struct {
	n, most int
	types   map[string]bool // media types; "" when one did not say
}

// file is one file of a body.
type file struct{ name, mediaType string }

// readParts reads a multipart body as the schema control does: fields of text, and
// files. A field that is something else teaches nothing.
func (q *lesson) readParts(b *Body) reason {
	boundary, err := multipart.Boundary(b.Type)
	if err != nil {
		return leftParts
	}
	var f multipart.Form
	if f.Parse(b.Bytes, boundary, multipart.Limits{}) != nil {
		return leftParts
	}
	for i := range f.Parts {
		p := &f.Parts[i]
		mediaType := (&Body{Type: p.Type}).media()
		switch {
		case p.File && p.Filename == "" && len(p.Content) == 0:
			continue // no file was chosen, says a browser
		case !queryName(p.Name):
			return leftNames
		case len(p.Fields) > 0:
			return leftParts
		case p.File && !fits(p.Content, mediaType):
			return leftParts
		case p.File:
			q.files = append(q.files, file{strings.Clone(p.Name), mediaType})
		case mediaType != "" && mediaType != "text/plain":
			return leftParts
		case !readable(string(p.Content)):
			return leftNames
		default:
			q.form = append(q.form, pair{strings.Clone(p.Name), string(p.Content)})
		}
	}
	for _, one := range q.files {
		if slices.ContainsFunc(q.form, func(p pair) bool { return p.name == one.name }) {
			return leftParts // a file for some programs, a text for others
		}
	}
	return ""
}

// fits reports a file that is what it says it is.
func fits(content []byte, mediaType string) bool {
	switch {
	case !magic.Fits(content, mediaType):
		return false
	case openapi.IsJSON(mediaType):
		return json.Valid(content)
	}
	return !strings.HasPrefix(mediaType, "text/") || bytes.IndexByte(content, 0) < 0
}

// mixed reports a field that was a file in other bodies and is a text now, or the
// other way round.
func (p *payload) mixed(q *lesson) bool {
	return slices.ContainsFunc(q.files, func(f file) bool { return p.form[f.name] != nil }) ||
		slices.ContainsFunc(q.form, func(t pair) bool { return p.files[t.name] != nil })
}

// upload adds the files of one body.
func (p *payload) upload(l *Learner, list []file) {
	times := map[string]int{}
	for _, f := range list {
		u := p.files[f.name]
		if u == nil {
			if p.files == nil {
				p.files = map[string]*upload{}
			}
			u = &upload{types: map[string]bool{}}
			p.files[f.name] = u
			l.size++
		}
		if times[f.name]++; times[f.name] == 1 {
			u.n++
		}
		u.most = max(u.most, times[f.name])
		if len(u.types) < maxTypes {
			u.types[f.mediaType] = true
		} else if !u.types[f.mediaType] {
			u.types[""] = true // too many to be named
		}
	}
}

func (p *payload) addFiles(o *payload) {
	for name, u := range o.files {
		if p.files == nil {
			p.files = map[string]*upload{}
		}
		to := p.files[name]
		if to == nil {
			to = &upload{types: map[string]bool{}}
			p.files[name] = to
		}
		to.n += u.n
		to.most = max(to.most, u.most)
		maps.Copy(to.types, u.types)
	}
}

// schema writes the schema of a field of files.
func (u *upload) schema() block {
	one := newLine()
	one.text("type", "string")
	one.text("format", "binary")
	return several(one, u.most)
}

// encoding writes which media types files may have, or nothing where any may come.
func (p *payload) encoding() *yaml.Node {
	b := newBlock()
	for _, name := range slices.Sorted(maps.Keys(p.files)) {
		if u := p.files[name]; !u.types[""] {
			e := newLine()
			e.text("contentType", strings.Join(slices.Sorted(maps.Keys(u.types)), ", "))
			b.put(name, e.Node)
		}
	}
	if len(b.Content) == 0 {
		return nil
	}
	return b.Node
}
