package middleware

import (
	"errors"
	"net/http"

	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/host"
)

var errCut = errors.New("middleware: " + host.CutShort)

// sequence walks on with the head of a reply that is a sequence and reports
// whether its items are judged one by one, or the walk is over. If not, the reply
// is held like any other.
func (t *turn) sequence() bool {
	x := &t.x
	if !x.Response.Sequence || engine.Advance(t.r.Context(), x) != engine.Done {
		return false
	}
	t.hold = false
	if engine.Items(x) && t.r.Method != http.MethodHead {
		t.items = new(host.Items)
		t.items.Begin(x)
	}
	return true
}

// let sends what may leave of a sequence, at once.
func (t *turn) let(out []byte, ok bool) error {
	if len(out) > 0 {
		n, err := t.w.Write(out)
		t.sent += int64(n)
		if err != nil {
			return err
		}
		if f, flushes := t.w.(http.Flusher); flushes {
			f.Flush()
		}
	}
	if !ok {
		t.cut = true
		return errCut
	}
	return nil
}
