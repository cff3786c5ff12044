package acceptance

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
)

// answering starts an upstream that answers every request with the text.
func answering(t testing.TB, text string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(w, text)
	})}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return l.Addr().String()
}

// stamping sets a response field to a fixed value.
type stamping struct {
	name, value string
	stage       gatehouse.Stage
}

func (s *stamping) Compile(*gatehouse.Build) ([]gatehouse.Step, error) {
	return []gatehouse.Step{{Stage: s.stage, Enforce: func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		if s.stage == gatehouse.Respond {
			x.Response.Fields.Set(s.name, s.value)
		} else {
			x.Request.Forward.Add(s.name, s.value)
		}
		return gatehouse.Pass, nil
	}}}, nil
}
func (s *stamping) Explain(*gatehouse.Sheet) {}

// forwarding is a policy that forwards everything to the upstream.
func forwarding(t testing.TB, upstream string, controls []engine.Configured) *engine.Policy {
	t.Helper()
	waiver := &gatehouse.Waiver{Because: "the door alone is under test", Owner: "test@example.com", Until: time.Now().AddDate(0, 1, 0)}
	plan, err := engine.Compile(&gatehouse.Build{Operation: anything{}, Public: waiver, Caps: gatehouse.AllCaps, Now: time.Now, Kept: gatehouse.NewKept()}, controls)
	if err != nil {
		t.Fatal(err)
	}
	e := &gatehouse.Endpoint{Name: "anything", Plan: plan, Declared: true, Upstream: &gatehouse.Upstream{Scheme: "http", Address: upstream}}
	p, err := engine.NewPolicy([]engine.Site{{Hosts: []string{"*"}, Undeclared: e}}, e)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
