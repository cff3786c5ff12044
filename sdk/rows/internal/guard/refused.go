package guard

import (
	"fmt"
	"strings"
)

// Refused is that a statement will not be run.
type Refused struct {
	Line, Column int    // of the text, from 1; columns count bytes
	Because      string // what is wrong
	Instead      string // what to write
}

// Error says where, why, and what to write instead.
func (r *Refused) Error() string {
	return fmt.Sprintf("rows: refused at %d:%d: %s; %s", r.Line, r.Column, r.Because, r.Instead)
}

// refuse makes an error of a place in a text.
func refuse(src string, at int, because, instead string) error {
	before := src[:at]
	line := strings.Count(before, "\n") + 1
	return &Refused{Line: line, Column: at - (strings.LastIndexByte(before, '\n') + 1) + 1, Because: because, Instead: instead}
}
