package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/control/all"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/internal/race"
	"github.com/gatehouse-api/gatehouse/record"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

// newTestSite is a site whose upstream is a few lines of this file: the gates
// need neither nginx nor wrk.
func newTestSite(t testing.TB) *site {
	t.Helper()
	s := &site{ctx: t.Context(), dir: t.TempDir(), programs: map[string]string{}, servers: map[string]*row{}}
	if err := s.startIssuer(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.server.Close() })
	s.upstream = serveOrders(t)
	return s
}

// serveOrders answers every request with the first customer's order, without
// allocating and without looking at more than where the request ends.
func serveOrders(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	body := order(customer(0))
	ok := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", len(body), body))
	made := []byte(strings.Replace(string(ok), "200 OK", "201 Created", 1))
	var mu sync.Mutex
	var open []net.Conn
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			work.Go(func() {
				b, have := make([]byte, 16<<10), 0
				for {
					n, err := c.Read(b[have:])
					if err != nil {
						return
					}
					have += n
					if end := messageEnd(b[:have]); end < 0 || have < end {
						continue
					}
					answer := ok
					if b[0] == 'P' {
						answer = made
					}
					have = 0
					if _, err := c.Write(answer); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		work.Wait()
	})
	return l.Addr().String()
}

// messageEnd returns where the message that b begins with ends, or -1.
func messageEnd(b []byte) int {
	head := bytes.Index(b, []byte("\r\n\r\n"))
	if head < 0 {
		return -1
	}
	length := 0
	if i := bytes.Index(b[:head+2], []byte("\r\ncontent-length: ")); i >= 0 {
		for _, c := range b[i+len("\r\ncontent-length: "):] {
			if c < '0' || c > '9' {
				break
			}
			length = length*10 + int(c-'0')
		}
	}
	return head + 4 + length
}

// assemble puts the full setup together inside the test, recorder included. The
// store of sampled trails is left out: it works at a pace of its own, whatever
// the load.
func assemble(t testing.TB, s *site) (*engine.Gate, *record.Recorder) {
	t.Helper()
	path := filepath.Join(s.dir, "gatehouse.yaml")
	for name, data := range map[string][]byte{
		path: []byte(full.configuration("127.0.0.1:8443", "127.0.0.1:9901", s.upstream, s.issuer.URL, s.dir)), filepath.Join(s.dir, "orders.openapi.yaml"): ordersDescription,
	} {
		must(t, os.WriteFile(name, data, 0o600))
	}
	f, err := config.Load(path, all.Kinds, config.Options{})
	must(t, err)
	kept := gatehouse.NewKept()
	signer, err := jose.GenerateSigner()
	must(t, err)
	gatehouse.Provide[jose.IdentityKey](kept, signer)
	gatehouse.Provide[store.Counters](kept, memory.NewCounters(time.Now()))
	gatehouse.Provide[store.Once](kept, memory.NewOnce(10_000))
	gatehouse.Provide[store.Blocks](kept, memory.NewBlocks())
	gatehouse.Provide[store.Revocations](kept, memory.NewRevocations())
	policy, err := f.Policy(kept, gatehouse.AllCaps)
	must(t, err)
	recorder := record.New(record.Config{Log: io.Discard})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := recorder.Close(ctx); err != nil {
			t.Errorf("closing the recorder: %v", err)
		}
	})
	return engine.NewGate(policy), recorder
}

// serveInProcess serves the full setup inside the test.
func serveInProcess(t testing.TB, s *site) string {
	t.Helper()
	gate, recorder := assemble(t, s)
	return casetest.ServeProxy(t, proxy.Config{Gate: gate, Record: recorder})
}

// client asks over one connection, without allocating.
type client struct {
	conn    net.Conn
	request []byte
	answer  []byte
	want    []byte // the answer's first bytes
}

func dial(t testing.TB, addr string, l load) *client {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return &client{conn: c, request: l.bytes(), answer: make([]byte, 16<<10), want: fmt.Appendf(nil, "HTTP/1.1 %d ", l.status)}
}

// ask sends the request n times, one after the other's answer.
func (c *client) ask(n int) error {
	for range n {
		if _, err := c.conn.Write(c.request); err != nil {
			return err
		}
		have := 0
		for {
			k, err := c.conn.Read(c.answer[have:])
			if err != nil {
				return err
			}
			have += k
			if end := messageEnd(c.answer[:have]); end >= 0 && have >= end {
				break
			}
		}
		if !bytes.HasPrefix(c.answer[:have], c.want) {
			return fmt.Errorf("want %s, got %s", c.want, c.answer[:have])
		}
	}
	return nil
}

