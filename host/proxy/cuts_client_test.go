package proxy_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// talk is a conversation: what one client does on one connection.
type talk struct {
	*protocol
	w      *world
	seed   uint64
	door   string
	groups [][]*asked // each is sent at once
	tunnel *asked     // what is asked for last; nil for nothing
	half   bool       // closes its side behind the last request
	goes   int        // bytes after which the client is gone; -1 for never
	pauses bool

	peer     string // the client's address
	answered []answered
	ended    bool // by the gateway
	failed   bool
}

// answered is what the client got.
type answered struct {
	a      *asked
	status int
	size   int64 // of the body
	cut    bool
	whole  bool
	took   time.Duration
}

// newTalk makes a conversation up.
func (w *world) newTalk(seed uint64) *talk {
	r := rand.New(rand.NewPCG(seed, 99))
	c := &talk{protocol: &protocol{began: w.began}, w: w, seed: seed, goes: -1, pauses: r.IntN(4) == 0, half: r.IntN(8) == 0}
	c.door = w.doors[r.IntN(len(w.doors))].name
	n := 0
	for left := 1 + r.IntN(20); left > 0; {
		var group []*asked
		for range min(left, []int{1, 1, 1, 1 + r.IntN(5)}[r.IntN(4)]) {
			a := newAsked(r, fmt.Sprintf("s%d-%d", seed, n), w.sneaky)
			n++
			left--
			group = append(group, a)
			if a.waits {
				break
			}
		}
		c.groups = append(c.groups, group)
	}
	if r.IntN(12) == 0 {
		c.goes = r.IntN(3000)
		for _, g := range c.groups {
			for _, a := range g {
				a.waits = false
			}
		}
	}
	if last := c.groups[len(c.groups)-1]; last[len(last)-1].waits {
		c.half = false // it still has something to say
	}
	if c.goes < 0 && !c.half && r.IntN(8) == 0 {
		c.tunnel = newTunnel(fmt.Sprintf("s%d-t", seed), padding(r))
	}
	return c
}

// run has the conversation.
func (c *talk) run() {
	for _, g := range c.groups {
		for _, a := range g {
			c.w.asks.Store(a.id, a)
		}
	}
	if c.tunnel != nil {
		c.w.asks.Store(c.tunnel.id, c.tunnel)
	}
	nc := c.dial()
	if nc == nil {
		return
	}
	defer nc.Close() //nolint:errcheck // it is over
	r := rand.New(rand.NewPCG(c.seed, 100))
	br := bufio.NewReader(nc)
	left := c.goes
	for i, g := range c.groups {
		if c.ended || c.failed {
			return
		}
		var writer sync.WaitGroup
		last := i == len(c.groups)-1
		most := size(g)
		if c.goes >= 0 {
			most = min(most, left)
			left -= most
		}
		gone := c.goes >= 0 && left == 0
		writer.Go(func() { c.send(r, nc, g, most, gone, last && c.half) })
		if !gone {
			c.hear(nc, br, g, &writer)
		}
		writer.Wait()
		if gone {
			return
		}
	}
	switch {
	case c.ended || c.failed || c.goes >= 0:
	case c.tunnel != nil:
		c.upgrade(r, nc, br)
	default:
		c.end(nc, br)
	}
}

func size(g []*asked) (n int) {
	for _, a := range g {
		n += len(a.head) + len(a.body)
	}
	return n
}

// dial connects by the door, with an address that nobody had before.
func (c *talk) dial() net.Conn {
	d := c.w.door(c.door)
	for {
		nc, err := net.Dial("tcp", d.addr)
		if err != nil {
			if !c.w.ending.Load() {
				c.w.fail(nil, nil, "dialling: %v", err)
			}
			return nil
		}
		c.peer = nc.LocalAddr().String()
		if _, had := c.w.peers.LoadOrStore(c.peer, c); had {
			_ = nc.Close()
			continue
		}
		_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
		if d.tls {
			nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is the test's
		}
		return &noted{nc, c.protocol}
	}
}

// send sends most bytes of a group, cut at random places, and then closes, or this side.
// Errors show in what comes back.
func (c *talk) send(r *rand.Rand, nc net.Conn, g []*asked, most int, gone, half bool) {
	var all []byte
	for _, a := range g {
		all = append(all, a.head...)
		if !a.waits {
			all = append(all, a.body...)
		}
	}
	all = all[:min(len(all), most)]
	for _, k := range cuts(r, len(all)) {
		if _, err := nc.Write(all[:k.n]); err != nil {
			return
		}
		all = all[k.n:]
		if c.pauses {
			time.Sleep(k.pause)
		}
	}
	if gone {
		_ = nc.Close()
	} else if half {
		c.closeWrite(nc)
	}
}

func (c *talk) closeWrite(nc net.Conn) {
	c.note("-> the end")
	_ = nc.(*noted).Conn.(interface{ CloseWrite() error }).CloseWrite()
}

