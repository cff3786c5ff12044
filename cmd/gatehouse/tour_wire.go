package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// side is one of the two ways to the API: straight to it, or through the gateway.
type side struct {
	addr string
	tls  *tls.Config // nil for plain text
}

// reply is one answer, read whole.
type reply struct {
	status int
	header http.Header
	body   string
}

// patience is how long an answer may take.
const patience = 15 * time.Second

// exchange sends raw bytes on one connection and reads n answers, or fewer when
// the other side closes before. from is the address to call from; "" leaves it
// to the system.
func (s side) exchange(raw []byte, method, from string, n int) ([]reply, error) {
	dialer := net.Dialer{Timeout: patience}
	if from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	conn, err := dialer.DialContext(context.Background(), "tcp", s.addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if s.tls != nil {
		conn = tls.Client(conn, s.tls)
	}
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	// A refusal may come while a long body is still on its way.
	sent := make(chan struct{})
	go func() { _, _ = conn.Write(raw); close(sent) }()
	defer func() { _ = conn.Close(); <-sent }()
	in := bufio.NewReader(conn)
	var replies []reply
	for len(replies) < n {
		if len(replies) > 0 {
			_ = conn.SetReadDeadline(time.Now().Add(time.Second))
		}
		r, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			if len(replies) > 0 {
				return replies, nil
			}
			return nil, fmt.Errorf("no answer: %w", err)
		}
		if r.StatusCode == http.StatusContinue {
			continue
		}
		body, err := io.ReadAll(r.Body)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("half an answer: %w", err)
		}
		replies = append(replies, reply{r.StatusCode, r.Header, string(body)})
	}
	return replies, nil
}

// wire makes the bytes of a request that is written down as a line, fields and,
// after an empty line, a body. "As: alice" stands for her access token, "As:
// alice expired" for one that is forged in that way; Host, Content-Type and
// Content-Length are added where they are missing.
func (t *tour) wire(text, host string) (raw []byte, method string) {
	head, body, _ := strings.Cut(strings.TrimPrefix(text, "\n"), "\n\n")
	lines := strings.Split(strings.TrimRight(head, "\n"), "\n")
	method, _, _ = strings.Cut(lines[0], " ")
	has := func(name string) bool {
		return strings.Contains(strings.ToLower(head), "\n"+name+":")
	}
	var b strings.Builder
	b.WriteString(strings.Replace(lines[0], "$TOKEN", t.tokenOf("alice"), 1) + " HTTP/1.1\r\n")
	if !has("host") {
		b.WriteString("Host: " + host + "\r\n")
	}
	for _, l := range lines[1:] {
		if who, ok := strings.CutPrefix(l, "As: "); ok {
			l = "Authorization: Bearer " + t.tokenOf(who)
		}
		if who, ok := strings.CutPrefix(l, "Gatehouse-Identity: as "); ok {
			l = "Gatehouse-Identity: " + t.tokenOf(who+" other-key")
		}
		b.WriteString(l + "\r\n")
	}
	if body != "" && !has("transfer-encoding") {
		if !has("content-type") {
			b.WriteString("Content-Type: application/json\r\n")
		}
		if !has("content-length") {
			fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
		}
	}
	b.WriteString("\r\n" + body)
	return []byte(b.String()), method
}

// tokenOf returns the token of "alice", or of "alice expired".
func (t *tour) tokenOf(who string) string {
	name, forged, _ := strings.Cut(who, " ")
	if forged != "" {
		return t.forge(name, forged)
	}
	p, _ := known(name)
	return t.stage.token(p)
}
