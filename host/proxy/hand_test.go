//go:build linux && (amd64 || arm64 || riscv64 || loong64)

package proxy_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host/proxy"
)

// What is ordinary is served by the connection's hand from its beginning to its end: over
// TLS as well, on both sides, with bodies and without, whether a control needs them or not.
// Else everything would still be right, and a fifth slower.
func TestOrdinaryExchangesAreServedByTheHand(t *testing.T) {
	const exchanges = 20
	for _, sealed := range []bool{false, true} {
		for _, held := range []bool{false, true} {
			for _, method := range []string{"GET", "HEAD", "POST", "DELETE"} {
				t.Run(fmt.Sprintf("%s, TLS %t, held %t", method, sealed, held), func(t *testing.T) {
					up := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						b, _ := io.ReadAll(r.Body)
						w.Header().Set("Content-Type", "text/plain")
						_, _ = w.Write(append([]byte("you said: "), b...))
					}))
					dir := t.TempDir()
					cert, key := pair(t, dir, "localhost")
					loaded, err := tls.LoadX509KeyPair(cert, key)
					if err != nil {
						t.Fatal(err)
					}
					cfg := &tls.Config{Certificates: []tls.Certificate{loaded}, MinVersion: tls.VersionTLS12}
					var here, there atomic.Int64 // by the hand: before the upstream is asked, and after
					controls := []engine.Configured{byHand("early", gatehouse.Identify, 0, &here), byHand("late", gatehouse.Respond, 0, &there)}
					if held {
						controls = append(controls, bodyStep, replyStep)
					}
					front := cfg
					if sealed {
						up.TLS = cfg
						up.StartTLS()
					} else {
						up.Start()
						front = nil
					}
					defer up.Close()
					address := up.Listener.Addr().String()
					d := open(t, address, proxy.Config{}, front, controls...)
					if sealed {
						p := policy(t, address, controls...)
						for _, e := range p.Sites()[0].Endpoints {
							e.Upstream = &gatehouse.Upstream{Name: "tls", Scheme: "https", Address: "localhost:" + address[strings.LastIndexByte(address, ':')+1:], CAFile: cert}
						}
						d.gate.Swap(p)
					}
					transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
					defer transport.CloseIdleConnections()
					url := "http://" + d.addr + "/a"
					if sealed {
						url = "https://" + d.addr + "/a"
					}
					for range exchanges {
						var body io.Reader
						want := "you said: "
						if method == "POST" {
							body, want = strings.NewReader("hello"), "you said: hello"
						}
						req, err := http.NewRequestWithContext(t.Context(), method, url, body)
						if err != nil {
							t.Fatal(err)
						}
						resp, err := transport.RoundTrip(req)
						if err != nil {
							t.Fatal(err)
						}
						got, err := io.ReadAll(resp.Body)
						_ = resp.Body.Close()
						if method == "HEAD" {
							want = ""
						}
						if err != nil || resp.StatusCode != 200 || string(got) != want {
							t.Fatalf("%d %q, %v", resp.StatusCode, got, err)
						}
					}
					// Before the first there is no connection to the upstream; a client may send a
					// body behind its head, and tickets of TLS come when they come.
					if early, late := here.Load(), there.Load(); early < exchanges-2 || late < exchanges*3/4 {
						t.Errorf("of %d exchanges the hand began %d and ended %d", exchanges, early, late)
					}
				})
			}
		}
	}
}

// byHand is a step that counts how often it is called by a hand.
func byHand(name string, stage gatehouse.Stage, need gatehouse.Need, n *atomic.Int64) engine.Configured {
	return engine.Configured{Kind: gatehouse.Kind{Name: name}, Control: &step{stage: stage, need: need,
		do: func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
			if strings.Contains(string(debug.Stack()), "serveByHand") {
				n.Add(1)
			}
			return gatehouse.Pass, nil
		}}}
}
