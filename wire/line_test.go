package wire

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

// FuzzLines: a field that is sent as it came is sent as one that is written anew.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"a: b\r\n", "A:b\r\nA: c\r\n", "x:  y\r\n", "x: y \r\n", "x:\ty\r\n", "x: \r\n", "x:\r\n", "a: b\tc\xff\r\nserver: nginx\r\nConnection: a\r\n", "host: a\r\nte: b\r\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, lines string) {
		var q gatehouse.Request
		var p gatehouse.Response
		var m Message
		limits := DefaultLimits()
		up := gatehouse.Upstream{Host: "b"}
		r := NewReader(strings.NewReader("GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n"))
		if r.Head() == nil && r.ParseRequest(&q, &m, &limits) == nil {
			got, gotErr := AppendRequestHead(nil, &q, &up, None, 0)
			q.Fields = anew(q.Fields)
			want, wantErr := AppendRequestHead(nil, &q, &up, None, 0)
			if !bytes.Equal(got, want) || gotErr != wantErr {
				t.Fatalf("%q %v; want %q %v", got, gotErr, want, wantErr)
			}
		}
		r = NewReader(strings.NewReader("HTTP/1.1 200 OK\r\n" + lines + "\r\n"))
		if r.Head() == nil && r.ParseResponse(&p, &m, "GET") == nil {
			got, gotErr := AppendResponseHead(nil, &p, None, 0, false)
			p.Fields = anew(p.Fields)
			want, wantErr := AppendResponseHead(nil, &p, None, 0, false)
			if !bytes.Equal(got, want) || gotErr != wantErr {
				t.Fatalf("%q %v; want %q %v", got, gotErr, want, wantErr)
			}
		}
	})
}

// anew returns the fields as ones that nobody has checked.
func anew(fields gatehouse.Fields) (all gatehouse.Fields) {
	for _, f := range fields {
		all.Add(f.Name, f.Value)
	}
	return all
}

func TestAFieldIsSentAsTheLineThatItCameIn(t *testing.T) {
	r := NewReader(strings.NewReader("GET / HTTP/1.1\r\nHost: a\r\nAccept: text/html\r\nX-A:  b\r\n\r\n"))
	var q gatehouse.Request
	var m Message
	limits := DefaultLimits()
	if err := r.Head(); err != nil {
		t.Fatal(err)
	}
	if err := r.ParseRequest(&q, &m, &limits); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"accept: text/html\r\n", ""} {
		if got := q.Fields[i].Line(); got != want {
			t.Errorf("field %d: the line %q; want %q", i, got, want)
		}
	}
}

// FuzzSplit: a line is split, or refused, as by who looks for its end first.
func FuzzSplit(f *testing.F) {
	for _, s := range []string{"A-b: c\td\xff \r\n", "a:b", ":", "a b: c", " a: b", "a : b", "a: b\rc", "a\r: b", "a: b\x00\rc", "a: 0123456789012345678901234567890123456789\x7f", "a: \xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ReplaceAll(text, "\n", "") + "\r\n"
		if text == "\r\n" {
			return // the end of the section
		}
		name, value, n, r := splitField([]byte(text + "next: line\r\n\r\n"))
		wantName, wantValue, want := splitCarefully([]byte(text[:len(text)-2]))
		if r != want || name != wantName || string(value) != string(wantValue) || r == nil && n != len(text)-2 {
			t.Fatalf("%q: %q %q, %d bytes, %v; want %q %q, %v", text, name, value, n, r, wantName, wantValue, want)
		}
	})
}

func splitCarefully(line []byte) (name string, value []byte, r *Refusal) {
	i := 0
	for i < len(line) && lowered[line[i]] != 0 {
		i++
	}
	if i == len(line) || line[i] != ':' || i == 0 {
		return "", nil, badName(line, i)
	}
	if value = bytes.Trim(line[i+1:], " \t"); eachIsValue(value) {
		return strings.ToLower(string(line[:i])), value, nil
	}
	if bytes.IndexByte(value, '\r') >= 0 {
		return "", nil, BareCR
	}
	return "", nil, FieldValue
}
