package openapi

import (
	"math"
	"regexp/syntax"
	"unicode/utf8"
)

// chain is a pattern that is anchored at both ends and made of classes of ASCII
// characters, one behind the other: what patterns of ids, codes and dates are.
// It is matched in one pass and 20 times faster than by package regexp.
type chain []link

// link is a class and how often it comes.
type link struct {
	set      [2]uint64 // of ASCII characters
	min, max int       // max is -1 when there is no end
}

// maxLinks bounds how long a chain is looked for.
const maxLinks = 64

// chainOf returns the chain that matches what the expression does, or nil when
// there is none.
func chainOf(expression string) chain {
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil || tree.Op != syntax.OpConcat || len(tree.Sub) < 2 {
		return nil
	}
	first, inner, last := tree.Sub[0], tree.Sub[1:len(tree.Sub)-1], tree.Sub[len(tree.Sub)-1]
	if first.Op != syntax.OpBeginText || last.Op != syntax.OpEndText {
		return nil
	}
	c := chain{}
	for _, e := range inner {
		if c = c.with(e, 1, 1); c == nil {
			return nil
		}
	}
	if !c.determined() {
		return nil
	}
	return c
}

// with adds a part of an expression that comes min to max times, or returns nil.
func (c chain) with(e *syntax.Regexp, min, max int) chain {
	once := min == 1 && max == 1
	switch e.Op {
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range e.Sub {
			if c != nil && once {
				c = c.with(sub, 1, 1)
			}
		}
		if !once {
			return nil
		}
		return c
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		if !once {
			return nil
		}
		lower, upper := times(e)
		return c.with(e.Sub[0], lower, upper)
	case syntax.OpLiteral:
		if e.Flags&syntax.FoldCase != 0 || !once && len(e.Rune) != 1 {
			return nil
		}
		for _, r := range e.Rune {
			if c = c.class([]rune{r, r}, min, max); c == nil {
				return nil
			}
		}
		return c
	case syntax.OpCharClass:
		return c.class(e.Rune, min, max)
	}
	return nil
}

func times(e *syntax.Regexp) (min, max int) {
	switch e.Op {
	case syntax.OpStar:
		return 0, -1
	case syntax.OpPlus:
		return 1, -1
	case syntax.OpQuest:
		return 0, 1
	}
	return e.Min, e.Max
}

// class adds a class, given as ranges, when all of it is ASCII.
func (c chain) class(ranges []rune, min, max int) chain {
	l := link{min: min, max: max}
	for i := 0; i < len(ranges); i += 2 {
		if ranges[i+1] >= utf8.RuneSelf {
			return nil
		}
		for r := ranges[i]; r <= ranges[i+1]; r++ {
			l.set[r>>6] |= 1 << (r & 63)
		}
	}
	if len(c) == maxLinks {
		return nil
	}
	return append(c, l)
}

// determined reports whether the chain never has to try twice: what may follow a
// link that comes a varying number of times is not in its class.
func (c chain) determined() bool {
	for i, l := range c {
		if l.min == l.max {
			continue
		}
		for _, next := range c[i+1:] {
			if l.set[0]&next.set[0] != 0 || l.set[1]&next.set[1] != 0 {
				return false
			}
			if next.min > 0 {
				break
			}
		}
	}
	return true
}

func (c chain) match(b []byte) bool {
	at := 0
	for i := range c {
		l := &c[i]
		n := 0
		for n != l.max && at < len(b) && b[at] < utf8.RuneSelf && l.set[b[at]>>6]&(1<<(b[at]&63)) != 0 {
			n, at = n+1, at+1
		}
		if n < l.min {
			return false
		}
	}
	return at == len(b)
}

// stencil is a chain of which only the last link may come a varying number of
// times, so that a character's place says which link it must be of. All of them
// are looked at, and no link hangs on the one before it.
type stencil struct {
	min, max  int         // how many characters there are
	low, high uint64      // the least and the greatest character of each of the first eight places
	ranges    bool        // and all between them may stand there, too
	at        [256]uint64 // by character: the places where it may stand; the last one is that of all beyond
}

// stencil returns the stencil that matches what the chain does, or nil.
func (c chain) stencil() *stencil {
	const last = 63
	s := &stencil{}
	for i, l := range c {
		places := uint64(math.MaxUint64) << s.min
		if i < len(c)-1 {
			if l.min != l.max || s.min+l.min > last {
				return nil
			}
			places -= math.MaxUint64 << (s.min + l.min)
		}
		for b := range utf8.RuneSelf {
			if l.set[b>>6]>>(b&63)&1 == 1 {
				s.at[b] |= places
			}
		}
		if s.max = s.min + l.max; l.max < 0 {
			s.max = math.MaxInt
		}
		s.min += l.min
	}
	s.range8()
	return s
}

// range8 finds out whether the characters that may stand in each of the first eight
// places are all between two.
func (s *stencil) range8() {
	s.ranges = true
	for place := range 8 {
		var of []byte
		for c := range s.at {
			if s.at[c]>>place&1 == 1 {
				of = append(of, byte(c))
			}
		}
		if len(of) == 0 { // nothing is ever there
			continue
		}
		low, high := of[0], of[len(of)-1]
		s.ranges = s.ranges && int(high-low) == len(of)-1
		s.low |= uint64(low) << (8 * place)
		s.high |= uint64(high) << (8 * place)
	}
}

// match8 is match for n characters of ASCII, at most eight, that x begins with, where
// ranges are enough. With its high bit set, a byte that is not less than another one keeps
// that bit when the other is taken from it, and the bytes behind it stay as they are.
func (s *stencil) match8(x uint64, n int) bool {
	within := ((x | highs) - s.low) & ((s.high | highs) - x) & highs
	return n >= s.min && n <= s.max && (within^highs)<<(64-8*n) == 0
}

func (s *stencil) match(b []byte) bool {
	if len(b) < s.min || len(b) > s.max {
		return false
	}
	fits := uint64(1)
	for i, c := range b {
		fits &= s.at[c] >> min(i, 63)
	}
	return fits == 1
}
