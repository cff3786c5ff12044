package oracletest

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// field is what is measured against what: GitHub's check runs.
type field struct {
	github *description
	ours   *openapi.Schema
	judge  *jsonschema.Schema
	kin    *openapi3filter.RequestValidationInput
	body   *openapi3.RequestBody

	small, large []byte // requests of 588 bytes and of 68 KB
	reply        *openapi.Schema
	kept, cut    []byte // replies without and with undeclared members
}

// checkRun is a request for checks/create with n annotations.
func checkRun(n, details, size int) []byte {
	var b bytes.Buffer
	b.WriteString(`{"name":"mighty_readme","head_sha":"ce587453ced02b1526dfb4cb910479d431683101","status":"in_progress","external_id":"42","started_at":"2018-05-04T01:14:52Z","output":{"title":"Mighty Readme report","summary":"There are 0 failures and 1 notice.","annotations":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"path":"README.md","annotation_level":"warning","title":"Spell Checker","message":"Check your spelling for 'banaas'.","raw_details":%q,"start_line":%d,"end_line":%d}`, strings.Repeat("word ", details), i+1, i+1)
	}
	text := strings.Repeat("x", max(0, size-b.Len()-len(`],"text":""}}`)))
	fmt.Fprintf(&b, `],"text":%q}}`, text)
	return b.Bytes()
}

