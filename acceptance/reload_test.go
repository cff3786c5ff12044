package acceptance

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
)

// TestReloadsUnderLoadDropAndMixNothing swaps the policy 200 times under 100,000
// requests. Each policy stamps its number on the way in (the upstream returns it)
// and on the way out: an answer with two numbers was decided on by two policies.
func TestReloadsUnderLoadDropAndMixNothing(t *testing.T) {
	const requests, reloads, clients = 100_000, 200, 16
	up := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-In"] = r.Header["X-In"]
		w.Header()["Content-Type"] = []string{"text/plain"}
		_, _ = io.WriteString(w, "ok")
	})}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = up.Serve(l) }()
	defer func() { _ = up.Close() }()
	numbered := func(n int) *engine.Policy {
		v := fmt.Sprint(n)
		return forwarding(t, l.Addr().String(), []engine.Configured{
			{Kind: gatehouse.Kind{Name: "in"}, Control: &stamping{"x-in", v, gatehouse.Forward}},
			{Kind: gatehouse.Kind{Name: "out"}, Control: &stamping{"x-out", v, gatehouse.Respond}},
		})
	}
	addr, gate := serve(t, numbered(0))
	var sent, dropped, mixed atomic.Int64
	versions := sync.Map{}
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			c, err := net.Dial("tcp", addr)
			if err != nil {
				dropped.Add(1)
				return
			}
			defer func() { _ = c.Close() }()
			br := bufio.NewReader(c)
			for sent.Add(1) <= requests {
				_, _ = io.WriteString(c, "GET /x HTTP/1.1\r\nHost: api.test\r\n\r\n")
				r, err := http.ReadResponse(br, nil)
				if err != nil || r.StatusCode != 200 {
					dropped.Add(1)
					return
				}
				_, _ = io.Copy(io.Discard, r.Body)
				in, out := r.Header.Get("X-In"), r.Header.Get("X-Out")
				if in != out || in == "" {
					mixed.Add(1)
				}
				versions.Store(out, true)
			}
		})
	}
	for i := range reloads {
		for sent.Load() < int64(requests*i/reloads) {
			time.Sleep(100 * time.Microsecond)
		}
		gate.Swap(numbered(i + 1))
	}
	wg.Wait()
	n := 0
	versions.Range(func(any, any) bool { n++; return true })
	t.Logf("figure dropped %d/0, mixed %d/0, of %d requests over %d reloads, %d policies seen", dropped.Load(), mixed.Load(), requests, reloads, n)
	if dropped.Load() != 0 || mixed.Load() != 0 || n < reloads/2 {
		t.Error("ops.reload: a reload was noticed")
	}
}
