package acceptance

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// from dials as another client of this machine: the whole of 127/8 is loopback.
func from(host int) *net.Dialer {
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(host))}, Timeout: 5 * time.Second}
}

// serve starts a proxy with its default limits in front of a policy.
func serve(t testing.TB, p *engine.Policy) (addr string, g *engine.Gate) {
	t.Helper()
	g = engine.NewGate(p)
	return casetest.ServeProxy(t, proxy.Config{Gate: g}), g
}

func TestSlowClientsAreShedAndABystanderSeesNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("takes 20 s")
	}
	up := answering(t, "ok")
	for _, c := range []struct {
		name  string
		n     int
		begin string // sent at once; then a byte a second
	}{
		{"R30 slow heads", 1000, "GET /x HTTP/1.1\r\nHost: api.test\r\nX-Slow: "},
		{"R30 slow bodies", 500, "POST /x HTTP/1.1\r\nHost: api.test\r\nContent-Length: 100000\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			addr, _ := serve(t, forwarding(t, up, nil))
			stop := make(chan struct{})
			var lost atomic.Int64
			var times []time.Duration
			var wg sync.WaitGroup
			wg.Go(func() { times = bystander(addr, stop, &lost) })
			var memory atomic.Int64
			wg.Go(func() { memory.Store(peak(stop)) })
			began := time.Now()
			var shed atomic.Int64
			var last atomic.Int64
			var slow sync.WaitGroup
			for i := range c.n {
				slow.Go(func() {
					if err := drip(addr, i, c.begin); err == nil {
						shed.Add(1)
						last.Store(max(last.Load(), int64(time.Since(began))))
					}
				})
			}
			slow.Wait()
			close(stop)
			wg.Wait()
			took := time.Duration(last.Load())
			slices.Sort(times)
			t.Logf("figure shed %d/%d, the last after %.1f s/15, bystander: %d requests, errors %d/0, p99 %v, memory %d/256 MiB",
				shed.Load(), c.n, took.Seconds(), len(times), lost.Load(), times[len(times)*99/100], memory.Load())
			if shed.Load() != int64(c.n) || took > 15*time.Second || lost.Load() != 0 || len(times) < 50 || (memory.Load() > 256 && !race.Enabled) {
				t.Error("not within the bars")
			}
		})
	}
}

// peak returns by how many MiB the process, clients included, grew at the most
// until stop.
func peak(stop <-chan struct{}) (grown int64) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	base := m.HeapInuse + m.StackInuse
	for {
		select {
		case <-stop:
			return grown
		case <-time.After(200 * time.Millisecond):
			runtime.ReadMemStats(&m)
			grown = max(grown, (int64(m.HeapInuse+m.StackInuse)-int64(base))>>20)
		}
	}
}

// drip sends a byte a second until the server ends the connection, and fails if
// it has not after 18 s.
func drip(addr string, i int, begin string) error {
	c, err := from(1+i%10).Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, begin); err != nil {
		return nil
	}
	deadline := time.Now().Add(18 * time.Second)
	b := make([]byte, 512)
	for time.Now().Before(deadline) {
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		for {
			_, err = c.Read(b)
			if err != nil {
				break
			}
		}
		if ne, ok := err.(net.Error); !ok || !ne.Timeout() {
			return nil // closed by the server, with or without an answer
		}
		if _, err := c.Write([]byte("a")); err != nil {
			return nil
		}
	}
	return fmt.Errorf("still open after 18 s")
}

func bystander(addr string, stop <-chan struct{}, lost *atomic.Int64) (times []time.Duration) {
	tr := &http.Transport{DialContext: from(100).DialContext}
	defer tr.CloseIdleConnections()
	c := &http.Client{Transport: tr, Timeout: 5 * time.Second}
	for {
		select {
		case <-stop:
			return times
		case <-time.After(50 * time.Millisecond):
		}
		began := time.Now()
		r, err := c.Get("http://" + addr + "/x")
		if err != nil {
			lost.Add(1)
			continue
		}
		b, err := io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil || r.StatusCode != 200 || string(b) != "ok" {
			lost.Add(1)
		}
		times = append(times, time.Since(began))
	}
}
