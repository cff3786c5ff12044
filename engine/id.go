package engine

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"

	"github.com/gatehouse-api/gatehouse"
)

// idSource makes request and span ids: a time, so that they sort, and a keyed
// mix of a counter, so that they neither repeat nor can be guessed from one
// another. They name requests; nothing is granted to who knows one.
type idSource struct {
	key   [16]byte
	count atomic.Uint64
}

const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// identify gives x its id and its trace context (W3C Trace Context level 1) and
// adds both to what goes upstream.
func (s *idSource) identify(x *gatehouse.Exchange) {
	n := s.count.Add(1)
	k0, k1 := binary.LittleEndian.Uint64(s.key[:8]), binary.LittleEndian.Uint64(s.key[8:])
	a, b := mix(n, k0), mix(n^k1, k1)
	f := &x.Request.Forward
	if x.ID = x.Request.TrustedID; x.ID != "" {
		f.Add("x-request-id", x.ID)
	} else {
		ms := uint64(x.At.UnixMilli())
		line := x.Append(func(dst []byte) []byte {
			return append(appendID(append(dst, "x-request-id: "...), ms, a, b), "\r\n"...)
		})
		x.ID = line[len("x-request-id: ") : len(line)-2]
		f.AddWritten(line[:len("x-request-id")], x.ID)
	}
	c, d := mix(a, k1), mix(b, k0)
	// One text holds the ids of the trace and of the span as well.
	known := parent(x)
	line := x.Append(func(dst []byte) []byte {
		dst = append(dst, "traceparent: 00-"...)
		if known {
			dst = append(dst, x.Trace.TraceID...)
		} else {
			dst = appendHex(appendHex(dst, c), d|1)
		}
		dst = appendHex(append(dst, '-'), a|1)
		if x.Trace.Sampled {
			return append(dst, "-01\r\n"...)
		}
		return append(dst, "-00\r\n"...)
	})
	carried := line[len("traceparent: ") : len(line)-2]
	x.Trace.TraceID, x.Trace.SpanID = carried[3:35], carried[36:52]
	f.AddWritten(line[:len("traceparent")], carried)
}

// parent reads the caller's traceparent. A malformed one is as good as none.
func parent(x *gatehouse.Exchange) bool {
	v := x.Request.Fields.Get("traceparent")
	if len(v) != 55 || v[:3] != "00-" || v[35] != '-' || v[52] != '-' || !hex(v[3:35]) || !hex(v[36:52]) || !hex(v[53:]) ||
		v[3:35] == "00000000000000000000000000000000" || v[36:52] == "0000000000000000" {
		return false
	}
	x.Trace = gatehouse.Trace{TraceID: v[3:35], ParentID: v[36:52], Sampled: v[54]&1 == 1}
	return true
}

func hex(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// mix is one multiply-and-fold round, twice, over n with a secret key.
func mix(n, key uint64) uint64 {
	hi, lo := bits.Mul64(n^key, 0x9E3779B97F4A7C15^bits.RotateLeft64(key, 29))
	hi, lo = bits.Mul64(hi^lo^key, 0xD6E8FEB86659FD93)
	return hi ^ lo
}

// appendID appends 26 characters: 48 bits of time, 80 of a and b.
func appendID(dst []byte, ms, a, b uint64) []byte {
	dst = append(dst, "00000000000000000000000000"...)
	id := (*[26]byte)(dst[len(dst)-26:])
	for i := range 10 {
		id[9-i] = crockford[ms>>(5*i)&31]
	}
	for i := range 8 {
		id[17-i], id[25-i] = crockford[a>>(5*i)&31], crockford[b>>(5*i)&31]
	}
	return dst
}

func appendHex(dst []byte, n uint64) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, hexDigits(n>>32)), hexDigits(n&0xffffffff))
}

// hexDigits returns the eight digits of n, which is below 2^32, the first one uppermost.
func hexDigits(n uint64) uint64 {
	n = (n | n<<16) & 0x0000ffff0000ffff
	n = (n | n<<8) & 0x00ff00ff00ff00ff
	n = (n | n<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (n + 0x0606060606060606) >> 4 & 0x0101010101010101
	return n + 0x3030303030303030 + letters*('a'-'9'-1)
}
