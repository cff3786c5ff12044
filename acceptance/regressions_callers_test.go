package acceptance

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/gatehouse-api/gatehouse"
)

// ask is a request to be sent byte for byte as it stands here.
type ask struct {
	method string // "" is GET
	target string // "" is Alice's order
	host   string // "" is the API's; "-" is none
	token  string // "" is none
	fields []gatehouse.Field
	body   string
	raw    string // HTTP/1.1 only: the whole of it
}

func (a ask) or(method, target, host *string) {
	*method, *target, *host = a.method, a.target, a.host
	for v, d := range map[*string]string{method: "GET", target: "/v1/orders/1", host: hostName} {
		if *v == "" {
			*v = d
		}
	}
}

// got is what came back: an answer, or an error when the connection or the
// stream ended without one.
type got struct {
	status int
	fields http.Header
	body   string
	err    error
}

// caller sends one request after the other.
type caller interface {
	name() string // "h1", "h2" or "middleware"
	do(a ask) got
	close()
}

// callers returns one for every transport and door.
func (h *house) callers(t testing.TB) []caller {
	cs := []caller{&plainCaller{addr: h.plain, is: "h1"}, &h2Caller{addr: h.secure, sni: hostName}, &plainCaller{addr: h.inside, is: "middleware"}}
	t.Cleanup(func() {
		for _, c := range cs {
			c.close()
		}
	})
	return cs
}

// plainCaller speaks HTTP/1.1 and keeps its connection as long as it lasts.
type plainCaller struct {
	addr, is string
	sni      string // over TLS when set
	conn     net.Conn
	br       *bufio.Reader
}

func (c *plainCaller) name() string { return c.is }

func (c *plainCaller) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *plainCaller) dial() (err error) {
	if c.conn, err = net.DialTimeout("tcp", c.addr, 5*time.Second); err != nil {
		return err
	}
	if c.sni != "" {
		c.conn = tls.Client(c.conn, &tls.Config{ServerName: c.sni, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	}
	c.br = bufio.NewReader(c.conn)
	return nil
}

// bytes writes the request out.
func (a ask) bytes() string {
	if a.raw != "" {
		return a.raw
	}
	var method, target, host string
	a.or(&method, &target, &host)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", method, target)
	if host != "-" {
		fmt.Fprintf(&b, "Host: %s\r\n", host)
	}
	if a.token != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", a.token)
	}
	framed := a.body == ""
	for _, f := range a.fields {
		fmt.Fprintf(&b, "%s: %s\r\n", f.Name, f.Value)
		framed = framed || strings.EqualFold(f.Name, "content-length") || strings.EqualFold(f.Name, "transfer-encoding")
	}
	if !framed {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(a.body))
	}
	return b.String() + "\r\n" + a.body
}

func (c *plainCaller) do(a ask) (g got) {
	fresh := c.conn == nil
	if g = c.once(a); g.err != nil && !fresh && g.status == 0 {
		g = c.once(a) // the connection had ended with the answer before
	}
	return g
}

func (c *plainCaller) once(a ask) (g got) {
	if c.conn == nil {
		if g.err = c.dial(); g.err != nil {
			return g
		}
	}
	_ = c.conn.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c.conn, a.bytes())
	method, _, _ := strings.Cut(a.bytes(), " ")
	for {
		r, err := http.ReadResponse(c.br, &http.Request{Method: method})
		if err != nil {
			c.close()
			return got{err: err}
		}
		if r.StatusCode == 100 {
			continue
		}
		b, err := io.ReadAll(r.Body)
		if err != nil || r.Close || a.raw != "" {
			c.close()
		}
		return got{r.StatusCode, r.Header, string(b), err}
	}
}

// h2Caller speaks HTTP/2 frame by frame, one stream at a time.
type h2Caller struct {
	addr, sni string
	conn      net.Conn
	fr        *http2.Framer
	block     bytes.Buffer
	enc       *hpack.Encoder
	next      uint32
	window    int64 // what may be sent, of the connection
	stream    int64 // of the stream
	initial   int64 // of new streams
	piece     int   // most bytes of a DATA frame; 0 is 16 KiB
	late      bool  // the stream ends with an empty DATA frame
	padded    bool  // DATA frames are padded
	trailing  bool  // the stream ends with a trailer section
	g         got
	ended     bool
}

func (c *h2Caller) name() string { return "h2" }

func (c *h2Caller) close() {
	if c.conn != nil {
		_ = c.conn.Close()
		c.conn = nil
	}
}

func (c *h2Caller) dial() error {
	d := &net.Dialer{Timeout: 5 * time.Second}
	conn, err := tls.DialWithDialer(d, "tcp", c.addr, &tls.Config{ServerName: c.sni, InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		return err
	}
	c.conn, c.next, c.window, c.initial = conn, 1, 65535, 65535
	c.fr = http2.NewFramer(conn, conn)
	c.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.encoder()
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return err
	}
	return c.fr.WriteSettings()
}

// encoder begins a connection's HPACK table.
func (c *h2Caller) encoder() {
	c.block.Reset()
	c.enc = hpack.NewEncoder(&c.block)
}

func (c *h2Caller) do(a ask) got {
	fresh := c.conn == nil
	g := c.once(a)
	if g.err != nil && !fresh && c.conn == nil {
		g = c.once(a) // the connection had been told to go away before
	}
	return g
}

