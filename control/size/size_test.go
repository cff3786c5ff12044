package size

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

type operation struct{}

func (operation) ID() string       { return "createOrder" }
func (operation) Method() string   { return "POST" }
func (operation) Template() string { return "/v1/orders" }

var now = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

func build() *gatehouse.Build {
	return &gatehouse.Build{API: "orders", Operation: operation{}, Caps: gatehouse.AllCaps, Now: func() time.Time { return now }, Kept: gatehouse.NewKept()}
}

func TestSizesAreReadAsTheyAreWritten(t *testing.T) {
	for text, want := range map[string]Bytes{"1MiB": 1 << 20, "64KiB": 1 << 16, "65536": 1 << 16, "100B": 100, "1 GiB": 1 << 30, "1025": 1025} {
		var b, again Bytes
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want {
			t.Errorf("%q: %d, %v; want %d", text, b, err, want)
		}
		if err := again.UnmarshalText([]byte(b.String())); err != nil || again != b {
			t.Errorf("%d printed as %q reads as %d, %v", b, b, again, err)
		}
	}
	for _, text := range []string{"", "MiB", "1MB", "1kb", "-1", "1.5MiB", "9999999999GiB", "1 TiB", "0x10"} {
		if err := new(Bytes).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q was read as a size", text)
		}
	}
}

// input.payload-limit
func TestABodyOverTheBoundIsRefusedWhateverItsFraming(t *testing.T) { // R21
	steps, err := (&Config{MaxBody: 4}).Compile(build())
	if err != nil || len(steps) != 2 || steps[0].Stage != gatehouse.Identify || steps[1].Need != gatehouse.Body {
		t.Fatalf("%v, %v", steps, err)
	}
	for _, c := range []struct {
		name    string
		has     bool
		body    string
		tooMuch bool
		refused bool
	}{
		{"none", false, "", false, false}, {"at the bound", true, "1234", false, false}, {"cut short by the host", true, "1234", true, true},
		{"one byte over", true, "12345", false, true}, {"over, though nothing was announced", false, "12345", false, true}, {"cut short, though nothing was announced", false, "", true, true},
	} {
		x := &gatehouse.Exchange{}
		x.Request.HasBody, x.Request.Body, x.Request.BodyTooLarge = c.has, []byte(c.body), c.tooMuch
		if v, err := steps[0].Enforce(context.Background(), x); err != nil || !v.Passed() || x.Request.BodyLimit != 4 {
			t.Errorf("%s: bound %d, %v; want 4", c.name, x.Request.BodyLimit, err)
		}
		v, err := steps[1].Enforce(context.Background(), x)
		if err != nil || v.Denied() != c.refused || c.refused && v.Answer().Status != 413 {
			t.Errorf("%s: refused %v, %v; want %v with 413", c.name, v.Denied(), err, c.refused)
		}
	}
}

func TestUndeclaredRequestsAreBoundedAndNotRead(t *testing.T) {
	b := build()
	b.Operation = nil
	steps, err := Kind.New().Compile(b)
	if err != nil || len(steps) != 1 || steps[0].Need != gatehouse.Head {
		t.Errorf("%v, %v; want the bound alone", steps, err)
	}
}

func TestLargeBodiesNeedAWaiver(t *testing.T) {
	waiver := &gatehouse.Waiver{Because: "scans", Owner: "scan@example.com", Until: now.AddDate(0, 1, 0)}
	for _, c := range []struct {
		max    Bytes
		waiver *gatehouse.Waiver
		ok     bool
	}{{10 << 20, nil, true}, {10<<20 + 1, nil, false}, {1 << 30, waiver, true}, {0, waiver, false}, {-1, nil, false}, {1, nil, true}} {
		_, err := (&Config{MaxBody: c.max, Waiver: c.waiver}).Compile(build())
		var f *gatehouse.Fault
		if (err == nil) != c.ok || err != nil && (!errors.As(err, &f) || f.Key != "max_body") {
			t.Errorf("%s: %v; want accepted %v", c.max, err, c.ok)
		}
	}
}

func TestPassingAllocatesNothing(t *testing.T) {
	steps, err := Kind.New().Compile(build())
	if err != nil {
		t.Fatal(err)
	}
	x, passed := &gatehouse.Exchange{}, 0
	x.Request.Body = []byte("{}")
	if n := testing.AllocsPerRun(200, func() {
		for _, s := range steps {
			if v, err := s.Enforce(context.Background(), x); err == nil && v.Passed() {
				passed++
			}
		}
	}); n != 0 || passed != 402 {
		t.Errorf("%v allocations, %d of 402 passed", n, passed)
	}
}
