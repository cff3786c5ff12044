package proxy

import (
	"crypto/tls"
	"errors"
	"net"
	"sync/atomic"
	"time"
)

// meter counts the frames of an HTTP/2 connection as they come, since what the
// library answers without troubling a handler (RST_STREAM, PING, SETTINGS,
// CONTINUATION, empty frames) is what floods are made of: rapid reset
// (CVE-2023-44487), CONTINUATION and PING floods.
type meter struct {
	net.Conn
	tls       *tls.ConnectionState
	now       func() int64 // nanoseconds, monotonic
	completed atomic.Int64 // streams that were answered
	greeted   func()       // called once, when the client's preface is there

	preface int // bytes of the client's preface still to come, less 24
	header  [9]byte
	have    int // bytes of the frame header that are there
	skip    int // bytes of the frame's payload still to come

	since int64 // start of the window
	base  int64 // streams completed at its start
	count budget
	shut  atomic.Bool
}

// budget is what one connection may send in one window.
type budget struct{ opened, resets, pings, settings, continuations, empty, others int }

// The limits per window of 10 s.
const (
	window           = int64(10 * time.Second)
	maxResets        = 100 // more with fewer than a fifth of the streams completed closes
	maxPings         = 100
	maxSettings      = 100
	maxContinuations = 200
	maxEmpty         = 100
	maxOthers        = 20_000 // WINDOW_UPDATE, PRIORITY
	prefaceSize      = 24
)

// Frame types (RFC 9113 section 6).
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	frameReset        = 0x3
	frameSettings     = 0x4
	framePing         = 0x6
	frameContinuation = 0x9
	flagEndStream     = 0x1
)

var errFlood = errors.New("proxy: the client floods the connection with frames")

// ConnectionState lets the library see the TLS connection underneath.
func (m *meter) ConnectionState() tls.ConnectionState {
	if m.tls == nil {
		return tls.ConnectionState{}
	}
	return *m.tls
}

// over reports whether the connection was closed for flooding.
func (m *meter) over() bool { return m.shut.Load() }

// Read counts what it reads.
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	if n > 0 && !m.take(p[:n]) {
		m.shut.Store(true)
		_ = m.Conn.Close()
		return 0, errFlood
	}
	return n, err
}

// take follows the frames through b and reports whether they are within budget.
func (m *meter) take(b []byte) bool {
	for len(b) > 0 {
		switch {
		case m.preface < prefaceSize:
			n := min(len(b), prefaceSize-m.preface)
			if m.preface += n; m.preface == prefaceSize {
				m.greeted()
			}
			b = b[n:]
		case m.skip > 0:
			n := min(len(b), m.skip)
			m.skip -= n
			b = b[n:]
		default:
			n := copy(m.header[m.have:], b)
			m.have += n
			b = b[n:]
			if m.have < len(m.header) {
				return true
			}
			m.have = 0
			m.skip = int(m.header[0])<<16 | int(m.header[1])<<8 | int(m.header[2])
			if !m.frame(m.header[3], m.header[4], m.skip) {
				return false
			}
		}
	}
	return true
}

func (m *meter) frame(kind, flags byte, size int) bool {
	if now := m.now(); now-m.since > window {
		m.since, m.base, m.count = now, m.completed.Load(), budget{}
	}
	c := &m.count
	done := m.completed.Load() - m.base
	switch kind {
	case frameData:
		if size == 0 && flags&flagEndStream == 0 {
			c.empty++
		}
	case frameHeaders:
		if size == 0 {
			c.empty++
		}
		// What is neither answered nor still open was reset: by the client, or by
		// us because of what the client sent (MadeYouReset, CVE-2025-8671).
		c.opened++
		if lost := int64(c.opened) - done - h2Streams; lost > maxResets && done*5 < int64(c.opened) {
			return false
		}
	case frameReset:
		c.resets++
		return c.resets <= maxResets || done*5 >= done+int64(c.resets)
	case frameSettings:
		c.settings++
	case framePing:
		c.pings++
	case frameContinuation:
		c.continuations++
	default:
		c.others++
	}
	return c.empty <= maxEmpty && c.settings <= maxSettings && c.pings <= maxPings &&
		c.continuations <= maxContinuations && c.others <= maxOthers
}