func newField(t testing.TB) *field {
	t.Helper()
	f := &field{github: read(t, "github.v3.json"), small: checkRun(1, 2, 588), large: checkRun(50, 230, 68<<10)}
	op := f.github.doc.Operation("checks/create")
	_, of := f.github.operation(op)
	raw := f.github.media(f.github.follow(of["requestBody"])["content"], "application/json")["schema"]
	f.ours = op.RequestBody.Content[0].Schema
	var err error
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	l := f.github.judged[openapi.Request]
	s := l.schema(raw)
	for name, def := range l.closure(s) {
		if err := c.AddResource(urlOf(name), def); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.AddResource("file:///checks.json", s); err != nil {
		t.Fatal(err)
	}
	if f.judge, err = c.Compile("file:///checks.json"); err != nil {
		t.Fatal(err)
	}
	f.withKin(t, raw)
	f.withReplies(t)
	return f
}

// withKin loads the schema as a description of its own, so that nothing but the
// body is validated.
func (f *field) withKin(t testing.TB, raw any) {
	b, err := json.Marshal(object{"openapi": "3.0.3", "info": object{"title": "t", "version": "1"}, "paths": object{"/a": object{"post": object{
		"operationId": "a", "requestBody": object{"required": true, "content": object{"application/json": object{"schema": raw}}}, "responses": object{"200": object{"description": "ok"}},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		t.Fatal(err)
	}
	item := doc.Paths.Find("/a")
	f.body = item.Post.RequestBody.Value
	q, _ := http.NewRequest("POST", "http://api.test/a", nil)
	q.Header.Set("Content-Type", "application/json")
	f.kin = &openapi3filter.RequestValidationInput{Request: q, Route: &routers.Route{Spec: doc, Path: "/a", PathItem: item, Method: "POST", Operation: item.Post}}
}

// withReplies makes replies of checks/list-for-ref of about 68 KB.
func (f *field) withReplies(t testing.TB) {
	op := f.github.doc.Operation("checks/list-for-ref")
	_, of := f.github.operation(op)
	m := op.Response(200).Content[0]
	f.reply = m.Schema
	l := f.github.judged[openapi.Reply]
	raw := f.github.media(f.github.follow(of["responses"].(object)["200"])["content"], m.Type)
	judge, plain, err := l.compile(raw["schema"])
	if err != nil {
		t.Fatal(err)
	}
	g := &sampler{defs: l.defs, all: true, deep: 5}
	v, ok := g.valid(judge, plain)
	if !ok {
		t.Fatal("no reply was made")
	}
	root := v.(object)
	first := root["check_runs"].([]any)[0]
	for f.kept, _ = json.Marshal(root); len(f.kept) < 68<<10; f.kept, _ = json.Marshal(root) {
		root["check_runs"] = append(root["check_runs"].([]any), first)
	}
	again := decode(t, f.kept).(object)
	for _, r := range again["check_runs"].([]any) {
		r.(object)["password_hash"] = "$2a$10$abcdefghijklmnop"
	}
	f.cut, _ = json.Marshal(again)
}

var bounds = openapi.Options{MaxString: 65_535, MaxItems: 1000}

func (f *field) oursOn(b *testing.B, body []byte) {
	if !f.ours.Accepts(body, jsonwalk.Limits{}, bounds) {
		b.Fatal("refused")
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if !f.ours.Accepts(body, jsonwalk.Limits{}, bounds) {
			b.Fatal("refused")
		}
	}
}

func (f *field) kinOn(b *testing.B, body []byte) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		f.kin.Request.Body = io.NopCloser(bytes.NewReader(body))
		if err := openapi3filter.ValidateRequestBody(context.Background(), f.kin, f.body); err != nil {
			b.Fatal(err)
		}
	}
}

func (f *field) judgeOn(b *testing.B, body []byte) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err == nil {
			err = f.judge.Validate(v)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func (f *field) cutOn(b *testing.B, body []byte) {
	dst, _, ok := f.reply.Cut(nil, body, jsonwalk.Limits{}, openapi.Options{Undeclared: openapi.Strip})
	if !ok {
		b.Fatal("not valid")
	}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if dst, _, ok = f.reply.Cut(dst[:0], body, jsonwalk.Limits{}, openapi.Options{Undeclared: openapi.Strip}); !ok {
			b.Fatal("not valid")
		}
	}
}

// remadeOn is what a gateway without a filter does: decode, delete, encode.
func (f *field) remadeOn(b *testing.B, body []byte) {
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var v object
		if err := json.Unmarshal(body, &v); err != nil {
			b.Fatal(err)
		}
		for _, r := range v["check_runs"].([]any) {
			delete(r.(object), "password_hash")
		}
		if _, err := json.Marshal(v); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkValidation is one run of ours and the libraries on the same bodies.
func BenchmarkValidation(b *testing.B) {
	f := newField(b)
	for _, c := range []struct {
		name string
		body []byte
	}{{"588B", f.small}, {"68KB", f.large}} {
		b.Run("ours/"+c.name, func(b *testing.B) { f.oursOn(b, c.body) })
		b.Run("kin/"+c.name, func(b *testing.B) { f.kinOn(b, c.body) })
		b.Run("santhosh/"+c.name, func(b *testing.B) { f.judgeOn(b, c.body) })
	}
	for _, c := range []struct {
		name string
		body []byte
	}{{"kept", f.kept}, {"cut", f.cut}} {
		b.Run("filter/"+c.name, func(b *testing.B) { f.cutOn(b, c.body) })
		b.Run("unmarshal-marshal/"+c.name, func(b *testing.B) { f.remadeOn(b, c.body) })
	}
}

// best is the quickest of some short runs, and the allocations of one.
func best(runs []func(*testing.B)) (ns []float64, allocs []int64) {
	ns, allocs = make([]float64, len(runs)), make([]int64, len(runs))
	for range 5 {
		for i, run := range runs {
			r := testing.Benchmark(run)
			if each := float64(r.T.Nanoseconds()) / float64(max(1, r.N)); ns[i] == 0 || each < ns[i] {
				ns[i] = each
			}
			allocs[i] = r.AllocsPerOp()
		}
	}
	return ns, allocs
}

// bar prints a ratio and whether its bar is met; machines are noisy, so only
// less than half of it fails.
func bar(t *testing.T, name string, ratio, want float64) {
	t.Helper()
	says := "met"
	if ratio < want {
		says = "missed"
	}
	t.Logf("figure %s %.1f/%.0f times (%s)", name, ratio, want, says)
	if ratio < want/2 {
		t.Errorf("%s: %.1f times, less than half of %.0f", name, ratio, want)
	}
}

// TestFigures measures the bars of VALIDATION.md section 11 in one run.
func TestFigures(t *testing.T) {
	if testing.Short() || race.Enabled {
		t.Skip("measurements take time and say nothing under the race detector")
	}
	was := flag.Lookup("test.benchtime").Value.String()
	if err := flag.Set("test.benchtime", "60ms"); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = flag.Set("test.benchtime", was) }()
	f := newField(t)
	if len(f.small) != 588 || len(f.large) != 68<<10 {
		t.Errorf("bodies of %d and %d bytes", len(f.small), len(f.large))
	}
	on := func(run func(*testing.B, []byte), body []byte) func(*testing.B) {
		return func(b *testing.B) { run(b, body) }
	}
	for _, c := range []struct {
		name string
		body []byte
	}{{"588 B", f.small}, {"68 KB", f.large}} {
		ns, allocs := best([]func(*testing.B){on(f.oursOn, c.body), on(f.kinOn, c.body), on(f.judgeOn, c.body)})
		t.Logf("%s: ours %.2f us, kin %.1f us, santhosh %.1f us", c.name, ns[0]/1e3, ns[1]/1e3, ns[2]/1e3)
		bar(t, "validation against kin-openapi, "+c.name+",", ns[1]/ns[0], 10)
		bar(t, "validation against santhosh, "+c.name+",", ns[2]/ns[0], 20)
		t.Logf("figure allocations of a validation, %s, %d/0", c.name, allocs[0])
		if allocs[0] != 0 {
			t.Errorf("%s: %d allocations", c.name, allocs[0])
		}
	}
	for _, c := range []struct {
		name string
		body []byte
	}{{"nothing to cut", f.kept}, {"a member of each run cut", f.cut}} {
		ns, allocs := best([]func(*testing.B){on(f.cutOn, c.body), on(f.remadeOn, c.body)})
		t.Logf("%d bytes, %s: ours %.1f us, Unmarshal and Marshal %.1f us", len(c.body), c.name, ns[0]/1e3, ns[1]/1e3)
		bar(t, "filter against Unmarshal and Marshal, "+c.name+",", ns[1]/ns[0], 8)
		t.Logf("figure allocations of a filter, %s, %d/0", c.name, allocs[0])
		if allocs[0] != 0 {
			t.Errorf("%s: %d allocations", c.name, allocs[0])
		}
	}
}

// BenchmarkRoute is the engine's router with GitHub's 811 paths.
func BenchmarkRoute(b *testing.B) {
	p := read(b, "github.v3.json").routed(b)
	for name, path := range map[string]string{"hit": "/repos/value/value/issues/1/labels", "miss": "/repos/value/value/issues/1/nothing", "root miss": "/nothing"} {
		b.Run(name, func(b *testing.B) { find(b, p, path) })
	}
}

func find(b *testing.B, p *engine.Policy, path string) {
	q := &gatehouse.Request{Method: "GET", Host: "api.test", Path: path, Params: make([]gatehouse.Param, 0, 16)}
	b.ReportAllocs()
	for b.Loop() {
		p.Find(q)
	}
}
