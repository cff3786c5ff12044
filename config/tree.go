package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

const (
	maxFile  = 4 << 20 // bytes: lists of roles over a thousand operations are long
	maxDepth = 32      // blocks and lists inside each other
)

// parse returns the tree of the one document in text, or nil after reporting
// what is wrong with it.
func (r *report) parse(text []byte) *yaml.Node {
	if !r.plain(text) {
		return nil
	}
	root, err := parseOne(text)
	if err != nil {
		line, says := syntax(err)
		if says == severalDocuments {
			line = r.second()
		} else {
			line = r.culprit(line)
		}
		r.add(r.place(line, r.indent(line)), "", says, syntaxFix(says))
		return nil
	}
	if root == nil || len(root.Content) == 0 || root.Content[0].Tag == "!!null" {
		r.add(r.place(1, 1), "", "the file is empty", "apis: {orders: {openapi: orders.openapi.yaml, upstream: http://127.0.0.1:9000}}; or run: gatehouse init orders.openapi.yaml")
		return nil
	}
	top := root.Content[0]
	r.walk(top, "", 1)
	if len(r.list) > 0 {
		return nil
	}
	return top
}

// plain refuses what is not plain UTF-8 text, before any parser sees it.
func (r *report) plain(text []byte) bool {
	if len(text) > maxFile {
		r.add(r.place(1, 1), "", fmt.Sprintf("the file has %d bytes; at most %d are read", len(text), maxFile), "one file per gateway; split the APIs")
		return false
	}
	for i, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSuffix(line, []byte("\r"))
		for at, col := 0, 1; at < len(line); col++ {
			c, n := utf8.DecodeRune(line[at:])
			if says, fix := unfit(c, n); says != "" {
				r.add(r.place(i+1, col), "", says, fix)
				break
			}
			at += n
		}
		if len(r.list) >= maxErrors {
			break
		}
	}
	return len(r.list) == 0
}

// unfit says why a character cannot stand in a configuration. Characters that
// change the direction of the text let a reader see something else than the
// machine (CVE-2021-42574), so they are refused like controls.
func unfit(c rune, size int) (says, fix string) {
	switch {
	case c == utf8.RuneError && size == 1:
		return "a byte that is not UTF-8", "save the file as UTF-8"
	case c == '\t':
		return "a tab: it looks like spaces and is not", `two spaces for each level; inside quotes "\t"`
	case c == '\uFEFF':
		return "a byte order mark", "save the file as UTF-8 without byte order mark"
	case c < 0x20 || c >= 0x7f && c < 0xa0:
		return fmt.Sprintf("a control character (U+%04X)", c), "remove it"
	case c == '\u2028' || c == '\u2029':
		return fmt.Sprintf("a line separator that editors do not show (U+%04X)", c), "an ordinary line end"
	case c >= '\u202A' && c <= '\u202E' || c >= '\u2066' && c <= '\u2069':
		return fmt.Sprintf("a character that changes the direction of the text (U+%04X)", c), "remove it"
	}
	return "", ""
}

const severalDocuments = "a second document begins here; a configuration is one document"

