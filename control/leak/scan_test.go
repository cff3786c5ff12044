package leak

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// follows returns what must stand behind the pattern's text, at the least.
func (p *pattern) follows() string {
	r := &p.rest
	text := "7"
	switch {
	case p.what == connection && strings.HasSuffix(p.text, ":"):
		return "//u:p@"
	case p.what == connection:
		return "x"
	case strings.HasPrefix(p.text, "eyJ"):
		return "OiJ.eyJzdWIi"
	case r.read != nil:
		return "10$N9qo8uLOickgx2ZMRZoMye" // bcrypt
	case r.of&digits != 0:
	case r.of&alnum != 0:
		text = "a"
	default:
		text = "="
	}
	return strings.Repeat(text, r.least)
}

// TestEveryPatternIsFoundAndItsNearMissIsNot tries each pattern alone, whole and
// with what makes it none: output.errors.
func TestEveryPatternIsFoundAndItsNearMissIsNot(t *testing.T) {
	if len(patterns) < 300 || len(inSuccesses()) < 200 {
		t.Fatalf("%d patterns, %d of them for successes", len(patterns), len(inSuccesses()))
	}
	all := newScanner(patterns)
	for _, p := range patterns {
		if len(p.text) < step || strings.ContainsFunc(p.text, func(r rune) bool { return r >= 0x80 }) {
			t.Errorf("%q is shorter than the window, or not ASCII", p.text)
			continue
		}
		s := newScanner([]pattern{p})
		whole := p.text + p.follows()
		hit := func(text string) bool { found, _ := s.find([]byte(text)); return found == p.what }
		for pad := range round + window {
			body := strings.Repeat(" ", pad) + whole
			if found, _ := all.find([]byte(body)); !hit(body) || !hit(body+" ") || found == nothing {
				t.Errorf("%q behind %d bytes was not found", whole, pad)
			}
		}
		misses := []string{p.text[1:] + p.follows(), strings.Replace(whole, p.text, p.text[:len(p.text)-1]+"~", 1), ""}
		if p.rest.least > 0 || p.rest.read != nil {
			misses = append(misses, whole[:len(whole)-1], p.text, p.text+"~"+p.follows())
		}
		if p.rest.alone {
			misses = append(misses, "x"+whole, "7"+whole, "-"+whole, "_"+whole)
			if !hit(`"\n` + whole) {
				t.Errorf("%q behind an escape was not found", whole)
			}
		}
		if p.rest.exact {
			misses = append(misses, whole+"7", whole+"a")
		}
		for _, m := range misses {
			if p.what == connection && strings.HasSuffix(p.text, "=") && strings.HasSuffix(m, "~x") {
				continue // that is a password too
			}
			if hit(m) {
				t.Errorf("%q was found for %q", m, p.text)
			}
		}
		if p.errorsOnly && slices.ContainsFunc(inSuccesses(), func(o pattern) bool { return o.text == p.text }) {
			t.Errorf("%q is looked for in successes", p.text)
		}
	}
}

func TestNoPatternStandsThereTwice(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range patterns {
		if seen[p.text] {
			t.Errorf("%q twice", p.text)
		}
		seen[p.text] = true
	}
}

func FuzzFind(f *testing.F) {
	s := newScanner(patterns)
	for _, body := range leaks {
		f.Add([]byte(body))
	}
	for _, c := range told {
		f.Add([]byte(c.hit))
		f.Add([]byte(c.miss))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		want := false
		for _, p := range patterns {
			for from := 0; ; from++ {
				i := bytes.Index(b[from:], []byte(p.text))
				if i < 0 {
					break
				}
				from += i
				want = want || p.matches(b, from)
			}
		}
		if found, _ := s.find(b); (found != nothing) != want {
			t.Errorf("%q: %q; want %v", b, whats[found], want)
		}
	})
}
