package proxy_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/host/proxy"
)

// What an upstream says on a connection on which nothing is asked is nobody's answer
// (RFC 9112 section 9.2).
func TestWhatAnUpstreamSaysUnaskedIsNobodysAnswer(t *testing.T) {
	for _, method := range []string{"GET", "POST"} {
		t.Run(method, func(t *testing.T) {
			up := listen(t, func(c net.Conn) {
				defer c.Close() //nolint:errcheck // it is over
				br := bufio.NewReader(c)
				for {
					r, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
					time.Sleep(20 * time.Millisecond)
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
				}
			})
			d := open(t, up, proxy.Config{}, nil)
			for range 5 {
				if r, got := get(t, http.DefaultClient, request(t, method, "http://"+d.addr+"/x", nil)); r.StatusCode != 200 || got != "ok" {
					t.Errorf("%d %q", r.StatusCode, got)
				}
				time.Sleep(60 * time.Millisecond)
			}
		})
	}
}