// TestGateNothingIsAllocatedPerRequest counts what the whole gateway allocates,
// all controls on, over keep-alive HTTP/1.1: at most one allocation in ten requests.
func TestGateNothingIsAllocatedPerRequest(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool forget at random: allocations are counted without it")
	}
	s := newTestSite(t)
	addr := serveInProcess(t, s)
	for name, l := range map[string]load{"GET": s.getLoad(), "POST": s.postLoad()} {
		t.Run(name, func(t *testing.T) {
			const requests = 20_000
			c := dial(t, addr, l)
			if err := c.ask(9000); err != nil { // the recorder's ring has 8,192 slots to fill
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if err := c.ask(requests); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			per := float64(after.Mallocs-before.Mallocs) / requests
			t.Logf("figure allocations per request, %s, all controls: %.4f", name, per)
			if per > 0.1 {
				t.Errorf("%.3f allocations per request, want at most 0.1", per)
			}
		})
	}
}

// TestGateTwoWritesAndTwoReadsPerRequest has strace count the system calls of the
// program itself, all controls on: a read on each side that finds the message, and one
// write to each side.
func TestGateTwoWritesAndTwoReadsPerRequest(t *testing.T) {
	if race.Enabled {
		t.Skip("the program is not built for the race detector; the gate is the same without it")
	}
	if err := install(t.Context(), os.Stderr, "strace", "taskset"); err != nil {
		t.Skipf("system calls cannot be counted here: %v", err)
	}
	s := newTestSite(t)
	if err := s.build("gatehouse", "./cmd/gatehouse"); err != nil {
		t.Fatal(err)
	}
	for name, l := range map[string]load{"GET": s.getLoad(), "POST": s.postLoad()} {
		t.Run(name, func(t *testing.T) {
			const clients, each = 16, 500
			reads, writes := s.traced(t, l, clients, each)
			r, w := reads/(clients*each), writes/(clients*each)
			t.Logf("figure system calls per request, %s, all controls: %.3f reads, %.3f writes", name, r, w)
			if r < 2 || w < 2 {
				t.Errorf("%.3f reads and %.3f writes per request: not all were counted", r, w)
			}
			// The start, the log, the stores and the clock's tick read and write files beside.
			const beside = 0.5
			if r > 2+beside || w > 2+beside {
				t.Errorf("%.3f reads and %.3f writes per request, want at most 2 and 2", r, w)
			}
		})
	}
}

// traced returns how often the program reads and writes, by any call, while it serves
// so many requests, its start and its end included.
func (s *site) traced(t *testing.T, l load, clients, each int) (reads, writes float64) {
	t.Helper()
	addr, err := freeAddr()
	if err != nil {
		t.Fatal(err)
	}
	// strace is the grandchild (-D), so that signals reach the program.
	counts, script := filepath.Join(t.TempDir(), "counts"), filepath.Join(t.TempDir(), "traced")
	const calls = "read,readv,pread64,recvfrom,recvmsg,write,writev,pwrite64,sendto,sendmsg"
	text := fmt.Sprintf("#!/bin/sh\nexec strace -D -f -qq -c -U name,calls --seccomp-bpf -e trace=%s -o %q %q \"$@\"\n", calls, counts, s.programs["gatehouse"])
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	p, err := s.startGatehouse(full, script, addr)
	if err != nil {
		t.Fatal(err)
	}
	var cs []*client
	for range clients {
		cs = append(cs, dial(t, addr, l))
	}
	askAll(t, cs, each)
	_ = p.stop()
	_ = os.RemoveAll(filepath.Join(s.dir, full.name)) // the next one makes its own
	var out []byte
	for range 100 { // strace writes when the program has ended
		if out, _ = os.ReadFile(counts); bytes.Contains(out, []byte("total")) {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if len(f) != 2 {
			continue
		}
		n, err := strconv.ParseFloat(f[1], 64)
		switch {
		case err != nil || f[0] == "total":
		case strings.HasPrefix(f[0], "re") || strings.HasPrefix(f[0], "pread"):
			reads += n
		default:
			writes += n
		}
	}
	if reads+writes == 0 {
		t.Fatalf("strace counted nothing:\n%s\n%s", out, p.output.String())
	}
	return reads, writes
}

func askAll(t *testing.T, cs []*client, n int) {
	t.Helper()
	errs := make(chan error, len(cs))
	for _, c := range cs {
		go func() { errs <- c.ask(n) }()
	}
	for range cs {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}
