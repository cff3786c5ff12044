package record

import (
	"unsafe"

	"github.com/gatehouse-api/gatehouse"
)

// How much of what many requests have in common is remembered with the buffers
// of a call: powers of two, since a slot is picked by the upper bits of a hash.
const (
	principalBits = 7
	textBits      = 6
	cellBits      = 4
)

// buffers is one call's working memory, and what it remembers of earlier calls.
type buffers struct {
	line []byte // the access line
	text []byte // a redacted text before it is escaped
	path []byte // the redacted path, for line and trail

	second     int64  // since 1970, of stamp
	stamp      []byte // the beginning of a line of that second
	principals [1 << principalBits]rememberedPrincipal
	texts      [1 << textBits][]byte // texts that need neither redaction nor escapes
	cells      [1 << cellBits]rememberedCell
	registered uint64 // the registration that cells holds for
}

// rememberedPrincipal is a principal as the access line says it. The pointer
// keeps the principal alive, so that it cannot come to mean another.
type rememberedPrincipal struct {
	of   *gatehouse.Principal
	text []byte
}

type rememberedCell struct {
	of   *gatehouse.Endpoint
	cell *cell
}

func newBuffers() *buffers {
	return &buffers{line: make([]byte, 0, 2048), text: make([]byte, 0, 1024), path: make([]byte, 0, 512)}
}

// appendStamp appends the beginning of a line, with the time.
func (b *buffers) appendStamp(dst []byte, unixMicro int64) []byte {
	const brace, micros = `{"time":"`, len("000000Z")
	second := unixMicro / 1e6
	if unixMicro < 0 {
		return append(appendTime(append(dst, brace...), unixMicro), '"')
	}
	if second != b.second || len(b.stamp) == 0 {
		b.second, b.stamp = second, appendTime(append(b.stamp[:0], brace...), second*1e6)
		b.stamp = b.stamp[:len(b.stamp)-micros]
	}
	dst = append(dst, b.stamp...)
	m := uint32(unixMicro % 1e6)
	high, middle, low := m/1e4*2, m/100%100*2, m%100*2
	return append(dst, pairs[high], pairs[high+1], pairs[middle], pairs[middle+1], pairs[low], pairs[low+1], 'Z', '"')
}

// principal returns the fields of a principal.
func (b *buffers) principal(p *gatehouse.Principal) []byte {
	r := &b.principals[slotOf(p)>>(64-principalBits)]
	if r.of != p {
		r.of, r.text = p, appendPrincipal(r.text[:0], b, p)
	}
	return r.text
}

// cellOf returns the counters of an endpoint.
func (b *buffers) cellOf(m *counters, e *gatehouse.Endpoint) *cell {
	if now := m.registered.Load(); now != b.registered {
		clear(b.cells[:])
		b.registered = now
	}
	r := &b.cells[slotOf(e)>>(64-cellBits)]
	if r.of != e || e == nil {
		r.of, r.cell = e, m.cellOf(e)
	}
	return r.cell
}

// remembered returns the slot of a text, and whether the text is in it. Only
// texts that redaction left as they are may be put there: so no secret stays.
func (b *buffers) remembered(s string) (slot *[]byte, found bool) {
	h := uint64(len(s))
	rest := s
	for ; len(rest) >= 8; rest = rest[8:] {
		h = (h ^ (uint64(rest[0]) | uint64(rest[1])<<8 | uint64(rest[2])<<16 | uint64(rest[3])<<24 |
			uint64(rest[4])<<32 | uint64(rest[5])<<40 | uint64(rest[6])<<48 | uint64(rest[7])<<56)) * spread
		h ^= h >> 32
	}
	for i := range len(rest) {
		h = (h ^ uint64(rest[i])) * spread
	}
	slot = &b.texts[h>>(64-textBits)]
	return slot, string(*slot) == s
}

// spread is the golden ratio of 64 bits: multiplied with it, numbers that differ
// a little differ in the upper bits.
const spread = 0x9e3779b97f4a7c15

// slotOf returns a hash of an address. Objects do not move.
func slotOf[T any](p *T) uint64 { return uint64(uintptr(unsafe.Pointer(p))) * spread }

// pairs holds the numbers below 100 in two digits each.
const pairs = "00010203040506070809101112131415161718192021222324252627282930313233343536373839404142434445464748495051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"
