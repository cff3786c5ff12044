package record

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of the access log's memory and delay.
const (
	chunkSize  = 256 << 10 // bytes that are written at once
	maxChunks  = 16        // chunks that wait: 4 MiB, some 6,000 lines
	flushEvery = 200 * time.Millisecond
)

// chunk is a run of whole lines.
type chunk struct {
	buf   []byte
	lines int64
}

// accessLog collects lines in chunks that one goroutine writes. Adding a line
// is a copy under a lock that is never held while writing.
type accessLog struct {
	mu      sync.Mutex
	current *chunk
	full    []*chunk // oldest first
	free    []*chunk
	made    int
	lost    int64 // lines dropped since the last gap record

	wake  chan struct{}
	stop  chan struct{}
	ended chan struct{}

	dropped atomic.Uint64 // lines dropped since the start
	out     io.Writer
	torn    bool // the last write ended inside a line
	broken  bool // the last write failed
	now     func() time.Time
	log     *slog.Logger
}

func startAccessLog(out io.Writer, now func() time.Time, log *slog.Logger) *accessLog {
	a := &accessLog{out: out, now: now, log: log, wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	a.current = a.take()
	go a.run()
	return a
}

// append adds one line. It never blocks: without room the oldest lines go.
func (a *accessLog) append(line []byte) {
	a.mu.Lock()
	due := len(a.current.buf)+len(line) > chunkSize && a.current.lines > 0
	if due {
		a.full = append(a.full, a.current)
		a.current = a.take()
	}
	a.current.buf = append(a.current.buf, line...)
	a.current.lines++
	a.mu.Unlock()
	if due {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	}
}

// take returns an empty chunk: a free one, a new one, or the oldest full one.
// a.mu is held.
func (a *accessLog) take() *chunk {
	if n := len(a.free); n > 0 {
		c := a.free[n-1]
		a.free = a.free[:n-1]
		return c
	}
	if a.made < maxChunks {
		a.made++
		return &chunk{buf: make([]byte, 0, chunkSize)}
	}
	c := a.full[0]
	a.full = a.full[:copy(a.full, a.full[1:])]
	a.lost += c.lines
	a.dropped.Add(uint64(c.lines))
	c.buf, c.lines = c.buf[:0], 0
	return c
}

// run writes what is there until the log is closed.
func (a *accessLog) run() {
	defer close(a.ended)
	tick := time.NewTicker(flushEvery)
	defer tick.Stop()
	for {
		select {
		case <-a.wake:
			a.flush(false)
		case <-tick.C:
			a.flush(true)
		case <-a.stop:
			a.flush(true)
			return
		}
	}
}

// flush writes the full chunks, and the current one too when all is due.
func (a *accessLog) flush(all bool) {
	for {
		c, lost := a.next(all)
		if lost > 0 {
			a.writeGap(lost)
		}
		if c == nil {
			return
		}
		a.write(c)
		c.buf, c.lines = c.buf[:0], 0
		a.mu.Lock()
		a.free = append(a.free, c)
		a.mu.Unlock()
	}
}

// next takes the oldest chunk, and how many lines were dropped before it.
func (a *accessLog) next(all bool) (c *chunk, lost int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case len(a.full) > 0:
		c = a.full[0]
		a.full = a.full[:copy(a.full, a.full[1:])]
	case all && a.current.lines > 0:
		c = a.current
		a.current = a.take()
	default:
		return nil, 0
	}
	lost, a.lost = a.lost, 0
	return c, lost
}

// write writes a chunk. Lines that the sink did not take are lost, and counted.
func (a *accessLog) write(c *chunk) {
	n, err := a.put(c.buf)
	if a.broken != (err != nil) { // said once, not with every batch
		a.broken = err != nil
		a.log.Error("access log", "works", !a.broken, "error", err)
	}
	if err == nil {
		return
	}
	lost := int64(bytes.Count(c.buf[n:], []byte{'\n'}))
	a.dropped.Add(uint64(lost))
	a.mu.Lock()
	a.lost += lost
	a.mu.Unlock()
}

// writeGap writes down that lines are missing here. When that fails too, the
// number is kept for the next time.
func (a *accessLog) writeGap(lost int64) {
	b := appendTime([]byte(`{"time":"`), a.now().UnixMicro())
	b = append(b, `","event":"log.gap","schema":"`+Schema+`","dropped":`...)
	b = append(strconv.AppendInt(b, lost, 10), '}', '\n')
	if _, err := a.put(b); err != nil {
		a.mu.Lock()
		a.lost += lost
		a.mu.Unlock()
	}
}

// put writes b, after the end of a line that an earlier write left open. It
// returns how much of b the sink took.
func (a *accessLog) put(b []byte) (int, error) {
	if a.torn {
		if _, err := a.out.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		a.torn = false
	}
	n, err := a.out.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	n = max(0, min(n, len(b)))
	a.torn = n > 0 && b[n-1] != '\n'
	return n, err
}

// close writes the rest. Lines that are appended afterwards are not written.
func (a *accessLog) close(ctx context.Context) error {
	close(a.stop)
	select {
	case <-a.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("record: closing the access log: %w", ctx.Err())
	}
}
