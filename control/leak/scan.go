package leak

import (
	endian "encoding/binary"
	"math/bits"
)

const (
	window = 8  // bytes that a pattern is told by
	step   = 4  // bytes from one window to the next
	round  = 32 // bytes that are looked at before anything is decided
	groups = 7  // of patterns
	// all are the bits of the groups, and number that of digits.
	all    = 1<<groups - 1
	number = 1 << groups
)

// scanner finds patterns, and sees whether a card number may stand in a text. It
// is immutable.
//
// It looks at windows of eight bytes, one at every fourth byte. There are four
// ways in which a pattern can stand to them, and for each it has one window that
// it is told by, in one of the groups. A window is four pairs of bytes; where each
// of them is one that the patterns of a group have there, a pattern may stand.
// Good texts have few such windows, so nothing is decided within a round: its
// look-ups do not wait for each other, and the processor foresees the outcome.
type scanner struct {
	// pairs say of a pair of bytes, the first or the second of half a window, in
	// which groups it may stand: by the low bits in the first half, by the high
	// bits in the second.
	pairs [2][1 << 16]uint16
	// told are the patterns by their groups and by the fourth bytes of their
	// windows, which all of them reach over.
	told [groups][1 << 7][]placed
}

// placed is a pattern and a window that it is told by.
type placed struct {
	is, mask uint64 // what stands in those bytes of the window that the pattern reaches over
	at       int    // where in the pattern the window begins
	*pattern
}

// half returns the groups that half a window may be of.
func (s *scanner) half(b []byte) uint16 {
	return s.pairs[0][endian.LittleEndian.Uint16(b)] & s.pairs[1][endian.LittleEndian.Uint16(b[2:])]
}

// find returns what a pattern in b tells, or nothing; then also whether a card
// number may stand in b.
func (s *scanner) find(b []byte) (found what, numbers bool) {
	var end [round]byte
	var last, seen uint16
	for i := 0; i <= len(b); i += round {
		p := &end
		if i+round <= len(b) {
			p = (*[round]byte)(b[i:])
		} else {
			copy(end[:], b[i:])
		}
		h0, h1, h2, h3 := s.half(p[0:4]), s.half(p[4:8]), s.half(p[8:12]), s.half(p[12:16])
		h4, h5, h6, h7 := s.half(p[16:20]), s.half(p[20:24]), s.half(p[24:28]), s.half(p[28:32])
		may := last&(h0>>8) | h0&(h1>>8) | h1&(h2>>8) | h2&(h3>>8) | h3&(h4>>8) | h4&(h5>>8) | h5&(h6>>8) | h6&(h7>>8)
		if may&all != 0 {
			if found := s.closer(b, max(i-step, 0), min(i+round-step, len(b)-step+1)); found != nothing {
				return found, false
			}
		}
		last, seen = h7, seen|may
	}
	return nothing, seen&number != 0
}

// closer looks at the windows of b that begin between two places, and returns
// what a pattern there tells.
func (s *scanner) closer(b []byte, from, to int) what {
	for at := from; at < to; at += step {
		var w [window]byte
		copy(w[:], b[at:])
		is := endian.LittleEndian.Uint64(w[:])
		for may := s.half(w[:step]) & (s.half(w[step:]) >> 8) & all; may != 0; may &= may - 1 {
			list := s.told[bits.TrailingZeros16(may)][w[step-1]&0x7f]
			for j := range list {
				p := &list[j]
				if is&p.mask == p.is && at >= p.at && p.matches(b, at-p.at) {
					return p.what
				}
			}
		}
	}
	return nothing
}
