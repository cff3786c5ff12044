package nostore

import (
	"context"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

var (
	now   = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	tiles = &gatehouse.Waiver{Because: "map tiles", Owner: "maps@example.com", Until: now.AddDate(0, 6, 0)}
)

func build(public *gatehouse.Waiver) *gatehouse.Build {
	return &gatehouse.Build{API: "orders", Public: public, Now: func() time.Time { return now }, Kept: gatehouse.NewKept()}
}

// headers.no-store
func TestAnswersAreNotStoredUnlessTheEndpointSaysWhy(t *testing.T) {
	for _, c := range []struct {
		name              string
		public, cacheable *gatehouse.Waiver
		status            int
		own               bool
		said, want        string
	}{
		{"authenticated", nil, nil, 200, false, "public, max-age=60", "no-store"},
		{"authenticated, nothing said", nil, nil, 200, false, "", "no-store"},
		{"public", tiles, nil, 200, false, "max-age=60", "max-age=60"},
		{"public, refused", tiles, nil, 400, true, "", "no-store"},
		{"a refusal", nil, tiles, 403, true, "", "no-store"},
		{"cacheable and public", tiles, tiles, 200, false, "public, max-age=60", "public, max-age=60"},
		{"cacheable and public, refused", tiles, tiles, 429, true, "", "no-store"},
		{"cacheable and public, failed", tiles, tiles, 500, false, "max-age=60", "no-store"},
		{"cacheable behind a token", nil, tiles, 200, false, "max-age=60", "private, max-age=60"},
		{"cacheable behind a token, said public", nil, tiles, 200, false, "Public, max-age=60", "no-store"},
		{"cacheable behind a token, shared", nil, tiles, 200, false, "max-age=1, s-maxage=60", "no-store"},
		{"cacheable behind a token, nothing said", nil, tiles, 200, false, "", "no-store"},
	} {
		steps, err := (&Config{Cacheable: c.cacheable}).Compile(build(c.public))
		if err != nil {
			t.Fatal(err)
		}
		x := &gatehouse.Exchange{}
		x.Response = gatehouse.Response{Status: c.status, Own: c.own, Fields: gatehouse.Fields{{Name: "expires", Value: "0"}}}
		if c.said != "" {
			x.Response.Fields.Add("cache-control", c.said)
		}
		if v, err := steps[0].Enforce(context.Background(), x); err != nil || !v.Passed() {
			t.Fatal(v, err)
		}
		if got := x.Response.Fields.Get("cache-control"); got != c.want {
			t.Errorf("%s: Cache-Control: %q; want %q", c.name, got, c.want)
		}
		if c.want == "no-store" && x.Response.Fields.Has("expires") {
			t.Errorf("%s: Expires is still there", c.name)
		}
	}
}

func TestAnExpiredReasonDoesNotCompile(t *testing.T) {
	old := &gatehouse.Waiver{Because: "b", Owner: "o", Until: now.AddDate(0, 0, -2)}
	if _, err := (&Config{Cacheable: old}).Compile(build(nil)); err == nil {
		t.Error("an expired waiver compiled")
	}
}

func TestPassingAllocatesNothing(t *testing.T) {
	steps, err := (&Config{Cacheable: tiles}).Compile(build(nil))
	if err != nil {
		t.Fatal(err)
	}
	x := &gatehouse.Exchange{}
	marked := 0
	if n := testing.AllocsPerRun(200, func() {
		x.Reset()
		x.Response.Status = 200
		x.Response.Fields.Add("cache-control", "max-age=60")
		steps[0].Enforce(context.Background(), x)
		if x.Response.Fields.Get("cache-control") == "private, max-age=60" {
			marked++
		}
	}); n != 0 || marked != 201 {
		t.Errorf("%v allocations, %d of 201 marked", n, marked)
	}
}
