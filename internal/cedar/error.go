package cedar

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Error is one thing wrong with a policy or a schema, at its place.
type Error struct {
	File         string
	Line, Column int    // from 1; columns count characters
	Policy       string // the policy's id, "" outside of policies
	Says         string // what is wrong
	Fix          string // what to write or do instead
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

// at makes an error at a place of a source.
func at(src Source, line, column int, says, fix string) *Error {
	lines := strings.Split(src.Text, "\n")
	e := &Error{File: src.Name, Line: line, Column: max(1, column), Says: says, Fix: fix}
	if line >= 1 && line <= len(lines) {
		e.Excerpt = strings.TrimRight(lines[line-1], "\r")
	}
	return e
}

// wrong is an error of the policy as a whole.
func (p *Policy) wrong(src Source, says, fix string) *Error {
	e := at(src, p.Line, p.Column, says, fix)
	e.Policy = p.ID
	return e
}

// located finds the place in what the library's parsers say.
var located = regexp.MustCompile(`^(?:parser error: )?(?:parse error at )?\S*?:(\d+):(\d+):?\s*(.*)$`)

func parseError(src Source, err error) *Error  { return readPlace(src, err) }
func schemaError(src Source, err error) *Error { return readPlace(src, err) }

func readPlace(src Source, err error) *Error {
	m := located.FindStringSubmatch(err.Error())
	if m == nil {
		return at(src, 1, 1, err.Error(), "")
	}
	line, _ := strconv.Atoi(m[1])
	column, _ := strconv.Atoi(m[2])
	return at(src, line, column, m[3], "")
}

// explain turns what the validator says of a policy into errors.
func explain(p *Policy, src Source, err error) (out Errors) {
	for _, says := range strings.Split(err.Error(), "\n") {
		out = append(out, p.wrong(src, says, ""))
	}
	return out
}
