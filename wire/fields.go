package wire

import (
	"bytes"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// protocol is the side and version that a field section comes from.
type protocol uint8

const (
	request1 protocol = iota
	request2          // HTTP/2
	reply1
)

const (
	maxOptions     = 8   // private Connection options of one message
	maxReplyFields = 256 // field lines of a reply
)

// section collects what the fields of one head say. The first refusal that
// leaves the framing sound is kept while the rest is still read, so that the
// connection survives it; the others are returned at once.
type section struct {
	protocol protocol
	fields   *gatehouse.Fields
	m        *Message
	most     int // field lines
	lines    int
	permit   gatehouse.Permit
	seen     uint64
	host     []byte
	hosts    int
	upgrade  []byte // value of Upgrade
	upgrades int
	te       []byte
	wants    bool // Connection: upgrade
	options  [maxOptions]string
	optioned int
	first    *Refusal
	written  bool // the line is as it would be written again
	barred   bool // whatever is permitted, the request is refused
}

// note keeps the first refusal that does not close.
func (s *section) note(r *Refusal) {
	s.barred = s.barred || r.Permit == 0
	if s.first == nil {
		s.first = r
	}
}

// bar notes a refusal that no permit lifts.
func (s *section) bar(r *Refusal) {
	s.note(r)
	s.barred = true
}

// read takes every field line of b, which ends in the empty line.
func (s *section) read(b []byte) *Refusal {
	for b[0] != '\r' || b[1] != '\n' { // the lines end in CRLF: scanLines has seen to it
		name, value, n, r := splitField(b)
		if r != nil {
			return r
		}
		s.written = len(name)+2+len(value) == n && b[len(name)+1] == ' '
		if r := s.take(name, value); r != nil {
			return r
		}
		b = b[n+2:]
	}
	return s.end()
}

// add keeps the field, as the line that it is where it can be sent as it came.
func (s *section) add(name string, value []byte) {
	if s.written {
		s.fields.AddWritten(name, view(value))
		return
	}
	s.fields.Add(name, view(value))
}

// splitField splits the field line that b begins with, n bytes and CRLF, and puts the
// name into lower case in place.
func splitField(b []byte) (name string, value []byte, n int, r *Refusal) {
	i := 0
	for ; ; i++ {
		c := lowered[b[i]]
		if c == 0 {
			break
		}
		b[i] = c
	}
	if i == 0 || b[i] != ':' {
		return "", nil, 0, badName(lineOf(b), i)
	}
	n = i + 1 + valueLength(b[i+1:])
	switch {
	case b[n] == '\r' && b[n+1] == '\n':
		return view(b[:i]), trim(b[i+1 : n]), n, nil
	case bytes.IndexByte(lineOf(b), '\r') >= 0:
		return "", nil, 0, BareCR
	}
	return "", nil, 0, FieldValue
}

// lineOf returns the line that b begins with, without its CRLF.
func lineOf(b []byte) []byte { return b[:bytes.IndexByte(b, '\n')-1] }

// badName says what is wrong with a line whose name ends at i without a colon.
func badName(line []byte, i int) *Refusal {
	switch {
	case line[0] == ' ' || line[0] == '\t':
		return ObsFold
	case i < len(line) && (line[i] == ' ' || line[i] == '\t') && len(trim(line[i:])) > 0 && trim(line[i:])[0] == ':':
		return SpaceBeforeColon
	case i < len(line) && line[i] == '\r':
		return BareCR
	}
	return FieldName
}

// take judges one field. The name is in lower case.
func (s *section) take(name string, value []byte) *Refusal {
	if s.lines++; s.lines > s.most {
		return TooManyFields
	}
	if s.protocol != reply1 && strings.IndexByte(name, '_') >= 0 {
		if foldedKind(name) != ordinary {
			s.bar(HeaderUnderscore)
			return nil
		}
		s.m.Needs |= gatehouse.Underscore
		if s.permit&gatehouse.Underscore == 0 {
			s.note(HeaderUnderscore)
			return nil
		}
	}
	k := kindOf(name)
	if k >= contentTypeKind {
		bit := uint64(1) << (k - contentTypeKind)
		if s.seen&bit != 0 && (s.protocol != reply1 || k.onceInReply()) {
			s.note(DuplicateField)
		}
		s.seen |= bit
		s.add(name, value)
		return nil
	}
	if k == ordinary {
		s.add(name, value)
		return nil
	}
	if s.protocol == request2 {
		return s.special2(k, name, value)
	}
	return s.special1(k, name, value)
}

// special1 takes the fields that mean something to the gateway itself.
func (s *section) special1(k kind, name string, value []byte) *Refusal {
	switch k {
	case hostKind:
		if s.protocol == reply1 {
			s.add(name, value)
			return nil
		}
		if s.hosts++; s.hosts > 1 {
			return DuplicateHost
		}
		s.host = value
	case lengthKind:
		return s.contentLength(value)
	case codingKind:
		return s.transferEncoding(value)
	case connectionKind:
		return s.connection(value)
	case upgradeKind:
		if s.upgrades++; s.upgrades > 1 && s.protocol == request1 {
			return Upgrade
		}
		s.upgrade = value
	case expectKind:
		if s.protocol == reply1 {
			return nil
		}
		if !equalFold(value, "100-continue") || s.m.Expect {
			return Expect
		}
		s.m.Expect = true
	case trailerKind:
		return s.trailer(value)
	case forwardedKind:
		s.forwarded(name, value)
	}
	return nil // the others are dropped
}

// trailer takes the announced names. A name that frames or routes is refused
// even though the announcement goes no further.
func (s *section) trailer(value []byte) *Refusal {
	if s.m.Trailer != "" {
		s.note(DuplicateField)
	}
	s.m.Trailer = view(value)
	for rest := s.m.Trailer; rest != "" && s.protocol != reply1; {
		var name string
		name, rest, _ = strings.Cut(rest, ",")
		if name = strings.Trim(name, " \t"); !isToken(name) || len(name) > 64 || foldedKind(name) != ordinary {
			return TrailerField
		}
	}
	return nil
}

func (s *section) forwarded(name string, value []byte) {
	if s.protocol == reply1 {
		s.add(name, value)
		return
	}
	s.m.Forwarded.Add(name, view(value))
}

// contentLength takes one plain decimal number below 10^15, once.
func (s *section) contentLength(value []byte) *Refusal {
	if s.m.Framing == Chunked {
		return TEAndCL
	}
	if s.m.Length >= 0 || len(value) == 0 || len(value) > 15 || (value[0] == '0' && len(value) > 1) {
		return ContentLength
	}
	n := int64(0)
	for _, c := range value {
		if c < '0' || c > '9' {
			return ContentLength
		}
		n = n*10 + int64(c-'0')
	}
	s.m.Length = n
	s.m.Framing = Length
	return nil
}

func (s *section) transferEncoding(value []byte) *Refusal {
	if s.m.Framing == Length {
		return TEAndCL
	}
	if s.m.Framing == Chunked || !equalFold(value, "chunked") {
		return TransferEncoding
	}
	s.m.Framing = Chunked
	return nil
}

// connection takes the options of one Connection line.
func (s *section) connection(value []byte) *Refusal {
	for len(value) > 0 {
		option := value
		if i := bytes.IndexByte(value, ','); i >= 0 {
			option, value = value[:i], value[i+1:]
		} else {
			value = nil
		}
		option = trim(option)
		if len(option) == 0 {
			continue
		}
		for i, c := range option {
			if option[i] = lowered[c]; option[i] == 0 {
				return ConnectionOption
			}
		}
		switch name := view(option); {
		case name == "close":
			s.m.Close = true
		case name == "keep-alive":
		case name == "upgrade":
			s.wants = true
		case endToEnd(name), s.optioned == maxOptions:
			return ConnectionOption
		default:
			s.options[s.optioned] = name
			s.optioned++
		}
	}
	return nil
}

// end removes what Connection has named.
func (s *section) end() *Refusal {
	for _, name := range s.options[:s.optioned] {
		s.fields.Del(name)
	}
	return nil
}

// special2 takes the fields that mean something to the gateway in HTTP/2, where
// framing is not the fields' business (RFC 9113 section 8.2.2).
func (s *section) special2(k kind, name string, value []byte) *Refusal {
	switch k {
	case connectionKind, codingKind, upgradeKind:
		return H2ConnectionField
	case hopKind:
		if name == "keep-alive" || name == "proxy-connection" || name == "http2-settings" {
			return H2ConnectionField
		}
	case teKind:
		if s.te != nil || !equalFold(value, "trailers") {
			return H2ConnectionField
		}
		s.te = value
	default:
		return s.special1(k, name, value)
	}
	return nil
}
