package config

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

var (
	// shaped is text that is a credential wherever it stands: a JWT, a private
	// key, the keys of well-known vendors, a password inside a URL.
	shaped = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*` +
		`|-----BEGIN [A-Z ]*PRIVATE KEY-----` +
		`|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b` +
		`|\bgh[pousr]_[A-Za-z0-9]{20,}` +
		`|\bgithub_pat_[A-Za-z0-9_]{20,}` +
		`|\bglpat-[A-Za-z0-9_-]{16,}` +
		`|\b[srp]k_(?:live|test)_[A-Za-z0-9]{8,}` +
		`|\bxox[abeoprs]-[A-Za-z0-9-]{10,}` +
		`|\bAIza[A-Za-z0-9_-]{30,}` +
		`|\bwhsec_[A-Za-z0-9+/=]{16,}` +
		`|[a-z][a-z0-9+.-]*://[^\s/:@]*:[^\s/@]+@` +
		`|[?&](?:ssl)?password=[^\s&"']+`)
	reference = regexp.MustCompile(`^(?:file|kms|vault|env):.`)
	// selector is text under a name such as "key" that says where a key is
	// found, not what it is: words, field names, paths into a request.
	selector   = regexp.MustCompile(`^(?:[a-z]+(?:[._-][a-z]+)*|[A-Z][A-Za-z]*(?:-[A-Z][A-Za-z]*)+|(?:path|query|header|body|cookie|claim|request|response)\.[A-Za-z0-9_.\[\]*-]+)$`)
	maskedLine = regexp.MustCompile(`(?i)([A-Za-z0-9_-]*(?:secret|passw|passphrase|token|key)[A-Za-z0-9_-]*["']?\s*:\s*)([^\s{\[#][^#,}\]]*)`)
)

// always are words whose values are secrets whatever they look like, mostly
// those that may also be selectors.
var (
	always = []string{"secret", "password", "passphrase"}
	mostly = []string{"token", "key"}
)

// referred returns a value with the path of a file: reference made absolute:
// paths start from the folder of the file that they are written in.
func (r *reader) referred(value string) string {
	if path, ok := strings.CutPrefix(value, "file:"); ok && path != "" {
		return "file:" + beside(r.dir, path)
	}
	return value
}

// beside returns the path as seen from the folder, unless it is absolute.
func beside(dir, path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(dir, path)
}

// secretKey reports whether a key's name says that its value is a secret.
func secretKey(name string) bool { return named(name, always) || named(name, mostly) }

func named(name string, words []string) bool {
	for _, part := range strings.FieldsFunc(strings.ToLower(name), func(c rune) bool { return c == '_' || c == '-' || c == '.' }) {
		for _, w := range words {
			if part == w || part == w+"s" || w != "key" && strings.HasSuffix(part, w) {
				return true
			}
		}
	}
	return false
}

// mask hides secrets in a line before it is shown to anyone.
func mask(line string) string {
	line = shaped.ReplaceAllString(line, "[secret]")
	return maskedLine.ReplaceAllStringFunc(line, func(s string) string {
		m := maskedLine.FindStringSubmatch(s)
		name, _, _ := strings.Cut(m[1], ":")
		value := strings.TrimSpace(m[2])
		if !secretKey(strings.Trim(name, ` "'`)) || harmless(name, strings.Trim(value, `"'`)) {
			return s
		}
		return m[1] + "[secret]"
	})
}

// harmless reports whether a value under a secret's name is none.
func harmless(name, value string) bool {
	if reference.MatchString(value) || value == "" || value == "[secret]" || value == "text" {
		return true
	}
	return !named(name, always) && (number.MatchString(value) || selector.MatchString(value))
}

var number = regexp.MustCompile(`^(?:true|false|[0-9][0-9,]*(?:\.[0-9]+)?(?:ns|us|ms|s|m|h|d|KiB|MiB)?(?: ?/ ?[0-9]*[a-z]+)?)$`)

// secrets refuses literals where a reference belongs (config.secret-literal).
// What names files by definition is left out.
func (r *reader) secrets(n *yaml.Node, key string, development bool) {
	switch n.Kind {
	case yaml.SequenceNode:
		for i, c := range n.Content {
			at := fmt.Sprintf("%s[%d]", key, i)
			if c.Kind == yaml.ScalarNode {
				r.secret(c, key, at, development)
				continue
			}
			r.secrets(c, at, development)
		}
	case yaml.MappingNode:
		for k, v := range pairs(n) {
			at := join(key, k.Value)
			switch {
			case at == "listen.tls", at == "idp.people.blocked_passwords":
			case v.Kind == yaml.ScalarNode:
				r.secret(v, at, at, development)
			default:
				r.secrets(v, at, development)
			}
		}
	}
}

// secret judges one value. named is the key whose name counts.
func (r *reader) secret(n *yaml.Node, named, key string, development bool) {
	name := last(named)
	at := r.place(n.Line, n.Column)
	switch {
	case shaped.MatchString(n.Value) && !secretKey(name):
		r.add(at, key, "a secret is written here in plain sight", "the text without it; where a secret belongs stands a reference, as in file:/run/secrets/name")
	case shaped.MatchString(n.Value):
		r.add(at, key, "a secret is written here in plain sight", name+": file:/run/secrets/"+name)
	case secretKey(name) && n.Tag != "!!int" && n.Tag != "!!bool" && n.Tag != "!!float" && n.Tag != "!!null" && !harmless(name, n.Value):
		r.add(at, key, "a secret is a reference, not a value", name+": file:/run/secrets/"+name+"  (or kms:, vault:; env: in development)")
	case strings.HasPrefix(n.Value, "env:") && !development:
		r.add(at, key, "env: is for development: the environment of a process is read by others", name+": file:/run/secrets/"+name)
	}
}
