package redact

import "strings"

// Template is an endpoint's template such as "/v1/orders/{orderId}", judged once
// so that the paths of its requests are judged quickly.
type Template struct {
	text   string
	parts  []part
	prefix string // the parts before the first parameter, each behind its slash
	before int    // how many those are
	after  bool   // the last of them names a secret
}

// part is one segment of a template.
type part struct {
	text  string
	names bool // as a segment it names a secret, which the next one holds
	masks bool // it is a parameter whose name is sensitive
}

// NewTemplate returns the template. With "", when there is none, all segments
// are judged by themselves.
func NewTemplate(text string) *Template {
	t := newTemplate(nil, text)
	return &t
}

func newTemplate(parts []part, text string) Template {
	t := Template{text: text, parts: parts}
	for rest := text; rest != "" && len(t.parts) < maxPart; {
		var p part
		p.text, rest = cutSegment(rest)
		p.names = sensitive(p.text)
		p.masks = len(p.text) > 2 && p.text[0] == '{' && sensitive(p.text[1:len(p.text)-1])
		if t.before == len(t.parts) && text[0] == '/' && !strings.Contains(p.text, "{") {
			t.before, t.prefix, t.after = t.before+1, text[:len(text)-len(rest)], p.names
		}
		t.parts = append(t.parts, p)
	}
	return t
}

// Append appends the canonical path. Segments that the template spells out are
// kept, and the values of parameters with a sensitive name are masked.
func (t *Template) Append(dst []byte, path string) []byte {
	if path == t.text {
		return append(dst, path...)
	}
	n, after := 0, false // after: the segment before this one names a secret
	if p := len(t.prefix); p > 0 && len(path) > p && path[p] == '/' && path[:p] == t.prefix {
		dst, path, n, after = append(dst, path[:p]...), path[p:], t.before, t.after
	}
	for ; path != ""; n++ {
		if n == maxPart {
			return append(dst, "/"+Mask...)
		}
		var seg string
		seg, path = cutSegment(path)
		var p part
		if n < len(t.parts) {
			p = t.parts[n]
		}
		dst = append(dst, '/')
		switch {
		case p.text != "" && seg == p.text:
			dst = append(dst, seg...)
			after = p.names
			continue
		case after || p.masks:
			if seg != "" {
				dst = append(dst, Mask...)
			}
		default:
			dst = segment(dst, seg)
		}
		after = path != "" && sensitive(seg)
	}
	return dst
}

// segment appends a segment, judged by itself.
func segment(dst []byte, s string) []byte {
	if len(s) <= maxWord && plain(s) && !secretShaped(s) || uuid(s) {
		return append(dst, s...)
	}
	return append(dst, Mask...)
}

// Path appends the canonical path of an endpoint with this template, as
// [Template.Append] does more quickly.
func Path(dst []byte, path, template string) []byte {
	var room [maxPart]part
	t := newTemplate(room[:0], template)
	return t.Append(dst, path)
}

// cutSegment returns the first segment of a path without its slash, and the rest.
func cutSegment(path string) (seg, rest string) {
	if path != "" && path[0] == '/' {
		path = path[1:]
	}
	for i := range len(path) {
		if path[i] == '/' {
			return path[:i], path[i:]
		}
	}
	return path, ""
}
