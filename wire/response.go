package wire

import (
	"bytes"

	"github.com/gatehouse-api/gatehouse"
)

// ParseResponse parses a reply's head that [Reader.Head] has buffered: Status
// and Fields of p, and all of m. method is that of the request, since a reply to
// HEAD has no body. An interim reply (1xx) is returned like any other, without a
// body: the caller releases it and reads on.
//
// HTTP/1.0 is taken from an upstream, without chunked coding and with Close.
// Every fault is a [*ReplyError]: answer 502 and close.
func (r *Reader) ParseResponse(p *gatehouse.Response, m *Message, method string) error {
	if refusal := r.parseResponse(p, m, method); refusal != nil {
		return &ReplyError{refusal}
	}
	return nil
}

func (r *Reader) parseResponse(p *gatehouse.Response, m *Message, method string) *Refusal {
	m.reset()
	head := r.buf[r.r:r.scan]
	e := bytes.IndexByte(head, '\n')
	if e < 1 {
		return StatusLine
	}
	status, old, refusal := statusLine(head[:e-1])
	if refusal != nil {
		return refusal
	}
	p.Status, p.Fields = status, p.Fields[:0]
	s := section{protocol: reply1, fields: &p.Fields, m: m, most: maxReplyFields}
	if refusal := s.read(head[e+1:]); refusal != nil {
		return refusal
	}
	if s.first != nil {
		return s.first
	}
	if refusal := s.replyFraming(status, old, method); refusal != nil {
		return refusal
	}
	r.r, r.floor = r.scan, r.scan
	r.body.begin(m, true)
	return nil
}

// statusLine reads "HTTP/1.1 SP 3DIGIT [SP reason]" (RFC 9112 section 4). The
// space before an empty reason is often left out and is not asked for.
func statusLine(line []byte) (status int, old bool, r *Refusal) {
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' || (line[7] != '0' && line[7] != '1') {
		return 0, false, StatusLine
	}
	if len(line) > 12 && line[12] != ' ' {
		return 0, false, StatusLine
	}
	for _, c := range line[9:12] {
		if !isDigit(c) {
			return 0, false, StatusLine
		}
		status = status*10 + int(c-'0')
	}
	for _, c := range line[12:] {
		if class[c]&inValue == 0 {
			return 0, false, StatusLine
		}
	}
	if status < 100 || status > 599 {
		return 0, false, StatusLine
	}
	return status, line[7] == '0', nil
}

// replyFraming decides how the reply's body is delimited (RFC 9112 section 6.3).
func (s *section) replyFraming(status int, old bool, method string) *Refusal {
	m := s.m
	if old {
		if m.Framing == Chunked {
			return TransferEncoding // RFC 9112 section 6.1
		}
		m.Close = true
	}
	switch {
	case status == 101:
		if !equalFold(s.upgrade, "websocket") || !s.wants || m.Framing != None {
			return Upgrade
		}
		m.Upgrade = true
	case status < 200 || status == 204:
		if m.Framing == Chunked || m.Length > 0 {
			return ContentLength // a body is announced where none can be
		}
		m.Framing = None
	case method == "HEAD" || status == 304:
		m.Framing = None
	case m.Framing == None:
		m.Framing, m.Close = UntilClose, true
	}
	return nil
}
