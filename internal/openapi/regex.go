package openapi

// ecmaRegex reports whether the text is a regular expression of ECMA-262, in one
// pass and without building it. Of Annex B, escapes of punctuation and lone
// brackets are taken; letters that mean nothing are not.
func ecmaRegex(b []byte) bool {
	depth := 0
	atom := false // a quantifier may follow
	for i := 0; i < len(b); {
		n := 1
		switch c := b[i]; c {
		case '(':
			depth++
			n, atom = groupLength(b[i:]), false
		case ')':
			if depth--; depth < 0 {
				return false
			}
			atom = true
		case '|', '^', '$':
			atom = false
		case '*', '+', '?':
			if !atom {
				return false
			}
			n, atom = 1+lazy(b[i+1:]), false
		case '{':
			var ok bool
			if n, ok = interval(b[i:]); n > 0 {
				if !atom || !ok {
					return false
				}
				n, atom = n+lazy(b[i+n:]), false
			} else {
				n, atom = 1, true
			}
		case '[':
			n, atom = classLength(b[i:]), true
		case '\\':
			n, atom = escapeLength(b[i:]), true
		default:
			atom = true
		}
		if n <= 0 {
			return false
		}
		i += n
	}
	return depth == 0
}

func lazy(b []byte) int {
	if len(b) > 0 && b[0] == '?' {
		return 1
	}
	return 0
}

// groupLength returns the length of a group's opening, or -1.
func groupLength(b []byte) int {
	if len(b) < 2 || b[1] != '?' {
		return 1
	}
	if len(b) < 3 {
		return -1
	}
	switch b[2] {
	case ':', '=', '!':
		return 3
	case '<':
		if len(b) > 3 && (b[3] == '=' || b[3] == '!') {
			return 4
		}
		if n := groupName(b[2:]); n > 0 {
			return 2 + n
		}
	}
	return -1
}

// groupName returns the length of "<name>", or -1.
func groupName(b []byte) int {
	if len(b) == 0 || b[0] != '<' {
		return -1
	}
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '>':
			if i == 1 {
				return -1
			}
			return i + 1
		case c >= 0x80 || c == '$' || c == '_' || alnum(c) && (i > 1 || c > '9'):
		default:
			return -1
		}
	}
	return -1
}

// interval returns the length of "{n,m}", or 0 when it is none, and whether its
// bounds are in order.
func interval(b []byte) (n int, ok bool) {
	var at [2]int
	var digits [2]int
	part := 0
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			digits[part]++
			at[part] = min(at[part]*10+int(c-'0'), 1<<30)
		case c == ',' && part == 0 && digits[0] > 0:
			part = 1
		case c == '}' && digits[0] > 0:
			return i + 1, part == 0 || digits[1] == 0 || at[0] <= at[1]
		default:
			return 0, false
		}
	}
	return 0, false
}

// classLength returns the length of "[...]", or -1. "[]" and "[^]" are classes.
func classLength(b []byte) int {
	i := 1
	if i < len(b) && b[i] == '^' {
		i++
	}
	for before, dash := -1, false; i < len(b); {
		c, n := int(b[i]), 1
		switch {
		case c == ']':
			return i + 1
		case c == '\\':
			n, c = escapeLength(b[i:]), -1
		case c >= 0x80: // compared by nobody
			c = -1
		case c == '-' && before >= 0 && !dash:
			i, dash = i+1, true
			continue
		}
		if n <= 0 || dash && before >= 0 && c >= 0 && c < before {
			return -1
		}
		if before = c; dash {
			before = -1
		}
		i, dash = i+n, false
	}
	return -1
}

// escapeLength returns the length of an escape, its backslash included, or -1.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return -1
	}
	switch c := b[1]; {
	case in(c, "dDsSwWbBfnrtv"):
		return 2
	case c == 'c':
		if len(b) > 2 && b[2]|0x20 >= 'a' && b[2]|0x20 <= 'z' {
			return 3
		}
		return -1
	case c == 'x':
		return hexadecimal(b, 2)
	case c == 'u':
		if len(b) > 2 && b[2] == '{' {
			for i := 3; i < len(b) && i <= 3+6; i++ {
				if b[i] == '}' && i > 3 {
					return i + 1
				}
				if !hex(b[i]) {
					break
				}
			}
			return -1
		}
		return hexadecimal(b, 4)
	case c == 'k':
		if n := groupName(b[2:]); n > 0 {
			return 2 + n
		}
		return -1
	case c == 'p' || c == 'P':
		for i := 3; i < len(b) && b[2] == '{'; i++ {
			if b[i] == '}' && i > 3 {
				return i + 1
			}
			if !alnum(b[i]) && b[i] != '_' && b[i] != '=' {
				break
			}
		}
		return -1
	case c >= '0' && c <= '9':
		n := 2
		for n < len(b) && b[n] >= '0' && b[n] <= '9' {
			n++
		}
		return n
	case alnum(c):
		return -1
	}
	return 2
}

// hexadecimal returns the length of an escape of n digits.
func hexadecimal(b []byte, n int) int {
	if len(b) < 2+n {
		return -1
	}
	for _, c := range b[2 : 2+n] {
		if !hex(c) {
			return -1
		}
	}
	return 2 + n
}
