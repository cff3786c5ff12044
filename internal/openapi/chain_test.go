package openapi

import (
	"regexp"
	"testing"
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
		}
	})
}
