package learn

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
)

// ArchiveError says what is wrong with an HTTP Archive, and where.
type ArchiveError struct {
	Line, Column int // from 1; the column counts bytes
	Says         string
}

// Error returns the place and the reason: "12:5: entry 3: request.url is missing".
func (e *ArchiveError) Error() string { return fmt.Sprintf("%d:%d: %s", e.Line, e.Column, e.Says) }

// harEntry is what is read of an entry (HAR 1.2, section "entries").
type harEntry struct {
	Request *struct {
		Method  string    `json:"method"`
		URL     string    `json:"url"`
		Headers []harPair `json:"headers"`
		Body    *harBody  `json:"postData"`
		Size    int64     `json:"bodySize"`
	} `json:"request"`
	Response *struct {
		Status  int       `json:"status"`
		Headers []harPair `json:"headers"`
		Content harBody   `json:"content"`
	} `json:"response"`
}

type harPair struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

type harBody struct {
	Type     string    `json:"mimeType"`
	Text     *string   `json:"text"`
	Encoding string    `json:"encoding"`
	Size     int64     `json:"size"`
	Params   []harPair `json:"params"`
}

// ReadArchive reads an HTTP Archive 1.2, as browsers and proxies save them, and
// calls f for every exchange over http and https with the origin that it went to,
// "https://api.example.com". One entry is in memory at a time. What is wrong with
// the archive is an [*ArchiveError]; an error of f ends the reading and is
// returned.
func ReadArchive(r io.ReadSeeker, f func(origin string, x *Exchange) error) error {
	a := &archive{r: r, d: json.NewDecoder(bufio.NewReader(r))}
	if err := a.member("log", "this is no HTTP Archive: it begins with {\"log\": {"); err != nil {
		return err
	}
	if err := a.member("entries", "log.entries is missing"); err != nil {
		return err
	}
	if err := a.delim('[', "log.entries is a list"); err != nil {
		return err
	}
	for ; a.d.More(); a.n++ {
		var e harEntry
		if err := a.entry(&e); err != nil {
			return err
		}
		origin, x := e.exchange()
		if origin == "" {
			continue
		}
		if err := f(origin, x); err != nil {
			return err
		}
	}
	if _, err := a.d.Token(); err != nil {
		return a.fault(a.d.InputOffset(), "the archive ends in the middle")
	}
	return nil
}

// archive is one reading.
type archive struct {
	r io.ReadSeeker
	d *json.Decoder
	n int // entries read
}

// member opens an object and goes to one of its members.
func (a *archive) member(name, says string) error {
	if err := a.delim('{', says); err != nil {
		return err
	}
	for a.d.More() {
		t, err := a.d.Token()
		if err != nil {
			return a.broken(a.d.InputOffset(), err)
		}
		if t == json.Token(name) {
			return nil
		}
		start := a.d.InputOffset()
		var skipped json.RawMessage
		if err := a.d.Decode(&skipped); err != nil {
			return a.broken(start, err)
		}
	}
	return a.fault(a.d.InputOffset(), says)
}

func (a *archive) delim(want json.Delim, says string) error {
	start := a.d.InputOffset()
	t, err := a.d.Token()
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return a.fault(start, "this is not JSON: "+syntax.Error())
	}
	if err != nil || t != json.Token(want) {
		return a.fault(start, says)
	}
	return nil
}

// entry reads the next entry.
func (a *archive) entry(e *harEntry) error {
	start := a.d.InputOffset()
	var raw json.RawMessage
	if err := a.d.Decode(&raw); err != nil {
		return a.broken(start, err)
	}
	start = a.d.InputOffset() - int64(len(raw))
	err := json.Unmarshal(raw, e)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return a.fault(start+wrong.Offset-1, fmt.Sprintf("entry %d: %s cannot be %s", a.n+1, wrong.Field, wrong.Value))
	}
	missing := ""
	switch {
	case err != nil:
		return a.fault(start, fmt.Sprintf("entry %d: %v", a.n+1, err))
	case e.Request == nil:
		missing = "request"
	case e.Request.Method == "":
		missing = "request.method"
	case e.Request.URL == "":
		missing = "request.url"
	case e.Response == nil:
		missing = "response"
	default:
		return nil
	}
	return a.fault(start, fmt.Sprintf("entry %d: %s is missing", a.n+1, missing))
}

