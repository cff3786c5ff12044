package proxy_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// ledger is the record, by the clients' addresses.
type ledger struct {
	mu    sync.Mutex
	lines map[string][]line
}

// line is what was recorded of one request.
type line struct {
	method, path string
	status       int
	gatehouse.Traffic
}

func (l *ledger) Record(x *gatehouse.Exchange, t gatehouse.Traffic) {
	l.mu.Lock()
	defer l.mu.Unlock()
	peer := x.Conn.Peer.String()
	l.lines[peer] = append(l.lines[peer], line{strings.Clone(x.Request.Method), strings.Clone(x.Request.Path), x.Response.Status, t})
}

// must says what a request must be answered with, as far as its sightings tell: an act of
// which status and body are those of the answer. With it, allowed names other statuses
// that may be. Where that cannot be, there is none, and allowed says why.
func (w *world) must(a *asked) (x *act, allowed string) {
	seen := a.sightings()
	switch {
	case a.refused > 0 && !a.broken:
		if len(seen) > 0 {
			return nil, "it was refused, and the upstream has seen it"
		}
		return &act{status: a.refused}, ""
	case a.broken:
		if len(seen) > 1 || len(seen) == 1 && seen[0].whole {
			return nil, "its body is broken, and the upstream has seen it"
		}
		if w.sneaky {
			allowed = "502"
		}
		return &act{status: a.refused}, allowed
	case len(seen) == 0 && (!w.sneaky || a.replayable(w.held)):
		return nil, "the upstream has not seen it"
	case len(seen) == 0:
		return &act{status: 502}, "" // lost on a connection that was closed as it was taken
	}
	x = &a.acts[0]
	again := x.dies && a.replayable(w.held) && seen[0].nth > 0
	if x.dies && a.replayable(true) && seen[0].nth > 0 && len(seen) == 2 {
		again = true // a body that came with its head is there, whoever wants it
	}
	switch {
	case again && (len(seen) != 2 || seen[1].nth > 0):
		return nil, "it may be sent again, on a fresh connection, and was not"
	case again:
		x = &a.acts[1]
	case len(seen) > 1:
		return nil, "it was sent again"
	}
	if x.early {
		return x, "502"
	}
	if x.cut && w.held {
		status := 502
		if x.slow {
			status = 504
		}
		return &act{status: status, slow: x.slow}, ""
	}
	return x, ""
}

// account waits until all is over and compares the record with what the clients know.
func (w *world) account() {
	server := w.gate.server
	for i := 0; server.Stats().Open+server.Watches() > 0 || server.Stats().InFlight != 0; i++ {
		if i == 500 {
			w.t.Fatalf("%+v, %d deadlines are left", server.Stats(), server.Watches())
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	talks, asks, lost := 0, 0, 0
	kinds := map[string]int{}
	w.peers.Range(func(peer, v any) bool {
		c := v.(*talk)
		lines := w.ledger.lines[peer.(string)]
		delete(w.ledger.lines, peer.(string))
		talks++
		for _, got := range c.answered {
			asks++
			kinds[got.a.kind]++
			if len(got.a.sightings()) == 0 && got.a.refused == 0 {
				lost++
			}
		}
		if !c.failed {
			w.compare(c, lines)
		}
		return w.failed.Load() == 0
	})
	if len(w.ledger.lines) > 0 && w.failed.Load() == 0 {
		w.t.Errorf("recorded of nobody: %v", w.ledger.lines)
	}
	if lost > 10+asks/200 {
		w.t.Errorf("%d of %d requests were lost on connections that were closed as they were taken", lost, asks)
	}
	w.t.Logf("figure: %d conversations, %d answers by %d connections to the upstream, %d kinds of requests and replies, %d lost", talks, asks, w.conns.Load(), len(kinds), lost)
}

// compare judges the record of a conversation, and what the upstream saw of it that was
// not answered.
func (w *world) compare(c *talk, lines []line) {
	var all []*asked
	for _, g := range c.groups {
		all = append(all, g...)
	}
	if c.tunnel != nil {
		all = append(all, c.tunnel)
	}
	if c.goes < 0 && len(lines) != len(c.answered) || len(lines) < len(c.answered) || len(lines) > len(all) {
		w.fail(all[0], nil, "%d answers, %d requests are recorded: %+v", len(c.answered), len(lines), lines)
		return
	}
	for i, l := range lines {
		a := all[i]
		if i >= len(c.answered) { // the client has gone
			if a.refused == 0 && l.path != "" && !strings.Contains(a.target, l.path) {
				w.fail(a, nil, "recorded out of order: %+v", l)
			}
			continue
		}
		if why := w.differs(c.answered[i], l); why != "" {
			w.fail(a, nil, "the record of %s: %s: %+v", a.id, why, l)
			return
		}
	}
	for i, a := range all {
		if n := len(a.sightings()); i >= len(c.answered) && n > 0 && (c.goes < 0 || n > 2) {
			w.fail(a, nil, "%s was seen by the upstream, and must not have been", a.id)
			return
		}
		if i < len(c.answered) {
			if x, why := w.must(a); x == nil {
				w.fail(a, nil, "%s: %s", a.id, why)
				return
			}
		}
	}
}

// differs says where a line is not what it must be.
func (w *world) differs(got answered, l line) string {
	a := got.a
	target, _, _ := strings.Cut(a.target, "?")
	aborted := got.cut && got.whole == false
	asked := l.UpstreamTo != ""
	switch {
	case got.status != 0 && l.status != got.status:
		return fmt.Sprintf("%d was answered", got.status)
	case a.refused == 0 && (l.method != a.method || l.path != target):
		return "another request's"
	case a.tunnel:
		return map[bool]string{true: "the tunnel", false: ""}[l.Aborted != "" || !asked]
	case l.Out != got.size && !got.cut || l.Out < got.size:
		return fmt.Sprintf("%d bytes went to the client", got.size)
	case (l.Aborted != "") != aborted || aborted && l.Aborted != "the upstream broke off":
		return fmt.Sprintf("cut is %v", got.cut)
	case !a.broken && asked != (a.refused == 0) || asked && l.UpstreamTo != w.upstream():
		return "the upstream"
	case l.In > int64(len(a.payload)) && !a.broken || a.refused == 0 && got.status == 200 && l.In != int64(len(a.payload)):
		return fmt.Sprintf("%d bytes came from the client", len(a.payload))
	case l.Took <= 0 || l.Took > int64(20*time.Second) || l.Upstream > l.Took || !asked && l.Upstream != 0 || len(a.sightings()) > 0 && l.Upstream <= 0 && !a.broken:
		return "the times"
	}
	return ""
}

// upstream returns the upstream's address.
func (w *world) upstream() string {
	i := slices.IndexFunc(w.gate.gate.Policy().Sites()[0].Endpoints, func(e *gatehouse.Endpoint) bool { return e.Upstream != nil })
	return w.gate.gate.Policy().Sites()[0].Endpoints[i].Upstream.Address
}
