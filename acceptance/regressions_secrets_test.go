package acceptance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/host/proxy"
	"github.com/gatehouse-api/gatehouse/record"
	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

// keptText is a buffer that many may write to.
type keptText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (k *keptText) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.b.Write(p)
}

func (k *keptText) String() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.b.String()
}

// canaries are secrets, each with the name of the place where it was put.
type canaries struct{ places, secrets []string }

func (c *canaries) in(place string) string {
	s := fmt.Sprintf("Zk%02dQ7vX2mT9bLr5WcY8nHs4Jd6Fg3Pa1%02dEu", len(c.secrets), 99-len(c.secrets))
	c.places, c.secrets = append(c.places, place), append(c.secrets, s)
	return s
}

// find returns the places whose secret, or half of it, stands in the text.
func (c *canaries) find(text string) (found []string) {
	for i, s := range c.secrets {
		if strings.Contains(text, s[:len(s)/2]) || strings.Contains(text, s[len(s)/2:]) {
			found = append(found, c.places[i])
		}
	}
	return found
}

// TestNoSecretLeaves puts a secret into everything that can carry one, and looks
// for it in everything that anybody reads: log.redacted, R46.
func TestNoSecretLeaves(t *testing.T) {
	access, problems, answers := &keptText{}, &keptText{}, &keptText{}
	folder := t.TempDir()
	trails, err := sqlite.OpenTrails(filepath.Join(folder, sqlite.TrailsName), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewJSONHandler(problems, &slog.HandlerOptions{Level: slog.LevelDebug}))
	recorder := record.New(record.Config{Log: access, Trails: trails, Version: "test", Problems: log})
	var secrets canaries
	panicking, erring := secrets.in("a panic in a step"), secrets.in("an error of a step")
	o := options{record: recorder, tune: func(c *proxy.Config) { c.Log = log },
		kinds: []gatehouse.Kind{{Name: "failing", New: func() gatehouse.Control {
			return &onField{"x-fail", func(how string) (gatehouse.Verdict, error) {
				switch how {
				case "panic":
					panic("the secret is " + panicking)
				case "error":
					return gatehouse.Verdict{}, errors.New("the store said token=" + erring)
				}
				return gatehouse.Pass, nil
			}}
		}}}}
	h := open(t, o)
	alice := h.alice()
	signature := alice[strings.LastIndexByte(alice, '.')+1:]
	secrets.places, secrets.secrets = append(secrets.places, "the token's signature"), append(secrets.secrets, signature)
	asks := []ask{{token: alice, fields: fields{{Name: "x-fail", Value: "panic"}}}, {token: alice, fields: fields{{Name: "x-fail", Value: "error"}}}, {token: alice}}
	for _, name := range []string{"authorization", "cookie", "x-api-key", "x-anything", "referer", "user-agent", "x-forwarded-for", "forwarded", "x-request-id", "traceparent", "tracestate", "baggage", "proxy-authorization", "gatehouse-identity", "x-user-id", "origin", "idempotency-key", "content-type", "accept", "x-real-ip", "if-none-match"} {
		asks = append(asks, ask{target: "/public/x", fields: fields{{Name: name, Value: "Bearer " + secrets.in(name)}}})
	}
	asks = append(asks,
		ask{token: secrets.in("a token that is none")}, ask{token: "eyJhbGciOiJub25lIn0." + secrets.in("claims of a forged token") + ".x"},
		ask{fields: fields{{Name: "authorization", Value: "Basic " + secrets.in("a password")}}},
		ask{target: "/v1/orders/" + secrets.in("a path parameter"), token: alice}, ask{target: "/nowhere/at/all/" + secrets.in("an undeclared path")}, ask{target: "/public/../" + secrets.in("a refused path")},
		ask{target: "/v1/orders?q=" + secrets.in("a query"), token: alice}, ask{target: "/v1/orders?access_token=" + secrets.in("a token in a query"), token: alice}, ask{target: "/v1/orders?" + secrets.in("the name of a query") + "=1", token: alice}, ask{target: "/public/x?q=%zz" + secrets.in("a query that is refused")},
		ask{method: secrets.in("a method")[:30], target: "/public/x"}, ask{host: strings.ToLower(secrets.in("a host")) + ".test"}, ask{target: "/public/x", fields: fields{{Name: "x-" + secrets.in("the name of a field"), Value: "1"}}}, ask{target: "/public/x", fields: fields{{Name: "x_" + secrets.in("a refused name"), Value: "1"}}})
	for place, body := range map[string]string{"a body": `{"item":"%s","quantity":1}`, "a wrong value": `{"item":"a","quantity":"%s"}`, "an undeclared member": `{"item":"a","quantity":1,"password":"%s"}`, "the name of a member": `{"item":"a","quantity":1,"%s":1}`, "broken JSON": `{"item":"%s`, "no JSON": "%s"} {
		asks = append(asks, ask{method: "POST", target: "/v1/orders", token: alice, fields: fields{{Name: "content-type", Value: "application/json"}}, body: fmt.Sprintf(body, secrets.in(place))})
	}
	send := func() {
		for _, c := range h.callers(t) {
			for _, a := range asks {
				g := c.do(a)
				_, _ = fmt.Fprintln(answers, c.name(), g.status, g.fields, g.body)
			}
		}
	}
	send()
	asks = []ask{{token: alice}, {target: "/public/x"}}
	for place, reply := range map[string]string{
		"an upstream's error":        "HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\nContent-Length: 99\r\n\r\n%-99s",
		"an upstream's refusal":      "HTTP/1.1 400 Bad\r\nContent-Type: text/plain\r\nContent-Length: 120\r\n\r\n%-99s\n\tat java.lang.Exc(",
		"an upstream's garbage":      "%s\r\n\r\n",
		"an upstream's status line":  "HTTP/1.1 %s\r\n\r\n",
		"an upstream's broken field": "HTTP/1.1 200 OK\r\n%s\r\n\r\n",
		"an upstream's stack trace":  "HTTP/1.1 500 Oops\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n%-99s",
		"an upstream's chunk size":   "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n%s\r\n",
		"an upstream's product":      "HTTP/1.1 200 OK\r\nServer: %s\r\nX-Powered-By: %[1]s\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
		"an undeclared member":       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{\"id\":\"1\",\"customer_id\":\"alice\",\"tenant_id\":\"t1\",\"password_hash\":\"%s\"}",
		"a query in an error":        "HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\npq: syntax error at %s",
	} {
		text := fmt.Sprintf(reply, secrets.in(place))
		h.up.reply(func(c io.Writer, _ *arrival) bool { _, _ = io.WriteString(c, text); return false })
		if place == "an undeclared member" {
			asks = asks[:1] // the public place declares that it may say anything
		}
		send()
		asks = []ask{{token: alice}, {target: "/public/x"}}
	}
	if err := recorder.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	var metrics bytes.Buffer
	if err := recorder.WriteMetrics(&metrics); err != nil {
		t.Fatal(err)
	}
	var files bytes.Buffer // with the write-ahead log still there
	list, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		b, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files.Write(b)
	}
	if err := trails.Close(); err != nil {
		t.Fatal(err)
	}
	for sink, text := range map[string]string{"the access log": access.String(), "the metrics": metrics.String(), "the trails": files.String(), "the program's own log": problems.String(), "an answer": answers.String()} {
		if len(text) == 0 && sink != "the program's own log" {
			t.Errorf("%s is empty", sink)
		}
		for _, place := range secrets.find(text) {
			t.Errorf("log.redacted R46: the secret of %s is in %s", place, sink)
		}
	}
	if strings.Contains(access.String(), "\x1b") || strings.Count(access.String(), "\n") != strings.Count(access.String(), "\n{")+1 {
		t.Error("a line of the access log was broken")
	}
	if len(secrets.secrets) < 45 {
		t.Errorf("%d secrets", len(secrets.secrets))
	}
	t.Logf("figure secrets found 0/0 of %d in 5 sinks", len(secrets.secrets))
}

// onField is a control that does what a field of the request says.
type onField struct {
	name string
	do   func(string) (gatehouse.Verdict, error)
}

func (f *onField) Compile(*gatehouse.Build) ([]gatehouse.Step, error) {
	return []gatehouse.Step{{Stage: gatehouse.Validate, Enforce: func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		return f.do(x.Request.Fields.Get(f.name))
	}}}, nil
}
func (f *onField) Explain(*gatehouse.Sheet) {}