// broken finds the place of a syntax error in the value that begins at or after
// an offset: the decoder does not say it.
func (a *archive) broken(start int64, err error) error {
	what := "this is not JSON: "
	if a.n > 0 {
		what = fmt.Sprintf("after entry %d: not JSON: ", a.n)
	}
	if _, e := a.r.Seek(start, io.SeekStart); e != nil {
		return a.fault(start, what+err.Error())
	}
	in := bufio.NewReader(a.r)
	for {
		c, e := in.ReadByte()
		if e != nil {
			return a.fault(start, what+"the file ends in the middle")
		}
		if strings.IndexByte(" \t\r\n,:", c) < 0 {
			_ = in.UnreadByte()
			break
		}
		start++
	}
	var raw json.RawMessage
	err = json.NewDecoder(in).Decode(&raw)
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return a.fault(start+syntax.Offset-1, what+syntax.Error())
	}
	return a.fault(start, what+"the file ends in the middle of the value that begins here")
}

// fault counts lines up to an offset.
func (a *archive) fault(offset int64, says string) error {
	e := &ArchiveError{Line: 1, Column: 1, Says: says}
	if _, err := a.r.Seek(0, io.SeekStart); err != nil {
		return e
	}
	in := bufio.NewReader(io.LimitReader(a.r, offset))
	for {
		c, err := in.ReadByte()
		if err != nil {
			return e
		}
		if e.Column++; c == '\n' {
			e.Line, e.Column = e.Line+1, 1
		}
	}
}

// exchange returns the origin and the exchange of an entry, or "" for what is not
// HTTP.
func (e *harEntry) exchange() (origin string, x *Exchange) {
	u, err := url.Parse(e.Request.URL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", nil
	}
	x = &Exchange{Method: strings.ToUpper(e.Request.Method), Status: e.Response.Status}
	whole, _, _ := strings.Cut(e.Request.URL, "#")
	_, x.Target, _ = strings.Cut(whole, "://")
	if i := strings.IndexAny(x.Target, "/?"); i >= 0 {
		x.Target = x.Target[i:]
	} else {
		x.Target = ""
	}
	if !strings.HasPrefix(x.Target, "/") {
		x.Target = "/" + x.Target
	}
	for _, h := range e.Request.Headers {
		if !strings.HasPrefix(h.Name, ":") {
			x.Fields.Add(strings.ToLower(h.Name), h.Value)
		}
	}
	if b := e.Request.Body; b != nil {
		x.Body = b.body(e.Request.Size)
	}
	x.Reply = e.Response.Content.body(e.Response.Content.Size)
	return u.Scheme + "://" + strings.ToLower(u.Host), x
}

// body returns what was recorded. Browsers save the members of a form instead of
// its text.
func (b *harBody) body(size int64) Body {
	out := Body{Type: b.Type}
	switch {
	case b.Text != nil && b.Encoding == "base64":
		var err error
		out.Bytes, err = base64.StdEncoding.DecodeString(*b.Text)
		out.Unseen = err != nil
	case b.Text != nil:
		out.Bytes = []byte(*b.Text)
	case len(b.Params) > 0 && out.media() == formType:
		for i, p := range b.Params {
			if i > 0 {
				out.Bytes = append(out.Bytes, '&')
			}
			out.Bytes = append(out.Bytes, formEscape(p.Name)+"="+formEscape(p.Value)...)
		}
	default:
		out.Unseen = size > 0 || len(b.Params) > 0
	}
	return out
}

// formEscape escapes what is not escaped yet: tools differ in what they save.
func formEscape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		s = plain
	}
	return url.QueryEscape(s)
}
