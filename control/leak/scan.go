package leak

import (
	"maps"
	"slices"
)

// window is how many bytes of every pattern the scanner looks at first: the
// length of the shortest, and of the longer ones the rarest stretch.
const window = 4

// scanner finds patterns by the method of Wu and Manber (1994): it looks at the
// last two bytes of a window and, where no pattern has them, moves on by up to
// three bytes at once. It is immutable.
type scanner struct {
	// shift says, by two bytes, how far to move; from window on it says which of
	// ends may stand here.
	shift [1 << 14]uint8
	ends  [][]placed // the patterns whose windows have the same last two bytes
}

// placed is a pattern and where its window begins.
type placed struct {
	pattern
	at int
}

// pairOf leaves the eighth bits out, so that the table stays in the processor's
// first cache; all patterns are ASCII.
func pairOf(a, b byte) uint16 { return uint16(a&0x7f)<<7 | uint16(b&0x7f) }

// newScanner returns a scanner for up to 250 patterns of at least four ASCII bytes.
func newScanner(list []pattern) *scanner {
	s := &scanner{}
	for i := range s.shift {
		s.shift[i] = window - 1
	}
	ends := map[uint16][]placed{}
	for _, p := range list {
		at := rarest(p.text)
		w := p.text[at : at+window]
		for i := 1; i < window-1; i++ {
			pair := pairOf(w[i-1], w[i])
			s.shift[pair] = min(s.shift[pair], uint8(window-1-i))
		}
		last := pairOf(w[window-2], w[window-1])
		ends[last] = append(ends[last], placed{p, at})
	}
	for _, pair := range slices.Sorted(maps.Keys(ends)) {
		s.shift[pair] = uint8(window + len(s.ends))
		s.ends = append(s.ends, ends[pair])
	}
	return s
}

// rarest returns where the stretch of text begins that is least like JSON.
func rarest(text string) int {
	best, least := 0, 1<<30
	for at := 0; at+window <= len(text); at++ {
		cost := 0
		for i := at + 1; i < at+window; i++ {
			cost += common(text[i-1]) * common(text[i])
		}
		if cost < least {
			best, least = at, cost
		}
	}
	return best
}

// common says roughly how often a byte stands in JSON.
func common(c byte) int {
	switch {
	case c >= 'a' && c <= 'z', c == ' ', c == '"', c == ',', c == ':':
		return 8
	case c >= '0' && c <= '9', c == '_', c == '-', c == '/', c == '.':
		return 4
	case c >= 'A' && c <= 'Z':
		return 2
	}
	return 1
}

// find returns what the first pattern in b tells, or nothing.
func (s *scanner) find(b []byte, isError bool) what {
	for i := window - 1; i < len(b); {
		pair := pairOf(b[i-1], b[i])
		n := s.shift[pair]
		if n == window-1 {
			i += window - 1 // a constant: the processor need not wait for the table
			continue
		}
		if n < window {
			i += int(n)
			continue
		}
		list := s.ends[n-window]
		for j := range list {
			p := &list[j]
			if from := i - window + 1 - p.at; from >= 0 && (isError || !p.errorsOnly) && p.matches(b[from:]) {
				return p.what
			}
		}
		i++
	}
	return nothing
}

func (p *pattern) matches(b []byte) bool {
	if len(b) < len(p.text) || string(b[:len(p.text)]) != p.text {
		return false
	}
	rest := b[len(p.text):]
	switch p.follow {
	case aDigit:
		return len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9'
	case letters:
		const n = 16
		return len(rest) >= n && !slices.ContainsFunc(rest[:n], func(c byte) bool {
			return !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_')
		})
	}
	return true
}
