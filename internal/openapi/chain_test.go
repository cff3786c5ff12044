package openapi

import (
	"bytes"
	"encoding/binary"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// chained are patterns as descriptions have them, and whether they are chains.
var chained = map[string]bool{
	`^[A-Z]{2}-[0-9]{4,8}$`:        true,
	`^[a-z0-9-]{1,36}$`:            true,
	`^\d{4}-\d{2}-\d{2}$`:          true,
	`^[A-Z]{3}$`:                   true,
	`^(\+[1-9])?\d{3}$`:            false, // an optional group
	`^(abc)x?$`:                    true,
	`^a*ab$`:                       false, // greed would take what must follow
	`^a?b?a$`:                      false,
	`^a?b?c$`:                      true,
	`^a{2}a{3}$`:                   true, // fixed lengths need no second try
	`^$`:                           true,
	`^[^"]*$`:                      false, // holds what is not ASCII
	`^ü$`:                          false,
	`(?i)^ab$`:                     false,
	`^a|b$`:                        false,
	`[0-9]+`:                       false, // not anchored
	`^[0-9]+`:                      false,
	`^[a-f0-9]{8}(-[a-f0-9]{4})-$`: true,
	`^.{3}$`:                       false,
	`^[a-z]+@[a-z]+\.[a-z]{2,}$`:   true,
	`^(?:a{0,2}){3}$`:              false,
}

func TestChainsAreFoundWhereOnePassIsEnough(t *testing.T) {
	for expression, want := range chained {
		if got := chainOf(expression) != nil; got != want {
			t.Errorf("%s: chain %v, want %v", expression, got, want)
		}
	}
}

// FuzzChainsMatchWhatTheirExpressionDoes takes package regexp as the oracle.
func FuzzChainsMatchWhatTheirExpressionDoes(f *testing.F) {
	for expression := range chained {
		for _, text := range []string{"", "AB-1234", "AB-123456789", "2026-11-21", "abc", "abcx", "c", "ab", "aaaaa", "ü", "a@b.de", "\xff", "a\n"} {
			f.Add(expression, text)
		}
	}
	f.Fuzz(func(t *testing.T, expression, text string) {
		c := chainOf(expression)
		if c == nil {
			return
		}
		if got, want := c.match([]byte(text)), regexp.MustCompile(expression).MatchString(text); got != want {
			t.Errorf("%q on %q: %v, want %v", expression, text, got, want)
		} else if s := c.stencil(); s != nil && s.match([]byte(text)) != want {
			t.Errorf("%q on %q: stencil %v, want %v", expression, text, !want, want)
		}
	})
}

// A stencil matches what its chain does, with every character at every place, and
// with every length.
func TestStencilsMatchWhatTheirChainsDo(t *testing.T) {
	stencils, eighths := 0, 0
	for _, expression := range []string{`^$`, `^a$`, `^a{3}$`, `^a?$`, `^a*$`, `^ep_[A-Za-z0-9]{27}$`, `^[A-Z]{2}-[0-9]{4,8}$`, `^[a-z0-9-]{1,36}$`, `^[ab]{60}-[ac]{2}[b-d]{2,}$`, `^[ab]{62}b[ac]{3,5}$`, `^[ab]{63}c{0,2}$`,
		`^[ab]{64}c{0,2}$`, `^a{40}b{23}c{2}$`, `^a{200}$`, `^[^\x80-\x{10ffff}]{70,80}$`, `^a{2}b*c$`} {
		c, oracle := chainOf(expression), regexp.MustCompile(expression)
		s := c.stencil()
		if s == nil {
			continue
		}
		stencils++
		for _, text := range []string{"", strings.Repeat("a", 210), "ep_" + strings.Repeat("aZ9", 70), "AB-12345678901", strings.Repeat("ab", 30) + "-aabdbc", strings.Repeat("a", 62) + "bacacac", strings.Repeat("b", 63) + "ccc",
			strings.Repeat("a", 40) + strings.Repeat("b", 23) + "ccc"} {
			for n := range len(text) + 1 {
				for i := range n + 1 {
					for _, by := range []string{"a", "b", "c", "-", "1", "Z", "\x00", "\x7f", "\x80", "\xff"} {
						b := []byte(text[:n])
						if i < n {
							b[i] = by[0]
						}
						if want := oracle.Match(b); s.match(b) != want || c.match(b) != want {
							t.Fatalf("%s on %q: stencil %v, chain %v, want %v", expression, b, s.match(b), c.match(b), want)
						}
						if s.ranges && n <= 8 && by[0] < utf8.RuneSelf {
							eighths++
							for _, behind := range []byte{0, '"', 'a', 0xff} {
								x := binary.LittleEndian.Uint64(append(bytes.Clone(b), bytes.Repeat([]byte{behind}, 8)...))
								if want := oracle.Match(b); s.match8(x, n) != want {
									t.Fatalf("%s on %q, and %q behind it: %v, want %v", expression, b, behind, !want, want)
								}
							}
						}
						if len(b) > 90 && i > 90 {
							break
						}
					}
				}
			}
		}
	}
	if stencils != 14 || eighths < 20_000 {
		t.Errorf("%d stencils, want 14; %d short texts by their ranges", stencils, eighths)
	}
}
