package wire

import (
	"bytes"
	"strings"
	"testing"
)

// everyByteIsLookedAt compares a reading of eight bytes at a time with the one of each:
// every byte, at every place of every length, among neighbours of several kinds.
func everyByteIsLookedAt(t *testing.T, fast, careful func(b []byte) bool, neighbours ...string) {
	t.Helper()
	memory := make([]byte, 56)
	for _, kind := range neighbours {
		for length := range 41 {
			for at := range max(length, 1) {
				for c := range 256 {
					b := memory[(length+at)%8:][:length] // at every alignment
					copy(b, strings.Repeat(kind, 41))
					if length > 0 {
						b[at] = byte(c)
					}
					if got, want := fast(b), careful(b); got != want {
						t.Fatalf("%q: %v, want %v", b, got, want)
					}
				}
			}
		}
	}
}

func TestEveryByteOfAValueIsLookedAt(t *testing.T) {
	everyByteIsLookedAt(t, isValue, eachIsValue, "a", "\xffa\t ", "~ \x80", "\x1f", "\x7f")
}

func TestEveryByteOfANameIsLookedAt(t *testing.T) {
	careful := func(b []byte) bool { return len(b) > 0 && eachIsToken(b) }
	everyByteIsLookedAt(t, func(b []byte) bool { return isToken(view(b)) }, careful, "a", "z-", "A0_~!", "-", "\x80")
}

// Two bytes that stand beside each other may carry into one another.
func TestEveryPairOfBytesIsLookedAt(t *testing.T) {
	for c := range 256 {
		for d := range 256 {
			for at := range 8 {
				b := bytes.Repeat([]byte("x"), 9)
				b[at], b[at+1] = byte(c), byte(d)
				if isValue(b) != eachIsValue(b) || isToken(view(b)) != eachIsToken(b) {
					t.Fatalf("%q", b)
				}
			}
		}
	}
}
