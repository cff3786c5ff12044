package wire

import (
	"encoding/binary"
	"math/bits"
)

// Every name and every value is looked at twice, as it comes and as it leaves. Most
// bytes of most fields are of a few ordinary kinds, which eight at a time are known by
// arithmetic; words that hold any other byte are looked at one by one.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// isValue reports whether b is a field value: no control character but the tab.
func isValue(b []byte) bool {
	if len(b) < 8 {
		return eachIsValue(b)
	}
	last := b[len(b)-8:] // overlaps the word before
	for len(b) >= 32 {
		if odd(word(b))|odd(word(b[8:]))|odd(word(b[16:]))|odd(word(b[24:])) != 0 && !eachIsValue(b[:32]) { // none waits for another
			return false
		}
		b = b[32:]
	}
	for len(b) > 8 {
		if odd(word(b)) != 0 && !eachIsValue(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return odd(word(last)) == 0 || eachIsValue(last)
}

// valueLength returns how many bytes of b are a field value's, up to the first that no
// value holds.
func valueLength(b []byte) int {
	n := 0
	for len(b)-n >= 32 && odd(word(b[n:]))|odd(word(b[n+8:]))|odd(word(b[n+16:]))|odd(word(b[n+24:])) == 0 {
		n += 32
	}
	for len(b)-n >= 8 {
		w := odd(word(b[n:]))
		if w == 0 {
			n += 8
			continue
		}
		if n += bits.TrailingZeros64(w) / 8; class[b[n]]&inValue == 0 {
			return n
		}
		n++
	}
	for n < len(b) && class[b[n]]&inValue != 0 {
		n++
	}
	return n
}

// odd returns zero when every byte of w is from 0x20 to 0x7e. It is exact: where no
// byte has its high bit set, adding one sets it in 0x7f alone, and the lowest byte
// from which 0x20 cannot be taken has it set afterwards. The lowest bit that is set is
// exact, too: that of the first byte that is not from 0x20 to 0x7e.
func odd(w uint64) uint64 { return (w | (w + ones) | (w - 0x20*ones)) & highs }

func eachIsValue(b []byte) bool {
	for _, c := range b {
		if class[c]&inValue == 0 {
			return false
		}
	}
	return true
}

// isToken reports whether s is a token (RFC 9110 section 5.6.2).
func isToken(s string) bool {
	b := raw(s)
	if len(b) < 8 {
		return eachIsToken(b) && len(b) > 0
	}
	last := b[len(b)-8:] // overlaps the word before
	for len(b) > 8 {
		if !plainName(word(b)) && !eachIsToken(b[:8]) {
			return false
		}
		b = b[8:]
	}
	return plainName(word(last)) || eachIsToken(last)
}

// plainName reports whether every byte of w is a lower-case letter or a hyphen, which is
// what most names are made of. Where no byte has its high bit set, no addition carries
// into the next byte.
func plainName(w uint64) bool {
	letter := (w + (0x80-'a')*ones) &^ (w + (0x7f-'z')*ones)
	hyphen := ^((w ^ '-'*ones) + 0x7f*ones)
	return (letter|hyphen)&^w&highs == highs
}

func eachIsToken(b []byte) bool {
	for _, c := range b {
		if lowered[c] == 0 {
			return false
		}
	}
	return true
}

func word(b []byte) uint64 { return binary.LittleEndian.Uint64(b) }