// head encodes the request's field section: pseudo-header fields may be
// replaced by fields of their names.
func (c *h2Caller) head(a ask) []byte {
	var method, target, host string
	a.or(&method, &target, &host)
	c.block.Reset()
	pseudo := []gatehouse.Field{{Name: ":method", Value: method}, {Name: ":scheme", Value: "https"}, {Name: ":authority", Value: host}, {Name: ":path", Value: target}}
	for _, f := range pseudo {
		if f.Value != "-" {
			_ = c.enc.WriteField(hpack.HeaderField{Name: f.Name, Value: f.Value})
		}
	}
	if a.token != "" {
		_ = c.enc.WriteField(hpack.HeaderField{Name: "authorization", Value: "Bearer " + a.token})
	}
	for _, f := range a.fields {
		_ = c.enc.WriteField(hpack.HeaderField{Name: f.Name, Value: f.Value})
	}
	return c.block.Bytes()
}

func (c *h2Caller) once(a ask) got {
	if c.conn == nil {
		if err := c.dial(); err != nil {
			return got{err: err}
		}
	}
	_ = c.conn.SetDeadline(time.Now().Add(10 * time.Second))
	id := c.next
	c.next += 2
	c.g, c.ended, c.stream = got{}, false, c.initial
	if err := c.send(id, c.head(a), a.body); err != nil {
		c.close()
		return got{err: err}
	}
	for !c.ended {
		if err := c.read(id); err != nil {
			c.close()
			return got{err: err}
		}
	}
	return c.g
}

// send writes the head in frames of 16 KiB and the body as the windows allow.
func (c *h2Caller) send(id uint32, head []byte, body string) error {
	const size = 16 << 10
	first := head[:min(len(head), size)]
	if err := c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: first, EndStream: body == "", EndHeaders: len(first) == len(head)}); err != nil {
		return err
	}
	for head = head[len(first):]; len(head) > 0; {
		piece := head[:min(len(head), size)]
		head = head[len(piece):]
		if err := c.fr.WriteContinuation(id, len(head) == 0, piece); err != nil {
			return err
		}
	}
	if body == "" {
		return nil
	}
	for body != "" && !c.ended && c.g.status == 0 {
		n := min(int64(len(body)), size-100, c.window-100, c.stream-100)
		if c.piece > 0 {
			n = min(n, int64(c.piece))
		}
		if n <= 0 {
			if err := c.read(id); err != nil {
				return err
			}
			continue
		}
		var pad []byte
		cost := n
		if c.padded {
			pad, cost = make([]byte, 50), n+51
		}
		last := int64(len(body)) == n && !c.late && !c.trailing
		if err := c.fr.WriteDataPadded(id, last, []byte(body[:n]), pad); err != nil {
			return err
		}
		body, c.window, c.stream = body[n:], c.window-cost, c.stream-cost
	}
	return c.finish(id, body)
}

// finish ends a stream that its last DATA frame has not ended.
func (c *h2Caller) finish(id uint32, rest string) error {
	switch {
	case rest != "" || c.ended:
		return nil // the answer came before
	case c.trailing:
		c.block.Reset()
		_ = c.enc.WriteField(hpack.HeaderField{Name: "x-user-id", Value: "root"})
		return c.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: c.block.Bytes(), EndStream: true, EndHeaders: true})
	case c.late:
		return c.fr.WriteData(id, true, nil)
	}
	return nil
}

// read takes one frame.
func (c *h2Caller) read(id uint32) error {
	f, err := c.fr.ReadFrame()
	if err != nil {
		return err
	}
	switch f := f.(type) {
	case *http2.MetaHeadersFrame:
		if f.StreamID != id {
			return nil
		}
		if s := f.PseudoValue("status"); s != "" {
			_, _ = fmt.Sscan(s, &c.g.status)
			c.g.fields = http.Header{}
		}
		for _, h := range f.RegularFields() {
			c.g.fields.Add(h.Name, h.Value)
		}
		if c.g.status == 100 {
			c.g.status = 0
		}
		c.ended = f.StreamEnded()
	case *http2.DataFrame:
		n := uint32(len(f.Data()))
		if f.StreamID == id {
			c.g.body += string(f.Data())
			c.ended = f.StreamEnded()
		}
		if n > 0 {
			_ = c.fr.WriteWindowUpdate(0, n)
			if !c.ended {
				_ = c.fr.WriteWindowUpdate(f.StreamID, n)
			}
		}
	case *http2.RSTStreamFrame:
		if f.StreamID == id && c.g.status == 0 {
			c.g.err = fmt.Errorf("reset: %v", f.ErrCode)
		}
		c.ended = c.ended || f.StreamID == id
	case *http2.GoAwayFrame:
		return fmt.Errorf("go away: %v", f.ErrCode)
	case *http2.SettingsFrame:
		if f.IsAck() {
			return nil
		}
		if v, ok := f.Value(http2.SettingInitialWindowSize); ok {
			c.stream += int64(v) - c.initial
			c.initial = int64(v)
		}
		return c.fr.WriteSettingsAck()
	case *http2.PingFrame:
		return c.fr.WritePing(true, f.Data)
	case *http2.WindowUpdateFrame:
		if f.StreamID == 0 {
			c.window += int64(f.Increment)
		} else if f.StreamID == id {
			c.stream += int64(f.Increment)
		}
	}
	return nil
}
