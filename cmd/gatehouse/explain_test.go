package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/admin"
	"github.com/gatehouse-api/gatehouse/record"
	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

func explain(args ...string) (code int, out, errors string) {
	var stdout, stderr bytes.Buffer
	code = runExplain(args, &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

// ops.explain: of a running gateway, and after it has gone.
func TestARefusalIsExplainedByTheRunningGatewayAndAfterARestart(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	trails, err := sqlite.OpenTrails(filepath.Join(state, sqlite.TrailsName), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	r := record.New(record.Config{Trails: trails})
	served, err := admin.Listen(admin.Config{Address: "127.0.0.1:0", State: state, Recorder: r})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- served.Serve() }()
	r.Record(&gatehouse.Exchange{
		ID: "01REFUSED", At: time.Now(), Request: gatehouse.Request{Method: "GET", Path: "/v1/orders/7"}, Response: gatehouse.Response{Status: 404},
		Endpoint: &gatehouse.Endpoint{API: "orders", Name: "getOrder", Method: "GET", Template: "/v1/orders/{orderId}", Plan: &gatehouse.Plan{
			Steps: []gatehouse.Step{{Control: "object", Stage: gatehouse.Authorize, Place: gatehouse.Place{File: "gatehouse.yaml", Line: 9, Col: 3}}}}},
		Ended: gatehouse.Deny(&gatehouse.Answer{Status: 404, Reason: "object.not_found"}), EndedBy: "object",
		Trail: []gatehouse.Mark{{Said: gatehouse.SaidDeny, Rule: "object.not_found", Detail: "foreign object"}},
	}, gatehouse.Traffic{})

	says := func(when string, args ...string) {
		t.Helper()
		code, out, errors := explain(args...)
		for _, want := range []string{"GET /v1/orders/{orderId} -> 404 refused", "object.not_found", "foreign object", "gatehouse.yaml:9:3"} {
			if code != 0 || !strings.Contains(out, want) {
				t.Fatalf("%s: %d, missing %q in %s%s", when, code, want, out, errors)
			}
		}
	}
	says("through the socket", "--state", state, "01REFUSED")
	says("through the address", "01REFUSED", "--state", state, "--admin", served.Address())
	code, out, _ := explain("--json", "--state", state, "01REFUSED")
	var trail record.Trail
	if err := json.Unmarshal([]byte(out), &trail); err != nil || code != 0 || trail.Rule != "object.not_found" {
		t.Errorf("as JSON: %d, %v: %s", code, err, out)
	}
	if code, _, errors := explain("--state", state, "01UNKNOWN"); code != 1 || !strings.Contains(errors, "no trail is kept") {
		t.Errorf("unknown id: %d, %s", code, errors)
	}

	for _, err := range []error{served.Close(context.Background()), <-ended, r.Close(context.Background()), trails.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	says("from the store", "--state", state, "01REFUSED")
	if code, _, errors := explain("--state", state, "--admin", served.Address(), "01REFUSED"); code != 1 || !strings.Contains(errors, "no gateway is running") {
		t.Errorf("of an address that nobody serves: %d, %s", code, errors)
	}
}

// ops.explain
func TestAPlanIsExplainedFromTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"gatehouse.yaml": "environment: development\napis:\n  orders:\n    openapi: orders.yaml\n    upstream: http://127.0.0.1:9000\n    hosts: [api.example.com]\n    audience: https://api.example.com/orders\n    issuer: https://login.example.com\n" +
			"    public:\n      getStatus: {because: status page, owner: sre@example.com, until: " + time.Now().AddDate(0, 1, 0).Format(time.DateOnly) + "}\n",
		"orders.yaml": "openapi: 3.1.0\ninfo: {title: Orders, version: '1'}\npaths:\n  /v1/status:\n    get:\n      operationId: getStatus\n      responses: {'200': {description: ok}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "gatehouse.yaml")
	code, out, errors := explain("GET", "/v1/status", "--config", file)
	if code != 0 || !strings.Contains(out, "orders.getStatus") || !strings.Contains(out, "STAGE") || !strings.Contains(out, "headers") {
		t.Fatalf("%d: %s%s", code, out, errors)
	}
	if code, _, errors := explain("GET", "/v1/none", "--config", file); code != 1 || !strings.Contains(errors, "no endpoint takes") {
		t.Errorf("unknown path: %d, %s", code, errors)
	}
}

func TestExplainSaysHowItIsCalled(t *testing.T) {
	for _, args := range [][]string{{}, {"a", "b", "c"}, {"--unknown", "x"}} {
		if code, _, errors := explain(args...); code != 2 || errors == "" {
			t.Errorf("%v: %d, %q", args, code, errors)
		}
	}
	if code, _, errors := explain("../../etc/passwd"); code != 1 || !strings.Contains(errors, "not a request id") {
		t.Errorf("a path: %d, %q", code, errors)
	}
}

func TestExplainFindsTheStateBesideARelativeConfiguration(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.MkdirAll("conf", 0o700); err != nil {
		t.Fatal(err)
	}
	for state, want := range map[string]string{"state: ./st\n": "conf/st", "": "conf/gatehouse-state"} {
		text := state + "apis: {o: {openapi: o.yaml, upstream: \"http://127.0.0.1:9\", issuer: \"https://i.example.com\", audience: a}}\n"
		if err := os.WriteFile("conf/g.yaml", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("conf/o.yaml", []byte("openapi: 3.0.3\ninfo: {title: O, version: \"1\"}\npaths: {/x: {get: {operationId: getX, responses: {\"200\": {description: ok}}}}}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := (&explainer{config: "conf/g.yaml"}).stateFolder(); got != want {
			t.Errorf("ops.explain %q: looked in %s, want %s", state, got, want)
		}
	}
}