// hear reads the answers to a group.
func (c *talk) hear(nc net.Conn, br *bufio.Reader, g []*asked, writer *sync.WaitGroup) {
	for i, a := range g {
		began := time.Now()
		res, err := c.final(nc, br, a, writer)
		if err != nil {
			c.broken(g[i:], err)
			return
		}
		body, err := io.ReadAll(res.Body)
		got := answered{a: a, status: res.StatusCode, size: int64(len(body)), cut: err != nil, whole: err == nil, took: time.Since(began)}
		c.answered = append(c.answered, got)
		if x, _ := c.w.must(a); x != nil && x.slow && (len(g) == 1 && got.took < patience-300*time.Millisecond || got.took > patience+5*time.Second) {
			c.w.fail(a, nil, "%s: the gateway's patience ended after %v", a.id, got.took)
		}
		if why := c.judge(a, res, body, err); why != "" {
			c.w.fail(a, nil, "%s", why)
			c.failed = true
			return
		}
		if err != nil || res.Close {
			c.ended = true
			// Bytes that nobody has read have a connection be reset, where it does not linger.
			if b, end := io.ReadAll(br); len(b) > 0 || end != nil && err == nil && size(g) < 200_000 {
				c.w.fail(a, nil, "behind the last answer, to %s, came %s, %v", a.id, shown(b, 150), end)
			}
			return
		}
	}
}

// final reads up to the final answer. The body of a request that waits for 100 is sent then.
func (c *talk) final(nc net.Conn, br *bufio.Reader, a *asked, writer *sync.WaitGroup) (*http.Response, error) {
	for interim := 0; ; interim++ {
		res, err := http.ReadResponse(br, &http.Request{Method: a.method})
		if err != nil {
			return nil, err
		}
		if res.StatusCode != 100 || !a.expect || interim > 0 {
			return res, nil
		}
		if a.waits {
			writer.Wait()
			_, _ = nc.Write(a.body)
		}
	}
}

// broken judges a connection that has ended without an answer to the first of g.
func (c *talk) broken(g []*asked, err error) {
	c.ended = true
	if c.goes >= 0 {
		return
	}
	whole := func(s sighting) bool { return s.whole }
	if c.w.ending.Load() && !slices.ContainsFunc(g[0].sightings(), whole) { // it came after the end, or too close before it
		c.goes = 0
		return
	}
	for i, a := range g {
		seen := a.sightings()
		if c.w.held || !a.acts[0].cut || len(seen) == 0 {
			continue
		}
		if i == 0 && !strings.Contains(err.Error(), "reset") {
			c.answered = append(c.answered, answered{a: a, cut: true}) // not even the head was on its way
		} else {
			c.goes = 0 // the reset that the cut has caused has come before the answers
		}
		return
	}
	c.failed = true
	c.w.fail(g[0], nil, "no answer to %s: %v", g[0].id, err)
}

// end closes from this side: nothing more may come than the end.
func (c *talk) end(nc net.Conn, br *bufio.Reader) {
	if !c.half {
		c.closeWrite(nc)
	}
	if b, err := io.ReadAll(br); len(b) > 0 || err != nil && !c.w.ending.Load() {
		c.w.fail(nil, nil, "after all answers came %s, %v\n%s", shown(b, 150), err, c.protocol)
	}
}

// judge compares an answer with what it must be.
func (c *talk) judge(a *asked, res *http.Response, body []byte, err error) string {
	x, allowed := c.w.must(a)
	if x == nil {
		return fmt.Sprintf("%s: %s", a.id, allowed)
	}
	if res.StatusCode != x.status && !strings.Contains(allowed, fmt.Sprint(res.StatusCode)) {
		return fmt.Sprintf("%s: %d instead of %d (or %q): %s", a.id, res.StatusCode, x.status, allowed, shown(body, 150))
	}
	own := res.StatusCode != x.status || x.body == nil
	switch reply := res.Header.Get("X-Reply"); {
	case len(res.Header.Values("X-Frame-Options")) != 1:
		return fmt.Sprintf("%s: the steps that respond have run %d times", a.id, len(res.Header.Values("X-Frame-Options")))
	case own && (reply != "" || err != nil || a.method != "HEAD" && !bytes.Contains(body, fmt.Appendf(nil, `"status":%d`, res.StatusCode))):
		return fmt.Sprintf("%s: the gateway's answer is %v %s, %v", a.id, res.Header, shown(body, 150), err)
	case own && res.Header.Get("Date") == "":
		return a.id + ": no date"
	case !own && reply != a.id:
		return fmt.Sprintf("%s got the answer to %q", a.id, reply)
	case !own && x.early && err != nil && bytes.HasPrefix(x.body, body): // the reset that it causes may come first
	case !own && x.cut && (err == nil || !bytes.HasPrefix(x.body, body)):
		return fmt.Sprintf("%s: the reply was cut, and came as %s, %v", a.id, shown(body, 150), err)
	case !own && !x.cut && (err != nil || !bytes.Equal(body, x.body)):
		return fmt.Sprintf("%s: %s, %v instead of %s", a.id, shown(body, 150), err, shown(x.body, 150))
	}
	if sure := !own || a.refused > 0 && !a.broken; sure && !x.cut && res.Close != a.ends && !(res.Close && (x.early || c.w.ending.Load())) {
		return fmt.Sprintf("%s: Connection: close is %v", a.id, res.Close)
	}
	return ""
}
