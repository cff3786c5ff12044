package casetest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

func (c *Case) run(t *testing.T, d door, kinds []gatehouse.Kind) {
	g := c.start(t, d, kinds, nil)
	var conn net.Conn
	var br *bufio.Reader
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	for i, s := range c.Steps {
		if conn == nil {
			var err error
			if conn, err = net.Dial("tcp", g.Addr); err != nil {
				t.Fatal(err)
			}
			br = bufio.NewReader(conn)
		}
		g.Upstream.forget()
		recorded := g.Seen.count()
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		raw, method := wireForm(g.mint.write(s.Request))
		if _, err := conn.Write(raw); err != nil {
			t.Fatalf("request %d: %v", i+1, err)
		}
		r, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			t.Fatalf("request %d: no answer: %v", i+1, err)
		}
		body, err := io.ReadAll(r.Body)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			r.Header.Set(cutShort, "true")
			r.Close, err = true, nil
		}
		if err != nil {
			t.Fatalf("request %d: reading the answer: %v", i+1, err)
		}
		got := answer{status: r.StatusCode, header: r.Header, body: string(body), reached: g.Upstream.reached(method)}
		got.reason(t, g, recorded, d)
		for _, fault := range got.compare(s.Want) {
			t.Errorf("request %d: %s", i+1, fault)
		}
		if s.Saw != "" {
			for _, fault := range saw(g.Upstream.last(), s.Saw) {
				t.Errorf("request %d: upstream: %s", i+1, fault)
			}
		}
		for mark := range strings.Lines(s.Trail) {
			mark = strings.TrimSpace(mark)
			if e := g.Seen.Wait(t, recorded); !slices.ContainsFunc(e.Trail, func(m string) bool { return strings.TrimSpace(m) == mark }) {
				t.Errorf("request %d: the trail lacks %q: %q", i+1, mark, e.Trail)
			}
		}
		if t.Failed() {
			t.Logf("request %d: got %d, reached=%v\n%v\n%s", i+1, got.status, got.reached, r.Header, body)
			return
		}
		if r.Close {
			_ = conn.Close()
			conn = nil
		}
	}
}

// runBroken sends the case's requests and judges nothing but who reached the
// upstream.
func (c *Case) runBroken(t *testing.T, d door, kinds []gatehouse.Kind, breaking func(*gatehouse.Kept)) (sent, reached int) {
	g := c.start(t, d, kinds, breaking)
	for i, s := range c.Steps {
		g.Upstream.forget()
		conn, err := net.Dial("tcp", g.Addr)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
		raw, method := wireForm(g.mint.write(s.Request))
		if _, err := conn.Write(raw); err != nil {
			t.Fatalf("request %d: %v", i+1, err)
		}
		r, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
		if err != nil {
			t.Fatalf("request %d: no answer: %v", i+1, err)
		}
		_ = r.Body.Close()
		_ = conn.Close()
		sent++
		if n := len(g.Upstream.Requests()); n > 0 {
			t.Errorf("request %d reached the upstream and was answered with %d", i+1, r.StatusCode)
			reached++
		}
	}
	return sent, reached
}

// cutShort stands among the fields of an answer that ended before its end. A want
// that does not ask for it is not met.
const cutShort = "Cut-Short"

// answer is what came back of one request.
type answer struct {
	status  int
	rule    string
	header  http.Header
	body    string
	reached bool
}

// reason takes the rule from the record of the exchange that follows the first n.
// What net/http refuses by itself in the middleware door is never recorded: then
// the want's status class must do.
func (a *answer) reason(t testing.TB, g *Gateway, n int, d door) {
	a.rule = "-"
	if d.name == "middleware" && a.header.Get("X-Request-Id") == "" && !strings.Contains(a.body, "urn:gatehouse:problem:") && a.status >= 400 && !a.reached {
		a.rule = "*"
		return
	}
	if e := g.Seen.Wait(t, n); e.Rule != "" {
		a.rule = e.Rule
	}
}