// parseOne parses text into its one document. A parser that panics on foreign
// bytes has found an error like any other.
func parseOne(text []byte) (root *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			root, err = nil, errors.New("yaml: this is not YAML")
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(text))
	var first, second yaml.Node
	if err := d.Decode(&first); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	if err := d.Decode(&second); err == nil {
		return nil, errors.New("yaml: " + severalDocuments)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	return &first, nil
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(?s:(.*))$`)

// syntax takes an error of the YAML parser apart. It leaves the line out when
// it is the first.
func syntax(err error) (line int, says string) {
	m := yamlError.FindStringSubmatch(err.Error())
	if m == nil {
		return 1, "this is not YAML"
	}
	line, _ = strconv.Atoi(m[1])
	return max(line, 1), m[2]
}

func syntaxFix(says string) string {
	switch {
	case says == severalDocuments:
		return "remove the line ---; one file holds all APIs"
	case strings.Contains(says, "mapping values are not allowed"):
		return `key: "value"  (quotes around a value that holds ": ", and the same indentation for the keys of one block)`
	case strings.Contains(says, "could not find expected ':'"):
		return "key: value  (a colon and a space after every key)"
	case strings.Contains(says, "flow"), strings.Contains(says, "did not find expected ',' or"):
		return "[a, b] or {key: value}, closed on the same level"
	case strings.Contains(says, "unknown anchor"):
		return "the value itself; aliases are refused"
	case strings.Contains(says, "quoted scalar"), strings.Contains(says, "escape"):
		return `"text" with the closing quote`
	}
	return "key: value, with two spaces for each level"
}

// culprit returns the line that makes the file unreadable: the one after the
// longest beginning that is YAML. The parser's own line is where the block began.
func (r *report) culprit(line int) int {
	const most = 500 // lines: each costs a parse
	if len(r.lines) > most {
		return line
	}
	for n := len(r.lines) - 1; n > 0; n-- {
		if _, err := parseOne([]byte(strings.Join(r.lines[:n], "\n") + "\n")); err == nil {
			return n + 1
		}
	}
	return line
}

// second returns the line on which the second document begins.
func (r *report) second() int {
	content := false
	for i, line := range r.lines {
		marker := line == "---" || strings.HasPrefix(line, "--- ") || line == "..."
		if marker && content {
			return i + 1
		}
		text := strings.TrimSpace(line)
		content = content || !marker && text != "" && !strings.HasPrefix(text, "#") || marker && line != "---"
	}
	return len(r.lines)
}

// indent returns the column of the first character of a line.
func (r *report) indent(line int) int {
	if line < 1 || line > len(r.lines) {
		return 1
	}
	s := r.lines[line-1]
	return len(s) - len(strings.TrimLeft(s, " ")) + 1
}

// walk refuses what YAML can say and a configuration must not: anything that
// makes one place of the file mean something written at another.
func (r *report) walk(n *yaml.Node, key string, depth int) {
	at := r.place(n.Line, n.Column)
	switch {
	case n.Kind == yaml.AliasNode:
		r.add(at, key, "aliases are refused: what holds here must stand here", "the value itself")
		return
	case n.Anchor != "":
		r.add(at, key, "anchors are refused: what holds here must stand here", "the value without &"+n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		r.add(at, key, "tags are refused", "the value without "+n.Tag)
	case depth > maxDepth:
		r.add(at, key, fmt.Sprintf("more than %d levels", maxDepth), "a flatter form")
		return
	}
	switch n.Kind {
	case yaml.SequenceNode:
		for i, c := range n.Content {
			r.walk(c, fmt.Sprintf("%s[%d]", key, i), depth+1)
		}
	case yaml.MappingNode:
		r.walkKeys(n, key, depth)
	}
}

func (r *report) walkKeys(n *yaml.Node, key string, depth int) {
	first := make(map[string]int, len(n.Content)/2)
	for k, v := range pairs(n) {
		at := r.place(k.Line, k.Column)
		switch {
		case k.Kind != yaml.ScalarNode:
			r.add(at, key, "a key must be text", "name: value")
			continue
		case k.Tag == "!!merge":
			r.add(at, key, "merge keys are refused: what holds here must stand here", "the keys themselves")
			continue
		case k.Anchor != "" || k.Style&yaml.TaggedStyle != 0:
			r.add(at, key, "anchors and tags are refused", "the plain key")
		case k.Value == "" || k.Tag == "!!null":
			r.add(at, key, "an empty key", "name: value")
			continue
		}
		if line, ok := first[k.Value]; ok {
			r.add(at, key, fmt.Sprintf("key %q is already on line %d", k.Value, line), "one of the two; values are never merged")
			continue
		}
		first[k.Value] = k.Line
		r.walk(v, join(key, k.Value), depth+1)
	}
}

// pairs yields the keys and values of a mapping in the order of the file.
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

// lookup returns the key and the value of one entry of a mapping, or nils.
func lookup(n *yaml.Node, name string) (k, v *yaml.Node) {
	for k, v := range pairs(n) {
		if k.Value == name {
			return k, v
		}
	}
	return nil, nil
}

func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// find follows a path such as "issuers[0].algorithms" from n and returns the
// node of the longest part of it that is in the file: a key's node where the
// last part is a key, so that a position points at the name.
func find(n *yaml.Node, path string) *yaml.Node {
	found := n
	for path != "" && n != nil {
		if strings.HasPrefix(path, "[") {
			end := strings.IndexByte(path, ']')
			if end < 0 || n.Kind != yaml.SequenceNode {
				return found
			}
			i, err := strconv.Atoi(path[1:end])
			if err != nil || i < 0 || i >= len(n.Content) {
				return found
			}
			n, path = n.Content[i], strings.TrimPrefix(path[end+1:], ".")
			found = n
			continue
		}
		k, v := longest(n, path)
		if k == nil {
			return found
		}
		found, n = k, v
		path = strings.TrimPrefix(path[len(k.Value):], ".")
	}
	return found
}

// longest returns the entry whose key is the longest beginning of path: keys
// such as operation ids may hold dots themselves.
func longest(n *yaml.Node, path string) (key, value *yaml.Node) {
	for k, v := range pairs(n) {
		rest, ok := strings.CutPrefix(path, k.Value)
		if !ok || rest != "" && rest[0] != '.' && rest[0] != '[' {
			continue
		}
		if key == nil || len(k.Value) > len(key.Value) {
			key, value = k, v
		}
	}
	return key, value
}
