package openapi

import (
	"bytes"
	"fmt"
	"sort"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// treeLimits bound one file of a description.
var treeLimits = jsonwalk.Limits{Bytes: 64 << 20, Depth: 256, Keys: 1 << 20, Values: 1 << 23, Exponent: 400, AllowNUL: true}

// tree is one file, read.
type tree struct {
	uri    string // where it stands: "file:///orders.yaml"
	name   string // how people call it
	doc    jsonwalk.Doc
	lines  []int32  // YAML: the line of each node
	breaks []uint32 // JSON: the offset of each line's end
	ids    bool     // it holds $id or anchors somewhere
}

// at is a place in a tree. Its node is jsonwalk.Missing for what is not there.
type at struct {
	*tree
	n int
}

func (l *loader) parse(uri, name string, data []byte) (*tree, error) {
	t := &tree{uri: uri, name: name}
	first := bytes.TrimLeft(data, " \t\r\n")
	isJSON := len(first) > 0 && (first[0] == '{' || first[0] == '[') && !strings.HasSuffix(name, ".yaml") && !strings.HasSuffix(name, ".yml")
	if isJSON || bytes.Equal(first, []byte("true")) || bytes.Equal(first, []byte("false")) {
		for i := 0; i < len(data); {
			n := bytes.IndexByte(data[i:], '\n')
			if n < 0 {
				break
			}
			i += n + 1
			t.breaks = append(t.breaks, uint32(i))
		}
	} else {
		var err error
		if data, t.lines, err = fromYAML(name, data); err != nil {
			return nil, err
		}
	}
	if err := t.doc.Parse(data, treeLimits); err != nil {
		return nil, &Error{Place{File: name, Line: t.lineOf(uint32(t.doc.At()))}, err.Error()}
	}
	t.ids = bytes.Contains(data, []byte(`"$id"`)) || bytes.Contains(data, []byte(`nchor"`))
	return t, nil
}

func (t *tree) lineOf(offset uint32) int {
	return 1 + sort.Search(len(t.breaks), func(i int) bool { return t.breaks[i] > offset })
}

func (a at) ok() bool { return a.n != jsonwalk.Missing }

func (a at) is(k jsonwalk.Kind) bool { return a.ok() && a.doc.Kind(a.n) == k }

func (a at) get(name string) at {
	if !a.ok() {
		return a
	}
	return at{a.tree, a.doc.Member(a.n, name)}
}

// each calls f for every member or element.
func (a at) each(f func(name string, v at) error) error {
	if !a.is(jsonwalk.Object) && !a.is(jsonwalk.Array) {
		return nil
	}
	for c, end := a.n+1, a.doc.Next(a.n); c < end; c = a.doc.Next(c) {
		if err := f(string(a.doc.Name(c)), at{a.tree, c}); err != nil {
			return err
		}
	}
	return nil
}

// text returns a string's text, or "" for everything else.
func (a at) text() string {
	if !a.is(jsonwalk.String) {
		return ""
	}
	return string(a.doc.Text(a.n))
}

func (a at) raw() []byte { return a.doc.Raw(a.n) }

func (a at) truth() bool { return a.is(jsonwalk.True) }

func (a at) place() Place {
	return Place{File: a.name, Line: a.line(a.n), Pointer: a.pointer()}
}

// line returns the line of node n.
func (t *tree) line(n int) int {
	if t.lines != nil && n < len(t.lines) {
		return int(t.lines[n])
	}
	return t.lineOf(uint32(t.doc.Offset(n)))
}

// pointer is like jsonwalk's, but shows every name: a description is no secret.
func (a at) pointer() string {
	var b strings.Builder
	for n := 0; n < a.n; {
		index := 0
		for c := n + 1; ; c, index = a.doc.Next(c), index+1 {
			if a.n >= a.doc.Next(c) {
				continue
			}
			b.WriteByte('/')
			if a.doc.Kind(n) == jsonwalk.Object {
				b.WriteString(escapePointer(string(a.doc.Name(c))))
			} else {
				fmt.Fprint(&b, index)
			}
			n = c
			break
		}
	}
	return b.String()
}

func (a at) fault(format string, args ...any) error {
	return &Error{a.place(), fmt.Sprintf(format, args...)}
}

// want refuses a place that does not hold what it should.
func (a at) want(k jsonwalk.Kind, what string) error {
	if a.is(k) {
		return nil
	}
	return a.fault("%s expected", what)
}

func escapePointer(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
}

func unescapePointer(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, "~1", "/"), "~0", "~")
}
