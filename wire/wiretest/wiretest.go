// Package wiretest judges recorded bytes by the strict grammar of RFC 9112: what
// an upstream got from the gateway must be readable in one way only.
//
// It is written for simplicity, from the RFC, and shares nothing with package
// wire, so that the two do not err together.
package wiretest

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Request is one request of a recorded stream, as it stands there.
type Request struct {
	Method, Target string
	Fields         []string // "name: value", the name in lower case
	Body           []byte   // decoded
	Trailers       []string
}

// Host returns the value of the one Host field.
func (r *Request) Host() string {
	for _, f := range r.Fields {
		if v, ok := strings.CutPrefix(f, "host: "); ok {
			return v
		}
	}
	return ""
}

// Response is one reply of a recorded stream.
type Response struct {
	Status   int
	Fields   []string
	Body     []byte
	Trailers []string
}

var (
	requestLine = regexp.MustCompile(`^([!#$%&'*+\-.^_` + "`" + `|~0-9A-Za-z]+) ([\x21-\x22\x24-\x7e]+) HTTP/1\.1$`)
	statusLine  = regexp.MustCompile(`^HTTP/1\.1 ([1-5][0-9][0-9]) [\t \x21-\x7e\x80-\xff]*$`)
	fieldLine   = regexp.MustCompile(`^([!#$%&'*+\-.^_` + "`" + `|~0-9A-Za-z]+):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*)$`)
	decimal     = regexp.MustCompile(`^(0|[1-9][0-9]{0,17})$`)
	chunkLine   = regexp.MustCompile(`^[0-9a-fA-F]{1,15}$`)
)

// ErrCut reports that the stream ends inside a message.
var ErrCut = errors.New("the stream ends inside a message")

// CheckRequestStream reads the requests of a whole recorded stream. The error
// names the first violation; the requests before it are returned.
func CheckRequestStream(raw []byte) (requests []Request, err error) {
	rest := string(raw)
	for rest != "" {
		var q Request
		var line string
		if line, rest, err = cutLine(rest); err != nil {
			return requests, err
		}
		m := requestLine.FindStringSubmatch(line)
		if m == nil {
			return requests, fmt.Errorf("request line %q", line)
		}
		q.Method, q.Target = m[1], m[2]
		if q.Fields, rest, err = fields(rest); err != nil {
			return requests, err
		}
		if n := len(values(q.Fields, "host")); n != 1 {
			return requests, fmt.Errorf("%d Host fields", n)
		}
		if q.Body, q.Trailers, rest, err = body(q.Fields, rest, false); err != nil {
			return requests, err
		}
		requests = append(requests, q)
		if len(values(q.Fields, "upgrade")) > 0 {
			return requests, nil // what follows is no HTTP
		}
	}
	return requests, nil
}

// CheckResponseStream reads the replies of a whole recorded stream; methods are
// those of the requests, in order. Interim replies count as replies but use no
// method up.
func CheckResponseStream(raw []byte, methods ...string) (replies []Response, err error) {
	rest := string(raw)
	for rest != "" {
		var p Response
		var line string
		if line, rest, err = cutLine(rest); err != nil {
			return replies, err
		}
		m := statusLine.FindStringSubmatch(line)
		if m == nil {
			return replies, fmt.Errorf("status line %q", line)
		}
		p.Status, _ = strconv.Atoi(m[1])
		if p.Fields, rest, err = fields(rest); err != nil {
			return replies, err
		}
		method := "GET"
		if len(methods) > 0 {
			method = methods[0]
		}
		if p.Status >= 200 && len(methods) > 0 {
			methods = methods[1:]
		}
		switch {
		case p.Status < 200 || p.Status == 204:
			if len(values(p.Fields, "content-length"))+len(values(p.Fields, "transfer-encoding")) > 0 {
				return replies, fmt.Errorf("a %d with framing", p.Status)
			}
		case p.Status == 304 || method == "HEAD":
		default:
			closes := strings.Contains(strings.Join(values(p.Fields, "connection"), ","), "close")
			if p.Body, p.Trailers, rest, err = body(p.Fields, rest, closes); err != nil {
				return replies, err
			}
		}
		replies = append(replies, p)
	}
	return replies, nil
}

// cutLine takes one line that ends in CRLF and holds no other CR or LF.
func cutLine(s string) (line, rest string, err error) {
	line, rest, ok := strings.Cut(s, "\n")
	if !ok {
		return "", "", ErrCut
	}
	if !strings.HasSuffix(line, "\r") {
		return "", "", fmt.Errorf("bare LF after %q", line)
	}
	line = line[:len(line)-1]
	if strings.ContainsAny(line, "\r\x00") {
		return "", "", fmt.Errorf("CR or NUL in %q", line)
	}
	return line, rest, nil
}

// fields takes field lines up to and with the empty one.
func fields(s string) (list []string, rest string, err error) {
	for rest = s; ; {
		var line string
		if line, rest, err = cutLine(rest); err != nil || line == "" {
			return list, rest, err
		}
		m := fieldLine.FindStringSubmatch(line)
		if m == nil {
			return nil, "", fmt.Errorf("field line %q", line)
		}
		list = append(list, strings.ToLower(m[1])+": "+strings.Trim(m[2], " \t"))
	}
}

func values(list []string, name string) (found []string) {
	for _, f := range list {
		if v, ok := strings.CutPrefix(f, name+": "); ok {
			found = append(found, v)
		}
	}
	return found
}

// body takes the body that the fields announce.
func body(list []string, s string, untilClose bool) (data []byte, trailers []string, rest string, err error) {
	lengths, codings := values(list, "content-length"), values(list, "transfer-encoding")
	switch {
	case len(lengths) > 0 && len(codings) > 0:
		return nil, nil, "", errors.New("Content-Length with Transfer-Encoding")
	case len(lengths) > 1 || len(codings) > 1:
		return nil, nil, "", errors.New("a framing field stands twice")
	case len(codings) == 1:
		if !strings.EqualFold(codings[0], "chunked") {
			return nil, nil, "", fmt.Errorf("Transfer-Encoding %q", codings[0])
		}
		return chunks(s)
	case len(lengths) == 1:
		if !decimal.MatchString(lengths[0]) {
			return nil, nil, "", fmt.Errorf("Content-Length %q", lengths[0])
		}
		n, _ := strconv.Atoi(lengths[0])
		if n > len(s) {
			return nil, nil, "", ErrCut
		}
		return []byte(s[:n]), nil, s[n:], nil
	case untilClose:
		return []byte(s), nil, "", nil
	}
	return nil, nil, s, nil
}

func chunks(s string) (data []byte, trailers []string, rest string, err error) {
	for {
		var line string
		if line, s, err = cutLine(s); err != nil {
			return nil, nil, "", err
		}
		if !chunkLine.MatchString(line) {
			return nil, nil, "", fmt.Errorf("chunk size %q", line)
		}
		n, _ := strconv.ParseInt(line, 16, 64)
		if n == 0 {
			trailers, rest, err = fields(s)
			return data, trailers, rest, err
		}
		if n > int64(len(s)) || n+2 > int64(len(s)) {
			return nil, nil, "", ErrCut
		}
		if s[n:n+2] != "\r\n" {
			return nil, nil, "", fmt.Errorf("no CRLF after a chunk, but %q", s[n:n+2])
		}
		data, s = append(data, s[:n]...), s[n+2:]
	}
}
