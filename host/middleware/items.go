package middleware

import (
	"errors"
	"net/http"

	"github.com/gatehouse-api/gatehouse/host"
)

var errCut = errors.New("middleware: " + host.CutShort)

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
