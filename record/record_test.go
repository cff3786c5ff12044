package record

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

// log.redacted, R46: canaries in every field of an exchange, searched in every sink.
func TestNoSecretInEvent(t *testing.T) {
	var canaries []string
	canary := func() string {
		c := fmt.Sprintf("eyJjYW5hcnkiOi%02dQ.Zm9vYmFyYmF6cXV4.c2lnbmF0dXJl", len(canaries))
		canaries = append(canaries, c)
		return c
	}
	word := func(w string) string { canaries = append(canaries, w); return w }
	x := exchange(ordersEndpoint())
	x.Request.Path = "/v1/orders/" + canary()
	x.Request.Host = canary() + ".example.com"
	x.Request.Query = "password=" + word("hunter2xyz") + "&q=" + word("canaryword") + "&" + canary() + "=1&page=" + canary() + "&card=" + word("5500005555555559") + "&email=" + word("carol%40example.com")
	x.Request.Body = []byte(canary())
	x.Response.Body = []byte(canary())
	x.Lookup.Body = []byte(canary())
	x.Request.Params = []gatehouse.Param{{Name: "orderId", Value: canary()}}
	x.Response.Fields.Add("set-cookie", "session="+word("cookievalue7"))
	for _, name := range []string{"authorization", "cookie", "x-api-key", "referer", "x-forwarded-for", "user-agent"} {
		x.Request.Fields.Set(name, "Bearer "+canary())
	}
	x.Request.Forward.Add("x-gatehouse-identity", canary())
	x.Request.TrustedID = canary()
	x.Principal.ID = word("bobby") + "@example.com"
	x.Principal.KeyID, x.Principal.Client, x.Principal.Tenant, x.Principal.TokenID = canary(), canary(), canary(), canary()
	x.Ended = x.Ended.Because("token=" + word("tokenvalue9") + " of " + word("dave@example.com"))
	for i := range x.Trail {
		x.Trail[i].Detail = "value " + canary() + " and card " + word("4111-1111-1111-1111")
	}
	dump := traffic
	dump.Aborted = "upstream said " + canary()

	out, folder := &sink{}, t.TempDir()
	kept, err := sqlite.OpenTrails(filepath.Join(folder, sqlite.TrailsName), func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	r := New(Config{Log: out, Trails: kept})
	r.Record(x, dump)
	var sinks bytes.Buffer
	if err := r.WriteMetrics(&sinks); err != nil {
		t.Fatal(err)
	}
	found, err := r.Find(t.Context(), x.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := PrintTrail(&sinks, found); err != nil {
		t.Fatal(err)
	}
	closed(t, r)
	files, err := os.ReadDir(folder) // with the write-ahead log still there
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(filepath.Join(folder, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		sinks.Write(text)
	}
	if err := kept.Close(); err != nil {
		t.Fatal(err)
	}
	sinks.WriteString(out.String())
	if n := strings.Count(sinks.String(), x.ID); n < 3 || len(canaries) < 25 {
		t.Fatalf("the request is in %d sinks of 3, with %d canaries", n, len(canaries))
	}
	for _, c := range canaries {
		if strings.Contains(sinks.String(), c) {
			t.Errorf("%q is in a sink", c)
		}
	}
}

type discard struct{ *sink }

func (discard) Write(b []byte) (int, error) { return len(b), nil }

func BenchmarkRecord(b *testing.B) {
	for name, x := range map[string]*gatehouse.Exchange{"passing": passing(ordersEndpoint()), "refused": exchange(ordersEndpoint())} {
		b.Run(name, func(b *testing.B) {
			r := New(Config{Log: discard{}, Trails: &memoryTrails{}})
			b.ReportAllocs()
			for b.Loop() {
				r.Record(x, traffic)
			}
			r.Close(b.Context())
		})
	}
}

func BenchmarkRecordParallel(b *testing.B) {
	r := New(Config{Log: discard{}, Trails: &memoryTrails{}})
	e := ordersEndpoint()
	b.RunParallel(func(pb *testing.PB) {
		x := passing(e)
		for pb.Next() {
			r.Record(x, traffic)
		}
	})
	r.Close(b.Context())
}

// ops.explain
func TestATrailIsFoundInMemoryAndAfterwardsInTheStore(t *testing.T) {
	kept := &memoryTrails{}
	r := New(Config{Trails: kept})
	e := ordersEndpoint()
	first := exchange(e)
	r.Record(first, traffic)
	if got, err := r.Find(t.Context(), first.ID); err != nil || got.Control != "object" || got.Steps[3].Place != "gatehouse.yaml:11:5" {
		t.Fatalf("in memory: %+v, %v", got, err)
	}
	for deadline := time.Now().Add(5 * time.Second); kept.len() == 0 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	for n := range ringSize {
		x := passing(e)
		x.ID, x.At = fmt.Sprint("other", n), x.At.Add(time.Duration(n)*time.Millisecond)
		r.Record(x, traffic)
	}
	if r.trails.inMemory(first.ID) != nil {
		t.Fatal("still in memory")
	}
	if got, err := r.Find(t.Context(), first.ID); err != nil || got.Rule != "object.not_found" || len(got.Steps) != 5 {
		t.Errorf("in the store: %+v, %v", got, err)
	}
	if _, err := r.Find(t.Context(), "unknown"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown id: %v", err)
	}
	closed(t, r)
	if n := kept.len(); n > 1+10*storedPasses { // the passes take nine seconds of the exchanges' clock
		t.Errorf("%d trails are stored: passes are not sampled", n)
	}
}

func TestEveryRefusalErrorAndWouldDenyIsStored(t *testing.T) {
	e, kept := ordersEndpoint(), &memoryTrails{}
	r := New(Config{Trails: kept})
	for range storedPasses { // the sample is used up
		r.Record(passing(e), traffic)
	}
	say := func(id string, change func(*gatehouse.Exchange)) {
		x := passing(e)
		x.ID = id
		change(x)
		r.Record(x, traffic)
	}
	say("pass", func(*gatehouse.Exchange) {})
	say("deny", func(x *gatehouse.Exchange) { x.Ended = gatehouse.Verdict{} })
	say("would", func(x *gatehouse.Exchange) { x.Trail[2].Said = gatehouse.SaidWould })
	say("error", func(x *gatehouse.Exchange) { x.Trail[1].Said = gatehouse.SaidErrorOpen })
	say("upstream", func(x *gatehouse.Exchange) { x.Response.Status = 502 })
	closed(t, r)
	for _, id := range []string{"deny", "would", "error", "upstream"} {
		if _, err := kept.Find(t.Context(), id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	if _, err := kept.Find(t.Context(), "pass"); err == nil {
		t.Error("a pass over the sample was stored")
	}
	if r.trails.dropped.Load() != 0 {
		t.Error("something was dropped")
	}
}

func TestTrailsThatCannotBeStoredAreCounted(t *testing.T) {
	e, kept := ordersEndpoint(), &memoryTrails{gate: make(chan struct{})}
	r := New(Config{Trails: kept})
	const sent = 3 * ringSize
	for n := range sent {
		x := exchange(e)
		x.ID = fmt.Sprint(n)
		x.At = noon.Add(time.Duration(n/100) * time.Second) // within the rate
		r.Record(x, traffic)
	}
	close(kept.gate)
	closed(t, r)
	if stored, dropped := r.trails.stored.Load(), r.trails.dropped.Load(); stored+dropped != sent || dropped == 0 || int(stored) != kept.len() {
		t.Errorf("%d stored (%d found) and %d dropped of %d", stored, kept.len(), dropped, sent)
	}
	broken := New(Config{Trails: &memoryTrails{fail: errors.New("disk full")}})
	broken.Record(exchange(e), traffic)
	closed(t, broken)
	if n := broken.trails.dropped.Load(); n != 1 {
		t.Errorf("a failing store: %d dropped", n)
	}
}

func TestAFloodOfRefusalsIsStoredInPartAndCounted(t *testing.T) {
	kept := &memoryTrails{}
	r := New(Config{Trails: kept})
	for n := range 2000 {
		x := exchange(ordersEndpoint())
		x.ID = fmt.Sprint(n)
		r.Record(x, traffic)
	}
	closed(t, r)
	if kept.len() != storedRefusals || r.trails.dropped.Load() != 2000-storedRefusals {
		t.Errorf("%d stored, %d dropped", kept.len(), r.trails.dropped.Load())
	}
}

func TestAFloodOfPassesStaysOutOfMemoryInPart(t *testing.T) {
	r := New(Config{})
	defer closed(t, r)
	for n := range 2 * ringPasses {
		x := passing(ordersEndpoint())
		x.ID = fmt.Sprint(n)
		r.Record(x, traffic)
	}
	if r.trails.inMemory(fmt.Sprint(ringPasses-1)) == nil || r.trails.inMemory(fmt.Sprint(ringPasses)) != nil {
		t.Error("not the first of a tenth of a second are kept")
	}
	x := exchange(ordersEndpoint())
	x.ID = "refused"
	r.Record(x, traffic)
	if r.trails.inMemory(x.ID) == nil {
		t.Error("a refusal is not kept")
	}
	x = passing(ordersEndpoint())
	x.ID, x.At = "later", x.At.Add(time.Second)
	r.Record(x, traffic)
	if r.trails.inMemory(x.ID) == nil {
		t.Error("nothing is kept in the next second")
	}
}

func TestAClockThatJumpsBackDoesNotStopTheStore(t *testing.T) {
	r := rate{most: 1}
	if !r.take(1000) || r.take(1000) || !r.take(10) || !r.take(1000) {
		t.Error("a new second did not begin")
	}
}

func TestStragglersOfTheSecondBeforeDoNotBeginANewOne(t *testing.T) {
	r, taken := rate{most: 10}, 0
	for n := range int64(1000) {
		if r.take(1000 + n%2) {
			taken++
		}
	}
	if taken != 10+1 { // the first is of the second before
		t.Errorf("%d are taken", taken)
	}
}

func TestConcurrentRecordingLosesNothing(t *testing.T) {
	out, kept := &sink{}, &memoryTrails{}
	r := New(Config{Log: out, Trails: kept})
	const each, workers = 500, 8
	var wg sync.WaitGroup
	e := ordersEndpoint()
	for w := range workers {
		wg.Go(func() {
			x := passing(e)
			for n := range each {
				x.ID, x.At = fmt.Sprintf("%d-%d", w, n), x.At.Add(10*time.Millisecond)
				r.Record(x, traffic)
				if _, err := r.Find(t.Context(), x.ID); err != nil {
					t.Error(err)
				}
				r.Refusals(1)
			}
		})
	}
	wg.Wait()
	closed(t, r)
	if n := len(out.lines(t)); n != each*workers {
		t.Errorf("%d lines of %d", n, each*workers)
	}
}

func TestTheLastRefusalsAreListedNewestFirst(t *testing.T) {
	r := New(Config{})
	defer closed(t, r)
	e := ordersEndpoint()
	for n := range 5 {
		refused, passed := exchange(e), passing(e)
		refused.ID, passed.ID = fmt.Sprint("r", n), fmt.Sprint("p", n)
		r.Record(refused, traffic)
		r.Record(passed, traffic)
	}
	got := r.Refusals(2)
	if len(got) != 2 || got[0].ID != "r4" || got[1].ID != "r3" {
		t.Errorf("got %v", got)
	}
}
