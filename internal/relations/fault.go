package relations

import (
	"fmt"
	"strings"
)

// Error is what is wrong with a model, and where.
type Error struct {
	File         string
	Line, Column int    // from 1; the column counts bytes
	Says         string // what is wrong
	Fix          string // what to write instead
	Excerpt      string // the line
}

// Error says it in one line: file:line:column, what is wrong and what to write.
func (e *Error) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s; %s", e.File, e.Line, e.Column, e.Says, e.Fix)
}

// Shown returns the error with the line and a caret under the place.
func (e *Error) Shown() string {
	line := strings.ReplaceAll(e.Excerpt, "\t", " ")
	return e.Error() + "\n  " + line + "\n  " + strings.Repeat(" ", max(e.Column-1, 0)) + "^"
}

// place is where something stands in a model.
type place struct{ line, column int }

func (p *source) fault(at place, fix, says string, args ...any) *Error {
	e := &Error{File: p.file, Line: at.line, Column: at.column, Says: fmt.Sprintf(says, args...), Fix: fix}
	if at.line > 0 && at.line <= len(p.lines) {
		e.Excerpt = p.lines[at.line-1]
	}
	return e
}
