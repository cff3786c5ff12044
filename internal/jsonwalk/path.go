package jsonwalk

import (
	"errors"
	"fmt"
	"strings"
)

// Path names values in a document: "customer_id", "owner.id", "items[*].owner.id",
// "[*].id". It is compiled once and is immutable.
type Path struct {
	text  string
	steps []string // a member's name, or "" for every element of an array
}

// ErrPath is wrapped by the errors of [CompilePath].
var ErrPath = errors.New("jsonwalk: not a path")

// CompilePath returns the path that text stands for: names separated by dots,
// each followed by any number of "[*]". The empty text is the root.
func CompilePath(text string) (*Path, error) {
	p := &Path{text: text}
	rest := text
	for rest != "" {
		if after, ok := strings.CutPrefix(rest, "[*]"); ok {
			p.steps = append(p.steps, "")
			rest = after
			continue
		}
		if len(p.steps) > 0 {
			after, ok := strings.CutPrefix(rest, ".")
			if !ok {
				return nil, fmt.Errorf("%w: %q", ErrPath, text)
			}
			rest = after
		}
		end := strings.IndexAny(rest, ".[")
		if end < 0 {
			end = len(rest)
		}
		if end == 0 || strings.ContainsAny(rest[:end], "]*\"' ") {
			return nil, fmt.Errorf("%w: %q", ErrPath, text)
		}
		p.steps = append(p.steps, rest[:end])
		rest = rest[end:]
	}
	return p, nil
}

// String returns the path as it was written.
func (p *Path) String() string { return p.text }

// Steps returns the names that the path follows, "" for every element of an array.
// A nil path is the empty one.
func (p *Path) Steps() []string {
	if p == nil {
		return nil
	}
	return p.steps
}

// Many reports whether the path may name more than one value.
func (p *Path) Many() bool {
	for _, s := range p.steps {
		if s == "" {
			return true
		}
	}
	return false
}

// Each calls f for every value that the path names below node from, in order,
// until f returns false. For every place where the path cannot be followed it
// calls f with [Missing], so that what is not there is never taken for what is
// allowed. An array without elements, or null in its place, calls nothing. It
// reports whether f was
// never false.
func (p *Path) Each(d *Doc, from int, f func(node int) bool) bool {
	return each(p.steps, d, from, f)
}

func each(steps []string, d *Doc, at int, f func(int) bool) bool {
	for k, name := range steps {
		if name != "" {
			if at = d.Member(at, name); at == Missing {
				return f(Missing)
			}
			continue
		}
		switch d.Kind(at) {
		case Array:
		case Null:
			return true
		default:
			return f(Missing)
		}
		for c, end := at+1, d.Next(at); c < end; c = d.Next(c) {
			if !each(steps[k+1:], d, c, f) {
				return false
			}
		}
		return true
	}
	return f(at)
}

// Find returns the one value that the path names below node from, or [Missing]
// when there is none or when the path may name several.
func (p *Path) Find(d *Doc, from int) int {
	for _, name := range p.steps {
		if name == "" {
			return Missing
		}
		if from = d.Member(from, name); from == Missing {
			return Missing
		}
	}
	return from
}
