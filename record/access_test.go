package record

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse"
	"github.com/google/go-cmp/cmp"
)

// log.fields log.json log.correlation
func TestAnAccessLineHasEveryField(t *testing.T) {
	out := &sink{}
	r := New(Config{Log: out})
	r.Record(exchange(ordersEndpoint()), traffic)
	closed(t, r)
	want := map[string]any{
		"time": "2026-11-21T12:00:00.123456Z", "event": "http.access", "schema": "gatehouse.access/1",
		"request_id": "01KAKQ2W3E4R5T6Y7U8I9OPASD", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7", "parent_span_id": "53995c3f42cd8ad8",
		"client_ip": "203.0.113.7", "peer_ip": "10.0.0.1", "peer_port": 4711.0, "protocol": "HTTP/1.1", "tls_version": "1.3",
		"principal": "user", "subject": "alice", "issuer": "https://login.example.com", "tenant": "t1", "client_id": "shop", "key_id": "k1",
		"method": "GET", "host": "api.example.com", "api": "orders", "endpoint": "getOrder", "template": "/v1/orders/{orderId}",
		"path": "/v1/orders/2", "query": "page=1&token=[redacted]",
		"decision": "refused", "control": "object", "rule": "object.not_found", "detail": "the order belongs to another customer",
		"would_deny": []any{map[string]any{"control": "waf", "rule": "waf.sqli"}},
		"status":     404.0, "latency_us": 1600.0, "upstream_us": 1200.0, "bytes_in": 0.0, "bytes_out": 211.0, "upstream": "127.0.0.1:9000",
		"user_agent": "curl/8.5.0", "policy": 3.0,
	}
	if diff := cmp.Diff([]map[string]any{want}, out.lines(t)); diff != "" {
		t.Error(diff)
	}
}

// log.fields: what is suspected goes through, and is in the line, the counters and a
// trail that is kept.
func TestASuspicionIsToldInLineCountersAndTrail(t *testing.T) {
	out, kept := &sink{}, &memoryTrails{}
	r := New(Config{Log: out, Trails: kept})
	x := passing(ordersEndpoint())
	x.Trail[3] = gatehouse.Mark{Step: 3, Said: gatehouse.SaidSuspect, Rule: "object.foreign_suspected", Detail: "the object 5f3c2a1b90d4e877"}
	r.Record(x, traffic)
	if got := exposed(t, r); !strings.Contains(got, `gatehouse_suspicions_total{control="`+stepOf(x.Endpoint, 3).Control+`",rule="object.foreign_suspected"} 1`) {
		t.Error(got)
	}
	closed(t, r)
	line := out.lines(t)[0]
	want := []any{map[string]any{"control": stepOf(x.Endpoint, 3).Control, "rule": "object.foreign_suspected", "detail": "the object 5f3c2a1b90d4e877"}}
	if diff := cmp.Diff(want, line["suspected"]); diff != "" || line["decision"] != "allowed" {
		t.Error(diff, line)
	}
	found, err := r.Find(t.Context(), x.ID)
	if err != nil || found.Steps[3].Verdict != "suspect" || kept.len() != 1 {
		t.Errorf("%v: %+v", err, found)
	}
}

// log.fields: a request that was refused before anything was known of it.
func TestARequestWithoutEndpointAndPrincipalIsRecorded(t *testing.T) {
	out := &sink{}
	r := New(Config{Log: out})
	x := &gatehouse.Exchange{ID: "a", At: noon, EndedBy: "wire", Trail: []gatehouse.Mark{{Step: 7, Said: gatehouse.SaidDeny, Rule: "wire.bad"}}}
	x.Ended = gatehouse.Verdict{}
	x.Response.Status = 400
	r.Record(x, gatehouse.Traffic{})
	closed(t, r)
	want := []map[string]any{{
		"time": "2026-11-21T12:00:00.123456Z", "event": "http.access", "schema": Schema, "request_id": "a", "path": "",
		"decision": "refused", "control": "wire", "status": 400.0, "latency_us": 0.0, "upstream_us": 0.0, "bytes_in": 0.0, "bytes_out": 0.0, "policy": 0.0,
	}}
	if diff := cmp.Diff(want, out.lines(t)); diff != "" {
		t.Error(diff)
	}
}

func TestTheDecisionSaysHowTheWalkEnded(t *testing.T) {
	for want, ended := range map[string]gatehouse.Verdict{
		"allowed": gatehouse.Pass, "refused": {}, "answered": gatehouse.Answering(&gatehouse.Answer{Status: 204, Reason: "cors.preflight"}),
	} {
		if got := outcomeOf(&gatehouse.Exchange{Ended: ended}).decision.String(); got != want {
			t.Errorf("%s: got %s", want, got)
		}
	}
}

