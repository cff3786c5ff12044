package acceptance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/gatehouse-api/gatehouse/wire/wiretest"
)

// arrival is a request as the upstream got it.
type arrival struct {
	method, target string
	fields         []string // "name: value", in order
	body           string
}

func (a arrival) values(name string) (out []string) {
	for _, f := range a.fields {
		if v, ok := strings.CutPrefix(f, name+": "); ok {
			out = append(out, v)
		}
	}
	return out
}

// origin is an upstream that keeps what it got, judged by the strict grammar.
type origin struct {
	addr   string
	answer func(c io.Writer, a *arrival) (open bool) // nil answers with Alice's order

	mu     sync.Mutex
	got    []arrival
	cut    int // requests that broke off
	faults []error
}

const order = `{"id":"1","customer_id":"alice","tenant_id":"t1","item":"book","quantity":1,"note":""}`

func jsonReply(c io.Writer, body string) bool {
	_, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	return err == nil
}

func newOrigin(t testing.TB) *origin {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o := &origin{addr: l.Addr().String()}
	var work sync.WaitGroup
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() { o.serve(c) })
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		o.mu.Lock()
		defer o.mu.Unlock()
		for _, err := range o.faults {
			t.Errorf("the upstream got bytes that are not strict HTTP: %v", err)
		}
	})
	return o
}

// serve reads requests as Go reads them, and keeps each as the strict grammar
// reads it.
func (o *origin) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	var raw bytes.Buffer
	br := bufio.NewReader(io.TeeReader(c, &raw))
	for {
		q, err := http.ReadRequest(br)
		if err == nil {
			_, err = io.Copy(io.Discard, q.Body)
		}
		if err != nil {
			o.broken(raw.Bytes())
			return
		}
		list, err := wiretest.CheckRequestStream(raw.Bytes())
		raw.Reset()
		if err == nil && len(list) != 1 {
			err = fmt.Errorf("one read is %d requests", len(list))
		}
		if err != nil {
			o.mu.Lock()
			o.faults = append(o.faults, err)
			o.mu.Unlock()
			return
		}
		if !o.take(c, arrival{list[0].Method, list[0].Target, list[0].Fields, string(list[0].Body)}) {
			return
		}
	}
}

func (o *origin) broken(raw []byte) {
	if len(raw) == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cut++
	if _, err := wiretest.CheckRequestStream(raw); err != nil && !errors.Is(err, wiretest.ErrCut) {
		o.faults = append(o.faults, err)
	}
}

func (o *origin) take(c io.Writer, a arrival) bool {
	o.mu.Lock()
	o.got = append(o.got, a)
	answer := o.answer
	o.mu.Unlock()
	if answer != nil {
		return answer(c, &a)
	}
	if a.method == "GET" && strings.HasPrefix(a.target+"?", "/v1/orders?") {
		return jsonReply(c, `{"items":[`+order+`]}`)
	}
	return jsonReply(c, order)
}

// ServeHTTP is the same upstream for the middleware door.
func (o *origin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		o.mu.Lock()
		o.cut++
		o.mu.Unlock()
		return
	}
	a := arrival{method: r.Method, target: r.RequestURI, body: string(body), fields: []string{"host: " + r.Host}}
	for k, vs := range r.Header {
		for _, v := range vs {
			a.fields = append(a.fields, strings.ToLower(k)+": "+v)
		}
	}
	var b bytes.Buffer
	o.take(&b, a)
	p, err := http.ReadResponse(bufio.NewReader(&b), r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	for k, v := range p.Header {
		w.Header()[k] = v
	}
	w.WriteHeader(p.StatusCode)
	_, _ = io.Copy(w, p.Body)
}

// reply makes the upstream answer in another way.
func (o *origin) reply(f func(c io.Writer, a *arrival) bool) {
	o.mu.Lock()
	o.answer = f
	o.mu.Unlock()
}

// count is how many requests have arrived, broken ones included.
func (o *origin) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.got) + o.cut
}

// last returns the last request.
func (o *origin) last() arrival {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.got) == 0 {
		return arrival{}
	}
	return o.got[len(o.got)-1]
}

func (o *origin) since(n int) []arrival {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]arrival(nil), o.got[min(n, len(o.got)):]...)
}
