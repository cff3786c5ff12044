package guard

import "strings"

// plainString takes a string in which a doubled quote is one and nothing else is
// special.
func (l *lexer) plainString(from int) error {
	if t, ok := l.last(); ok && t.kind != mark {
		return l.refuse(from, "a string follows without a space", "write a space before it")
	}
	if n := len(l.toks); n > 0 && l.toks[n-1].kind == text {
		// PostgreSQL continues the first on the next line, with its escapes.
		return l.refuse(from, "a string follows a string", "write one string, or join them with ||")
	}
	content, ok := l.until('\'')
	if !ok {
		return l.refuse(from, "a string is not closed", "close it with '")
	}
	l.push(text, from, content)
	return nil
}

// until takes what stands between two quotes; a doubled one is one of the content.
func (l *lexer) until(quote byte) (content string, ok bool) {
	l.at++
	from, doubled := l.at, false
	for ; l.at < len(l.src); l.at++ {
		if l.src[l.at] != quote {
			continue
		}
		if l.at+1 < len(l.src) && l.src[l.at+1] == quote {
			doubled = true
			l.at++
			continue
		}
		content = l.src[from:l.at]
		if q := string(quote); doubled {
			content = strings.ReplaceAll(content, q+q, q)
		}
		l.at++
		return content, true
	}
	return "", false
}

// prefixed takes a string with a letter before its quote: E'..', B'..', X'..'.
func (l *lexer) prefixed(from int, prefix string) error {
	if n := len(l.toks); n > 0 && l.toks[n-1].kind == text {
		return l.refuse(from, "a string follows a string", "write one string, or join them with ||")
	}
	switch {
	case prefix == "e" && l.dialect == PostgreSQL:
		return l.escaped(from)
	case prefix == "x", prefix == "b" && l.dialect == PostgreSQL:
		content, ok := l.until('\'')
		if !ok || strings.Trim(lower(content), "0123456789abcdef") != "" {
			return l.refuse(from, "bits or bytes are not closed, or not of hexadecimal digits", "pass them as a parameter")
		}
		l.push(text, from, "")
		return nil
	}
	return l.refuse(from, "a string follows a word without a space", "write a space before it, or pass the string as a parameter")
}

// escaped takes E'...' of PostgreSQL, in which a backslash escapes.
func (l *lexer) escaped(from int) error {
	for l.at++; l.at < len(l.src); l.at++ {
		switch l.src[l.at] {
		case '\\':
			l.at++
		case '\'':
			if l.at+1 < len(l.src) && l.src[l.at+1] == '\'' {
				l.at++
				continue
			}
			l.at++
			l.push(text, from, "")
			return nil
		}
	}
	return l.refuse(from, "a string is not closed", "close it with '")
}

// quotedName takes a name in quotes.
func (l *lexer) quotedName(quote byte) error {
	from := l.at
	if t, ok := l.last(); ok && t.kind != mark {
		return l.refuse(from, "a quoted name follows without a space", "write a space before it")
	}
	closing := quote
	if quote == '[' {
		closing = ']'
	}
	content, ok := l.until(closing)
	if quote == '[' && ok && strings.Contains(content, "]") { // SQLite has no way to write one
		return l.refuse(from, "a name in brackets holds a bracket", `write it in double quotes`)
	}
	if !ok || content == "" {
		return l.refuse(from, "a quoted name is not closed, or empty", "close it")
	}
	if err := l.fits(from, content); err != nil {
		return err
	}
	l.push(quoted, from, content)
	return nil
}

// dollar takes a placeholder, or a string of PostgreSQL's between $tag$ and $tag$.
func (l *lexer) dollar(c byte) error {
	from := l.at
	if t, ok := l.last(); ok && t.kind != mark {
		return l.refuse(from, "a placeholder follows without a space", "write a space before it")
	}
	l.at++
	start := l.at
	for l.at < len(l.src) && isDigit(l.src[l.at]) {
		l.at++
	}
	if l.at > start || c == '?' {
		if l.at < len(l.src) && (isNamePart(l.src[l.at]) || l.src[l.at] == '\'' || l.src[l.at] == '"') || l.at-start > 5 {
			return l.refuse(from, "something follows a placeholder without a space, or its number is too high", "write a space after it")
		}
		if c != '?' && c != '$' || c == '$' && l.dialect == SQLite {
			return l.refuse(from, "a placeholder is named by a number", "write ?"+l.src[start:l.at])
		}
		if l.at > start && l.src[start] == '0' {
			return l.refuse(from, "the number of a placeholder begins with 0", "count from 1")
		}
		l.push(param, from, l.src[start:l.at])
		return nil
	}
	for l.at < len(l.src) && isNamePart(l.src[l.at]) && l.src[l.at] != '$' {
		l.at++
	}
	if l.dialect == SQLite {
		return l.namedParam(from)
	}
	if l.at >= len(l.src) || l.src[l.at] != '$' {
		return l.refuse(from, "a $ begins neither a placeholder nor a string", "take it out")
	}
	l.at++
	tag := l.src[from:l.at]
	end := strings.Index(l.src[l.at:], tag)
	if end < 0 {
		return l.refuse(from, "a string is not closed", "close it with "+tag)
	}
	if n := len(l.toks); n > 0 && l.toks[n-1].kind == text {
		return l.refuse(from, "a string follows a string", "join them with ||")
	}
	l.at += end + len(tag)
	l.push(text, from, "")
	return nil
}

// namedParam takes :name, @name or $name of SQLite, without the suffixes of Tcl.
func (l *lexer) namedParam(from int) error {
	if l.at == from+1 || l.at < len(l.src) && strings.IndexByte("$:(", l.src[l.at]) >= 0 {
		return l.refuse(from, "a placeholder has no plain name", "write :name or ?")
	}
	l.push(param, from, l.src[from:l.at])
	return nil
}