// log.json, R46: nothing a client sends forges, breaks or colours a line.
func FuzzEveryLineParsesAndSaysWhatWasSaid(f *testing.F) {
	f.Add("curl\r\n{\"event\":\"http.access\"}", "a\x1b[31mb", "x")
	f.Add("\x00\x7f\u009b\u2028\u202e\ufeff", "\xff\xc3", "é")
	f.Add(`\" \u0000 </script>`, "GET", "😀\xf0\x9f\x98")
	f.Fuzz(func(t *testing.T, agent, method, host string) {
		quoted := appendString(nil, agent)
		var back string
		if err := json.Unmarshal(quoted, &back); err != nil || back != strings.ToValidUTF8(replaceEach(agent), "\ufffd") {
			t.Fatalf("%q became %s: %v", agent, quoted, err)
		}
		x := exchange(ordersEndpoint())
		x.Request.Method, x.Request.Host, x.Request.Path, x.Request.Query = method, host, "/"+agent, agent
		x.Request.Fields.Set("user-agent", agent)
		x.Principal.ID, x.Principal.Tenant, x.EndedBy = agent, method, host
		b := &buffers{path: []byte("/" + agent)}
		line := appendAccess(nil, b, newCounters().cellOf(x.Endpoint), x, &traffic, outcomeOf(x))
		if !json.Valid(line) || strings.Count(string(line), "\n") != 1 || !utf8.Valid(line) {
			t.Fatalf("not one line of JSON: %q", line)
		}
		for _, r := range string(line[:len(line)-1]) {
			if r < 0x20 || r == 0x7f || r > 0x7f && deceptive(r) {
				t.Fatalf("%U is in the line: %q", r, line)
			}
		}
	})
}

// replaceEach replaces every byte that is not UTF-8 on its own, as encoding/json does.
func replaceEach(s string) string { return string([]rune(s)) }

func TestTimesAreUTCWithMicroseconds(t *testing.T) {
	for _, at := range []time.Time{noon, time.Unix(0, 0), time.Unix(-1, 0), time.Date(2024, 2, 29, 23, 59, 59, 999999999, time.UTC),
		time.Date(2000, 3, 1, 0, 0, 0, 0, time.FixedZone("", 3600)), time.Date(2100, 12, 31, 1, 2, 3, 4000, time.UTC), time.Date(1969, 1, 1, 0, 0, 0, 0, time.UTC)} {
		if got, want := string(appendTime(nil, at.UnixMicro())), at.UTC().Format("2006-01-02T15:04:05.000000Z"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// gated is a sink that takes nothing until it is opened.
type gated struct {
	sink
	open chan struct{}
}

func (g *gated) Write(b []byte) (int, error) {
	<-g.open
	return g.sink.Write(b)
}

func TestASlowSinkLosesTheOldestLinesAndSaysHowMany(t *testing.T) {
	out := &gated{open: make(chan struct{})}
	r := New(Config{Log: out, Now: func() time.Time { return noon }})
	x := passing(ordersEndpoint())
	const sent = 20_000
	for n := range sent {
		x.Cursor.Version = int64(n)
		r.Record(x, traffic)
	}
	if r.access.dropped.Load() == 0 {
		t.Fatal("nothing was dropped: the log is not bounded")
	}
	close(out.open)
	closed(t, r)
	var lines, dropped, last int64
	for _, record := range out.lines(t) {
		if record["event"] == "log.gap" {
			dropped += int64(record["dropped"].(float64))
			continue
		}
		lines++
		serial := int64(record["policy"].(float64))
		if serial != lines-1+dropped {
			t.Fatalf("line %d comes after %d lines and %d dropped", serial, lines-1, dropped)
		}
		last = serial
	}
	if lines+dropped != sent || last != sent-1 || uint64(dropped) != r.access.dropped.Load() {
		t.Errorf("%d lines and %d dropped of %d, the last is %d, the counter says %d", lines, dropped, sent, last, r.access.dropped.Load())
	}
}

// failing fails its first writes after a few bytes.
type failing struct {
	sink
	times int
}

func (f *failing) Write(b []byte) (int, error) {
	if f.times--; f.times >= 0 {
		n, _ := f.sink.Write(b[:min(10, len(b))])
		return n, errors.New("disk full")
	}
	return f.sink.Write(b)
}

func TestAFailedWriteIsCountedAndTheNextLineBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &failing{times: 1}
		r := New(Config{Log: out})
		r.Record(passing(ordersEndpoint()), traffic)
		time.Sleep(2 * flushEvery)
		r.Record(passing(ordersEndpoint()), traffic)
		closed(t, r)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != 3 || len(lines[0]) != 10 || !strings.Contains(lines[1], `"log.gap"`) || !strings.Contains(lines[1], `"dropped":1}`) || !json.Valid([]byte(lines[2])) {
			t.Errorf("got %q", lines)
		}
	})
}

func TestLinesAreWrittenWithinAShortTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := &sink{}
		r := New(Config{Log: out})
		r.Record(passing(ordersEndpoint()), traffic)
		time.Sleep(flushEvery + time.Millisecond)
		if out.String() == "" {
			t.Error("nothing is written")
		}
		closed(t, r)
	})
}