// compare returns what differs from the want.
func (a *answer) compare(want string) (faults []string) {
	head, body, hasBody := strings.Cut(want, "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	var status int
	var rule, reached string
	if n, _ := fmt.Sscanf(lines[0], "%d %s reached=%s", &status, &rule, &reached); n != 3 {
		return []string{fmt.Sprintf("the want must begin with STATUS REASON reached=BOOL, not %q", lines[0])}
	}
	got := fmt.Sprintf("%d %s reached=%v", a.status, a.rule, a.reached)
	if a.rule == "*" {
		if status < 400 || reached != "false" {
			faults = append(faults, fmt.Sprintf("got %s, want %s", got, lines[0]))
		}
		return faults
	}
	if got != lines[0] {
		faults = append(faults, fmt.Sprintf("got %s, want %s", got, lines[0]))
	}
	faults = append(faults, fieldsDiffer(a.header, lines[1:])...)
	if a.header.Get(cutShort) != "" && !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(strings.ToLower(l), "cut-short:") }) {
		faults = append(faults, "the answer was cut short")
	}
	if hasBody && strings.TrimSpace(body) != "" && strings.TrimSpace(a.body) != strings.TrimSpace(body) {
		faults = append(faults, fmt.Sprintf("body %q, want %q", a.body, strings.TrimSpace(body)))
	}
	return faults
}

// fieldsDiffer judges "name: value" lines, values being whole or a prefix that
// ends in "...", and "!name" lines.
func fieldsDiffer(h http.Header, lines []string) (faults []string) {
	for _, l := range lines {
		if name, ok := strings.CutPrefix(l, "!"); ok {
			if v := h.Values(name); len(v) > 0 {
				faults = append(faults, fmt.Sprintf("field %s is there: %q", name, v))
			}
			continue
		}
		name, value, ok := strings.Cut(l, ":")
		value = strings.TrimSpace(value)
		got := strings.Join(h.Values(name), ", ")
		prefix, open := strings.CutSuffix(value, "...")
		if !ok || (got != value && (!open || !strings.HasPrefix(got, prefix))) {
			faults = append(faults, fmt.Sprintf("field %s is %q, want %q", name, got, value))
		}
	}
	return faults
}

// saw judges what the upstream got: the request line, fields and, behind a blank
// line, the body.
func saw(r *http.Request, want string) (faults []string) {
	want, body, hasBody := strings.Cut(want, "\n\n")
	lines := strings.Split(strings.TrimSpace(want), "\n")
	if r == nil {
		return []string{"it got nothing, want " + lines[0]}
	}
	if hasBody {
		got, err := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(got))
		if err != nil || strings.TrimSpace(string(got)) != strings.TrimSpace(body) {
			faults = append(faults, fmt.Sprintf("body %q, want %q", got, strings.TrimSpace(body)))
		}
	}
	if got := r.Method + " " + r.RequestURI; got != lines[0] {
		faults = append(faults, fmt.Sprintf("got %s, want %s", got, lines[0]))
	}
	return append(faults, fieldsDiffer(r.Header, lines[1:])...)
}

// wireForm makes the bytes of a case's request: CRLF line ends, those of a
// multipart body included, and a Content-Length where there is a body without
// framing.
func wireForm(s string) (raw []byte, method string) {
	head, body, _ := strings.Cut(s, "\n\n")
	body = strings.TrimSuffix(body, "\n")
	head = strings.TrimRight(head, "\n")
	method, _, _ = strings.Cut(head, " ")
	lower := strings.ToLower(head)
	if strings.Contains(lower, "\ncontent-type: multipart/") {
		body = strings.ReplaceAll(body, "\n", "\r\n")
	}
	if body != "" && !strings.Contains(lower, "\ncontent-length:") && !strings.Contains(lower, "\ntransfer-encoding:") {
		head += fmt.Sprintf("\nContent-Length: %d", len(body))
	}
	if strings.Contains(lower, "\ntransfer-encoding: chunked") && !strings.Contains(body, "\n0\n") {
		body = fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	}
	var b bytes.Buffer
	b.WriteString(strings.ReplaceAll(head, "\n", "\r\n"))
	b.WriteString("\r\n\r\n" + body)
	return b.Bytes(), method
}
