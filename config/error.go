package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// Error is one thing that is wrong with a configuration: where, what, and what
// to write instead.
type Error struct {
	Place gatehouse.Place
	Key   string // path of the key from the top of the file: "apis.orders.upstream"
	Says  string // what is wrong
	Fix   string // what to write instead
	Line  string // the line of the file, with secrets masked; "" when it is not known
}

// Error returns the fault with its line, a caret under the column, and the fix.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Place.String() + ": ")
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Says)
	if e.Line != "" {
		line, col := window(e.Line, e.Place.Col)
		fmt.Fprintf(&b, "\n    %s\n    %s^", line, strings.Repeat(" ", col-1))
	}
	if e.Fix != "" {
		b.WriteString("\n  write: " + e.Fix)
	}
	return b.String()
}

// window cuts a long line to what stands around the column.
func window(line string, col int) (string, int) {
	const before, width = 60, 120
	r := []rune(line)
	col = min(max(col, 1), len(r)+1)
	start := 0
	if col > before && len(r) > width {
		start = col - before
	}
	end := min(start+width, len(r))
	return string(r[start:end]), col - start
}

// Errors is everything that is wrong with a configuration, in the order of the
// places.
type Errors []*Error

// Error returns all errors, one after the other.
func (es Errors) Error() string {
	var b strings.Builder
	for i, e := range es {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(e.Error())
	}
	return b.String()
}

// Unwrap returns the single errors, for errors.As.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}

// maxErrors bounds a report: a file with more faults than these has one cause.
const maxErrors = 100

// report collects the errors of one file.
type report struct {
	file  string
	lines []string
	seen  map[reported]*Error
	more  map[*Error]int  // how often another endpoint was refused for the same place
	meant map[string]bool // keys that stand in the file under a misspelt name
	list  Errors
	// endpoints is true while endpoints are compiled: each of them says what is
	// wrong with the one place of the file.
	endpoints bool
	// rename, while a control's block is decoded, gives keys that were written
	// in a short form the name they have in the file.
	rename func(key string) string
}

type reported struct {
	place gatehouse.Place
	key   string
}

func newReport(file string, text []byte) *report {
	return &report{
		file:  file,
		lines: strings.Split(strings.ReplaceAll(string(text), "\r\n", "\n"), "\n"),
		seen:  map[reported]*Error{},
		more:  map[*Error]int{},
		meant: map[string]bool{},
	}
}

func (r *report) place(line, col int) gatehouse.Place {
	return gatehouse.Place{File: r.file, Line: max(line, 1), Col: max(col, 1)}
}

// add takes one error. The first about a key is the one to mend: what follows
// from it is left out, however many endpoints say it again.
func (r *report) add(at gatehouse.Place, key, says, fix string) {
	if r.rename != nil {
		key = r.rename(key)
	}
	id := reported{at, key}
	if e, ok := r.seen[id]; ok {
		if r.endpoints {
			r.more[e]++
		}
		return
	}
	e := &Error{Place: at, Key: key, Says: says, Fix: shaped.ReplaceAllString(fix, "[secret]")}
	e.Line = r.shown(at)
	r.seen[id] = e
	r.list = append(r.list, e)
}

// shown returns the line of a place as it may be shown, or "" when it is not
// of this file or too long to be read by anyone.
func (r *report) shown(at gatehouse.Place) string {
	const longest = 4096 // bytes
	if at.File != r.file || at.Line < 1 || at.Line > len(r.lines) || len(r.lines[at.Line-1]) > longest {
		return ""
	}
	return mask(r.lines[at.Line-1])
}

// err returns everything that was found, sorted by place, or nil.
func (r *report) err() error {
	if len(r.list) == 0 {
		return nil
	}
	out := slices.Clone(r.list)
	slices.SortStableFunc(out, func(a, b *Error) int {
		return comparePlaces(a.Place, b.Place)
	})
	for i, e := range out {
		if n := r.more[e]; n > 0 {
			c := *e
			c.Says += fmt.Sprintf(" (and %d more for other endpoints)", n)
			out[i] = &c
		}
	}
	if over := len(out) - maxErrors; over > 0 {
		last := *out[maxErrors-1]
		last.Says += fmt.Sprintf(" (and %d more faults after this one)", over)
		out = append(out[:maxErrors-1:maxErrors-1], &last)
	}
	return out
}
