package openapi

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// errPattern is wrapped by patterns that linear-time matching cannot express.
var errPattern = errors.New("pattern is not supported")

// patternOf compiles a pattern of ECMA-262 for RE2, once. A negative look-ahead
// at its beginning becomes a second, negated pattern; other look-around and back
// references are errors, since they cannot be matched in linear time.
func (l *loader) patternOf(text string) (*pattern, error) {
	if p, ok := l.patterns[text]; ok {
		return p, nil
	}
	p := new(pattern)
	rest := text
	if inner, after, ok := leadingNot(text); ok {
		not, err := translate(inner)
		if err == nil {
			p.not, err = regexp.Compile("^(?:" + not + ")")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %q: %w", errPattern, text, err)
		}
		rest = "^" + after
	}
	is, err := translate(rest)
	if err == nil {
		p.is, err = regexp.Compile(is)
		if p.chain = chainOf(is); p.chain != nil {
			p.stencil = p.chain.stencil()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %w", errPattern, text, err)
	}
	l.patterns[text] = p
	return p, nil
}

func (p *pattern) match(b []byte) bool {
	if p.stencil != nil {
		return p.stencil.match(b) && (p.not == nil || !p.not.Match(b))
	}
	if p.chain != nil {
		return p.chain.match(b) && (p.not == nil || !p.not.Match(b))
	}
	return p.is.Match(b) && (p.not == nil || !p.not.Match(b))
}

// leadingNot splits "^(?!inner)after".
func leadingNot(s string) (inner, after string, ok bool) {
	rest, ok := strings.CutPrefix(s, "^(?!")
	if !ok {
		return "", "", false
	}
	depth, class := 1, false
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '\\':
			i++
		case class:
			class = c != ']'
		case c == '[':
			class = true
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				return rest[:i], rest[i+1:], !strings.Contains(rest[i+1:], "|") || !topLevelOr(rest[i+1:])
			}
		}
	}
	return "", "", false
}

// topLevelOr reports an alternative that the look-ahead would not cover.
func topLevelOr(s string) bool {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		case '|':
			if depth == 0 {
				return true
			}
		}
	}
	return false
}

// ecmaSpace is what \s matches in ECMA-262; RE2's matches ASCII only.
const ecmaSpace = `\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}`

// translate rewrites the escapes that RE2 does not know or reads otherwise.
func translate(s string) (string, error) {
	var b strings.Builder
	class := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '[' && !class:
			class = true
		case c == '[' && class:
			b.WriteByte('\\')
		case c == ']':
			class = false
		}
		if c != '\\' || i+1 == len(s) {
			b.WriteByte(c)
			continue
		}
		i++
		n, err := escapeOf(&b, s[i:], class)
		if err != nil {
			return "", err
		}
		i += n - 1
	}
	return b.String(), nil
}

// escapeOf writes the escape whose backslash is behind us, and returns its
// length without it.
func escapeOf(b *strings.Builder, s string, class bool) (int, error) {
	switch s[0] {
	case 'u':
		if len(s) >= 5 && isHex(s[1:5]) {
			b.WriteString(`\x{` + s[1:5] + `}`)
			return 5, nil
		}
		return 0, errPattern
	case 'c':
		if len(s) >= 2 && (s[1]|0x20) >= 'a' && (s[1]|0x20) <= 'z' {
			fmt.Fprintf(b, `\x{%x}`, s[1]&0x1f)
			return 2, nil
		}
		return 0, errPattern
	case 's':
		if class {
			b.WriteString(ecmaSpace)
		} else {
			b.WriteString("[" + ecmaSpace + "]")
		}
		return 1, nil
	case 'S':
		if class {
			return 0, errPattern
		}
		b.WriteString("[^" + ecmaSpace + "]")
		return 1, nil
	case 'p', 'P':
		for long, short := range map[string]string{"{Letter}": "{L}", "{digit}": "{Nd}", "{Number}": "{N}", "{Uppercase_Letter}": "{Lu}", "{Lowercase_Letter}": "{Ll}"} {
			if strings.HasPrefix(s[1:], long) {
				b.WriteString(`\` + s[:1] + short)
				return 1 + len(long), nil
			}
		}
	case 'a', 'z', 'A', 'Z', 'Q', 'E', 'C':
		// RE2 reads these otherwise than ECMA-262, which does not have them.
		return 0, errPattern
	}
	b.WriteByte('\\')
	b.WriteByte(s[0])
	return 1, nil
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}
