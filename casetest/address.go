package casetest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// given is what [FreeAddress] gave away.
var given sync.Map

// FreeAddress returns an address of loopback that nobody listens on, for a
// configuration that must name one. It is outside the range from which systems give
// ports to connections and to listeners that name none, and given once.
func FreeAddress(t testing.TB) string {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20_000+rand.IntN(12_000)))
		if err != nil {
			continue
		}
		_ = l.Close()
		if _, twice := given.LoadOrStore(l.Addr().String(), true); !twice {
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}
