package record

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/gatehouse-api/gatehouse/internal/redact"
)

// field appends a name and a text of ours, unless that is empty.
func field[T string | []byte](dst []byte, name string, s T) []byte {
	if len(s) == 0 {
		return dst
	}
	if !clean(s) {
		return appendString(append(dst, name...), s)
	}
	return asItStands(dst, name, s)
}

// asItStands appends a name and a text that needs no escapes.
func asItStands[T string | []byte](dst []byte, name string, s T) []byte {
	start, size := len(dst), len(name)+len(s)+2
	if cap(dst)-start < size {
		dst = slices.Grow(dst, size)
	}
	dst = dst[:start+size]
	at := start + copy(dst[start:], name)
	dst[at] = '"'
	at += 1 + copy(dst[at+1:], s)
	dst[at] = '"'
	return dst
}

// text appends a name and a text that holds something from outside, redacted.
func text(dst []byte, name string, b *buffers, s string) []byte {
	if s == "" {
		return dst
	}
	slot, found := b.remembered(s)
	if found {
		return asItStands(dst, name, s)
	}
	b.text = redact.Text(b.text[:0], s)
	if string(b.text) == s && clean(s) {
		*slot = append((*slot)[:0], s...)
	}
	return field(dst, name, b.text)
}

// subject appends a name and who asks, redacted.
func subject(dst []byte, name string, b *buffers, s string) []byte {
	if s == "" {
		return dst
	}
	b.text = redact.Subject(b.text[:0], s)
	return appendString(append(dst, name...), b.text)
}

func integer(dst []byte, name string, n int64) []byte {
	return strconv.AppendInt(append(dst, name...), n, 10)
}

func address(dst []byte, name string, a netip.Addr) []byte {
	dst = append(dst, name...)
	if a.Is4() {
		b := a.As4()
		for i, octet := range b {
			if i > 0 {
				dst = append(dst, '.')
			}
			if octet >= 100 {
				dst = append(dst, '0'+octet/100)
			}
			if octet >= 10 {
				dst = append(dst, '0'+octet/10%10)
			}
			dst = append(dst, '0'+octet%10)
		}
		return append(dst, '"')
	}
	// A zone is text from outside (RFC 4007) and says nothing to others.
	return append(a.WithZone("").AppendTo(dst), '"')
}
