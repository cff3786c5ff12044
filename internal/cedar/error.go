package cedar

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error is one thing wrong with a policy or a schema, at its place.
type Error struct {
	File         string
	Line, Column int    // from 1; columns count characters
	Policy       string // the policy's id, "" where there is none yet
	Says         string // what is wrong
	Fix          string // what to write or do instead, "" where nobody can know
	Excerpt      string // the line of the source
	Width        int    // how many characters of it are meant
}

// Error prints the place, the policy, what is wrong, the line with a caret, and
// the fix.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(place(e.File, e.Line, e.Column) + ": ")
	if e.Policy != "" {
		b.WriteString("policy " + e.Policy + ": ")
	}
	b.WriteString(e.Says)
	if e.Excerpt != "" {
		b.WriteString("\n    " + strings.ReplaceAll(e.Excerpt, "\t", " ") + "\n    " + strings.Repeat(" ", e.Column-1) + strings.Repeat("^", max(1, e.Width)))
	}
	if e.Fix != "" {
		b.WriteString("\n  fix: " + e.Fix)
	}
	return b.String()
}

// Errors is everything that is wrong with a set.
type Errors []*Error

// Error prints them one after another.
func (e Errors) Error() string {
	out := make([]string, len(e))
	for i, one := range e {
		out[i] = one.Error()
	}
	return strings.Join(out, "\n")
}

// Unwrap lets errors.As find the first of them.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, one := range e {
		out[i] = one
	}
	return out
}

func place(file string, line, column int) string {
	return fmt.Sprintf("%s:%d:%d", file, line, column)
}

// at makes an error at a part of a source, in bytes. What goes beyond its line is
// not underlined.
func at(src Source, start, end int, says, fix string) *Error {
	e := &Error{File: src.Name, Says: says, Fix: fix}
	e.Line, e.Column = lineAndColumn(src.Text, start)
	from, to := lineOf(src.Text, start)
	e.Excerpt = strings.TrimRight(src.Text[from:to], "\r")
	e.Width = utf8.RuneCountInString(src.Text[start:max(start, min(end, to))])
	return e
}

// lineOf is the line that an offset is in, without its end.
func lineOf(text string, offset int) (from, to int) {
	offset = min(offset, len(text))
	from = strings.LastIndexByte(text[:offset], '\n') + 1
	return from, offset + lineEnd(text[offset:])
}

// rewrite is the line to write instead: that of a part, with the part changed.
func rewrite(src Source, start, end int, instead string) string {
	from, to := lineOf(src.Text, start)
	if end > to { // over several lines: the part alone
		return "write " + instead
	}
	return "write " + strings.TrimSpace(src.Text[from:start]+instead+src.Text[end:to])
}

// wrong is an error of the policy as a whole.
func (p *Policy) wrong(src Source, says, fix string) *Error {
	e := at(src, p.offset, p.offset, says, fix)
	e.Policy = p.ID
	return e
}

// parseError says where a text stops to be policies, and what was meant. What the
// library refuses and our reading does not is said in its words.
func parseError(src Source, err error) *Error {
	_, bad := readLayout(src.Text)
	if bad == nil {
		return readPlace(src, err)
	}
	e := at(src, bad.at.start, bad.at.end, bad.says, bad.fix)
	if bad.instead != "" {
		e.Fix = rewrite(src, bad.at.start, bad.at.end, bad.instead)
		if bad.fix != "" {
			e.Fix = bad.fix + "; " + e.Fix
		}
	}
	return e
}

// located finds the place in what the library's parsers say.
var located = regexp.MustCompile(`^(?:parser error: )?(?:parse error at )?\S*?:(\d+):(\d+):?\s*(.*)$`)

func readPlace(src Source, err error) *Error {
	m := located.FindStringSubmatch(err.Error())
	if m == nil {
		return at(src, 0, 0, err.Error(), "")
	}
	line, _ := strconv.Atoi(m[1])
	column, _ := strconv.Atoi(m[2])
	offset := 0
	for ; line > 1 && offset < len(src.Text); line-- {
		offset += lineEnd(src.Text[offset:]) + 1
	}
	for rest := src.Text[min(offset, len(src.Text)):]; column > 1 && rest != ""; column-- {
		_, n := utf8.DecodeRuneInString(rest)
		rest, offset = rest[n:], offset+n
	}
	return at(src, min(offset, len(src.Text)), offset, m[3], "")
}
