package proxy_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
)

// newTunnel is a request for a WebSocket.
func newTunnel(id string, pad int) *asked {
	a := &asked{id: id, kind: "upgrade", method: "GET", target: "/" + id, pad: pad, tunnel: true, acts: []act{{status: http.StatusSwitchingProtocols}}}
	a.head = []byte(strings.Replace(fmt.Sprintf(handshake, id, "websocket"), "Host: a\r\n", fmt.Sprintf("Host: localhost\r\nX-Id: %s\r\nX-Pad: %s\r\n", id, strings.Repeat("p", pad)), 1))
	return a
}

// upgrade asks for a tunnel, has its words echoed there, and closes.
func (c *talk) upgrade(r *rand.Rand, nc net.Conn, br *bufio.Reader) {
	a := c.tunnel
	early := text(a.id, 0, 1+r.IntN(6000))
	c.send(r, nc, []*asked{{head: append(a.head, early...)}}, 1<<30, false, false)
	res, err := http.ReadResponse(br, nil)
	if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
		if !c.w.ending.Load() || len(a.sightings()) > 0 {
			c.w.fail(a, nil, "no upgrade for %s: %v, %v", a.id, res, err)
		}
		return
	}
	c.answered = append(c.answered, answered{a: a, status: res.StatusCode, whole: true})
	want := append([]byte(greeting), early...)
	for n := range 1 + r.IntN(5) {
		got := make([]byte, len(want))
		if k, err := io.ReadFull(br, got); err != nil || !bytes.Equal(got, want) {
			c.w.fail(a, nil, "by the tunnel of %s came %s, %v instead of %s", a.id, shown(got[:k], 150), err, shown(want, 150))
			return
		}
		want = text(a.id, n, 1+r.IntN(30_000))
		if _, err := nc.Write(want); err != nil {
			c.w.fail(a, nil, "the tunnel of %s: %v", a.id, err)
			return
		}
	}
	if _, err := io.ReadFull(br, make([]byte, len(want))); err != nil {
		c.w.fail(a, nil, "the tunnel of %s: %v", a.id, err)
	}
}

// greeting is what the upstream says first in a tunnel.
const greeting = "hello from the other side"

// echo accepts an upgrade and says back what it hears.
func (u *upside) echo(br *bufio.Reader) {
	_, _ = io.WriteString(u, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"+greeting)
	_, _ = io.Copy(struct{ io.Writer }{u}, struct{ io.Reader }{br})
}
