//go:build linux

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const question = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"

// answers serves on the loopback; the nth request is answered when wait returns.
func answers(t *testing.T, answer string, wait func(n int64)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var n atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				b := bufio.NewReader(c)
				for {
					if _, err := http.ReadRequest(b); err != nil {
						return
					}
					wait(n.Add(1))
					if _, err := c.Write([]byte(answer)); err != nil {
						return
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

const fine = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"

func TestAStallCountsForEveryRequestThatFellDueMeanwhile(t *testing.T) {
	const stall = 200 * time.Millisecond
	addr := answers(t, fine, func(n int64) {
		if n == 500 {
			time.Sleep(stall)
		}
	})
	p := pace{rate: 1000, connections: 1, lasts: time.Second}
	latencies, err := ask(addr, p, []byte(question))
	if err != nil {
		t.Fatal(err)
	}
	if len(latencies) != 1000 {
		t.Fatalf("%d answers, want 1000", len(latencies))
	}
	slow := 0
	for _, l := range latencies {
		if l >= int64(stall/2) {
			slow++
		}
	}
	// 200 requests fell due, one a millisecond, and the first half of them waited
	// for half of the stall at least. Who asks after the answer counts one.
	if slow < 100 {
		t.Errorf("%d of 1000 latencies count the stall, want at least 100", slow)
	}
}

func TestOtherConnectionsDoNotWaitForTheOneThatStalls(t *testing.T) {
	const stall = 500 * time.Millisecond
	addr := answers(t, fine, func(n int64) {
		if n == 10 {
			time.Sleep(stall)
		}
	})
	latencies, err := ask(addr, pace{rate: 200, connections: 64, lasts: time.Second}, []byte(question))
	if err != nil {
		t.Fatal(err)
	}
	s := summary(latencies)
	if s.Max < int64(stall) || s.P50 >= int64(stall/2) {
		t.Errorf("max %s, p50 %s: want one answer slow, and only that", time.Duration(s.Max), time.Duration(s.P50))
	}
}

func TestTheRateIsKept(t *testing.T) {
	addr := answers(t, fine, func(int64) {})
	began := time.Now()
	var out bytes.Buffer
	if err := run(addr, pace{rate: 500, connections: 8, lasts: time.Second}, strings.NewReader(question), &out); err != nil {
		t.Fatal(err)
	}
	var r Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); r.Requests != 500 || took < 990*time.Millisecond {
		t.Errorf("%d requests in %s, want 500 in one second", r.Requests, took)
	}
}

func TestAWrongAnswerSpoilsTheRun(t *testing.T) {
	for name, answer := range map[string]string{
		"a refusal":    "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
		"no length":    "HTTP/1.1 200 OK\r\n\r\n",
		"two answers":  fine + fine,
		"another text": "SSH-2.0-server\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := ask(answers(t, answer, func(int64) {}), pace{rate: 100, connections: 1, lasts: 100 * time.Millisecond}, []byte(question)); err == nil {
				t.Errorf("%q is taken for an answer", answer)
			}
		})
	}
}

func TestPercentilesAreValuesThatWereMeasured(t *testing.T) {
	hundred := make([]int64, 100)
	for i := range hundred {
		hundred[i] = int64(100 - i)
	}
	for _, c := range []struct {
		latencies []int64
		want      Result
	}{
		{nil, Result{}},
		{[]int64{7}, Result{1, 7, 7, 7}},
		{[]int64{3, 1}, Result{2, 1, 3, 3}},
		{hundred, Result{100, 50, 99, 100}},
	} {
		if got := summary(c.latencies); got != c.want {
			t.Errorf("%v, want %v", got, c.want)
		}
	}
}

func TestRequestsAreDueEvenly(t *testing.T) {
	p := pace{rate: 22_700, lasts: 2 * time.Second}
	if p.total() != 45_400 || p.due(0) != 0 || p.due(22_700) != int64(time.Second) || p.due(p.total()-1) >= int64(p.lasts) {
		t.Errorf("%d requests, the last at %d", p.total(), p.due(p.total()-1))
	}
}
