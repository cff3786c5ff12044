package acceptance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

// spelling is one way of saying what must be refused.
type spelling struct {
	ask  ask
	want []int  // 400 when empty
	only string // the callers that can say it, such as "h1" or "h1 middleware"; "" is all
}

// refuse sends every spelling through every door: each gets one of its statuses
// over HTTP/1.1 and, over HTTP/2, may be reset instead; net/http in front of the
// middleware may have a status of its own. Nothing reaches the upstream. It
// returns how many requests were sent.
func (h *house) refuse(t *testing.T, list []spelling) (n int) {
	t.Helper()
	for _, c := range h.callers(t) {
		for _, s := range list {
			if s.only != "" && !slices.Contains(strings.Fields(s.only), c.name()) {
				continue
			}
			n++
			h.refused(t, c, s)
		}
	}
	for _, c := range h.callers(t) {
		if g := c.do(ask{token: h.alice()}); g.status != 200 {
			t.Errorf("%s: afterwards a plain request got %d %v %s", c.name(), g.status, g.err, g.body)
		}
	}
	return n
}

func (h *house) refused(t *testing.T, c caller, s spelling) {
	t.Helper()
	if len(s.want) == 0 {
		s.want = []int{400}
	}
	before := h.up.count()
	g := c.do(s.ask)
	what := fmt.Sprintf("%s: %.200q", c.name(), s.ask.bytes())
	switch {
	case g.err != nil && c.name() == "h2": // the stream or the connection was ended
	case g.err != nil:
		t.Errorf("%s: no answer: %v", what, g.err)
	case slices.Contains(s.want, g.status):
		if g.fields.Get("X-Content-Type-Options") != "nosniff" && g.fields.Get("X-Request-Id") != "" {
			t.Errorf("%s: R52 the refusal lacks the security fields: %v", what, g.fields)
		}
	case c.name() == "middleware" && g.status >= 400 && g.fields.Get("X-Request-Id") == "":
	default:
		t.Errorf("%s: got %d %s, want %v", what, g.status, g.body, s.want)
	}
	if n := h.up.count() - before; n != 0 {
		a := h.up.last()
		t.Errorf("%s: reached the upstream as %s %s", what, a.method, a.target)
	}
}

// targets makes spellings of targets, with and without a token.
func targets(token string, list ...string) (out []spelling) {
	for _, s := range list {
		out = append(out, spelling{ask: ask{target: s}}, spelling{ask: ask{target: s, token: token}})
	}
	return out
}

// with makes spellings of one further field each, on a request that would
// otherwise pass.
func with(token string, list ...gatehouse.Field) (out []spelling) {
	for _, f := range list {
		out = append(out, spelling{ask: ask{token: token, fields: []gatehouse.Field{f}}})
	}
	return out
}

// counted fails when the number of spellings is not the one that is written down.
func counted(t *testing.T, n, want int) {
	t.Helper()
	if n != want {
		t.Errorf("%d spellings were sent, %d are written down", n, want)
	}
}
