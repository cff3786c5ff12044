package storetest

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// Opened is the roles of one durable store that one process has open.
type Opened struct {
	Blocks      store.Blocks
	Once        store.Once
	Revocations store.Revocations
	Grants      store.Grants
	Tokens      store.RefreshTokens
	Relations   store.Relations
	Close       func() error
}

// Open opens the store at a path or URL.
type Open func(ctx context.Context, target string) (Opened, error)

// The environment of a child process: what it does, and on which store.
const (
	childJob    = "GATEHOUSE_STORETEST_JOB"
	childTarget = "GATEHOUSE_STORETEST_TARGET"
)

// Child is called first in the TestMain of an engine's test. In a process that
// [Durable] started it does that process's part and ends it; otherwise it
// returns.
func Child(open Open) {
	job := os.Getenv(childJob)
	if job == "" {
		return
	}
	ctx := context.Background()
	o, err := open(ctx, os.Getenv(childTarget))
	if err == nil {
		switch job {
		case "open":
			err = o.Close()
		case "write":
			err = writeUntilKilled(ctx, o)
		case "change":
			err = changeWhenTold(ctx, o)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(t *testing.T, target, job string) *exec.Cmd {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0])
	c.Env = append(os.Environ(), childJob+"="+job, childTarget+"="+target)
	c.Stderr = os.Stderr
	return c
}

// Durable tests that several processes share one store and that none loses what
// another acknowledged. fresh makes a new, empty store and returns its path or
// URL. The engine's TestMain must call [Child].
func Durable(t *testing.T, fresh func(t *testing.T) string, open Open) {
	t.Run("what was written is there after reopening", func(t *testing.T) { reopened(t, fresh(t), open) })
	t.Run("processes that start together make one schema", func(t *testing.T) {
		target := fresh(t)
		together(6, func(int) {
			if err := child(t, target, "open").Run(); err != nil {
				t.Errorf("a process that started with others: %v", err)
			}
		})
		o := mustOpen(t, target, open)
		if _, err := o.Blocks.List(t.Context()); err != nil {
			t.Error(err)
		}
	})
	t.Run("another process's change is heard within a second", func(t *testing.T) { heardElsewhere(t, fresh(t), open) })
	t.Run("a key is first in one process only", func(t *testing.T) {
		target := fresh(t)
		one, two := mustOpen(t, target, open), mustOpen(t, target, open)
		for i := range 50 {
			var mu sync.Mutex
			n := 0
			together(4, func(w int) {
				o := one
				if w%2 == 1 {
					o = two
				}
				if ok, err := o.Once.First(t.Context(), start, "code", fmt.Sprint(i), time.Minute); err != nil {
					t.Error(err)
				} else if ok {
					mu.Lock()
					n++
					mu.Unlock()
				}
			})
			if n != 1 {
				t.Fatalf("key %d was first %d times", i, n)
			}
		}
	})
	t.Run("nothing acknowledged is lost by SIGKILL", func(t *testing.T) { killed(t, fresh(t), open) })
}

func mustOpen(t *testing.T, target string, open Open) Opened {
	t.Helper()
	o, err := open(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := o.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func reopened(t *testing.T, target string, open Open) {
	b := store.Block{ID: "1", Kind: store.BlockClient, Subject: "app", Because: "stolen", Author: "ops@example.com", From: start, Until: start.Add(time.Hour)}
	r := store.Revocation{Kind: store.RevokeGrant, Subject: "g", At: start, Until: start.Add(time.Hour)}
	o := mustOpen(t, target, open)
	if err := o.Blocks.Add(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if err := o.Revocations.Revoke(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if ok, err := o.Once.First(t.Context(), start, "code", "c", time.Minute); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	o = mustOpen(t, target, open)
	wantList(t, o.Blocks, b)
	wantRevocations(t, o.Revocations, start, r)
	if ok, err := o.Once.First(t.Context(), start, "code", "c", time.Minute); ok || err != nil {
		t.Errorf("a spent key after reopening: %v, %v", ok, err)
	}
}

// changeWhenTold makes a block and a revocation for every line it reads, and
// says when they were acknowledged.
func changeWhenTold(ctx context.Context, o Opened) error {
	lines := bufio.NewScanner(os.Stdin)
	for n := 0; lines.Scan(); n++ {
		id, now := fmt.Sprintf("%d-%d", os.Getpid(), n), time.Now()
		if err := o.Blocks.Add(ctx, store.Block{ID: id, Kind: store.BlockKey, Subject: "k", From: now}); err != nil {
			return err
		}
		if err := o.Revocations.Revoke(ctx, store.Revocation{Kind: store.RevokeToken, Subject: id, At: now, Until: now.Add(time.Hour)}); err != nil {
			return err
		}
		fmt.Println(time.Now().UnixNano())
	}
	return o.Close()
}

// token.revocable, incident.block: a change is seen by every process in less than a second.
func heardElsewhere(t *testing.T, target string, open Open) {
	o := mustOpen(t, target, open)
	blocks, revocations := make(chan time.Time, 64), make(chan time.Time, 64)
	for _, watch := range []func() (func(), error){
		func() (func(), error) {
			return o.Blocks.Watch(func(l []store.Block) {
				if len(l) > 0 {
					blocks <- time.Now()
				}
			})
		},
		func() (func(), error) {
			return o.Revocations.Watch(func(l []store.Revocation) {
				if len(l) > 0 {
					revocations <- time.Now()
				}
			})
		},
	} {
		stop, err := watch()
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
	}
	c := child(t, target, "change")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	lines, took := bufio.NewScanner(out), []time.Duration{}
	for range 20 {
		time.Sleep(time.Duration(rand.IntN(100)) * time.Millisecond) // anywhere between two polls
		if _, err := fmt.Fprintln(in); err != nil || !lines.Scan() {
			t.Fatalf("the other process: %v, %v", err, lines.Err())
		}
		var acknowledged int64
		if _, err := fmt.Sscan(lines.Text(), &acknowledged); err != nil {
			t.Fatal(err)
		}
		for name, heard := range map[string]chan time.Time{"block": blocks, "revocation": revocations} {
			select {
			case at := <-heard:
				took = append(took, max(0, at.Sub(time.Unix(0, acknowledged))))
			case <-time.After(slowest):
				t.Fatalf("a %s was not heard of for %s", name, slowest)
			}
		}
	}
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
	slices.Sort(took)
	if nine := took[len(took)*9/10]; nine > time.Second { // of ten: others may keep the machine busy for a moment
		t.Errorf("another process's change was heard of after %s", nine)
	}
	t.Logf("figure heard of another process's change after %s (median), %s (longest), of %d", took[len(took)/2], took[len(took)-1], len(took))
}

// writeUntilKilled changes everything there is, from four goroutines, and says
// what was acknowledged. Blocks with an L in their id are lifted again.
func writeUntilKilled(ctx context.Context, o Opened) error {
	failed := make(chan error)
	for w := range 4 {
		go func() {
			for n := 0; ; n++ {
				if err := writeOnce(ctx, o, fmt.Sprintf("%d-%d-%d", os.Getpid(), w, n)); err != nil {
					failed <- err
				}
			}
		}()
	}
	return <-failed
}

func writeOnce(ctx context.Context, o Opened, id string) error {
	now := time.Now()
	for _, b := range []string{id, id + "L"} {
		if err := o.Blocks.Add(ctx, store.Block{ID: b, Kind: store.BlockKey, Subject: "k", From: now}); err != nil {
			return err
		}
	}
	fmt.Println("block", id)
	if err := o.Blocks.Lift(ctx, id+"L"); err != nil {
		return err
	}
	fmt.Println("lift", id+"L")
	if err := o.Revocations.Revoke(ctx, store.Revocation{Kind: store.RevokeToken, Subject: id, At: now, Until: now.Add(time.Hour)}); err != nil {
		return err
	}
	fmt.Println("revoke", id)
	two := []store.Tuple{fact("doc:"+id, "viewer", "user:anne"), fact("doc:"+id, "viewer", "user:bob")}
	if _, err := o.Relations.Write(ctx, nil, two, nil); err != nil {
		return err
	}
	fmt.Println("relate", id)
	if _, err := o.Relations.Write(ctx, nil, nil, two[:1]); err != nil {
		return err
	}
	fmt.Println("unrelate", id)
	if ok, err := o.Once.First(ctx, now, "code", id, time.Hour); err != nil || !ok {
		return fmt.Errorf("once %s: %v, %w", id, ok, err)
	}
	fmt.Println("once", id)
	return rotateOnce(ctx, o, now, id)
}

const kills = 50

func killed(t *testing.T, target string, open Open) {
	acknowledged := map[string][]string{}
	n := 0
	for range kills {
		c := child(t, target, "write")
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		stop, lines := 5+rand.IntN(60), bufio.NewScanner(out)
		for i := 0; lines.Scan(); i++ {
			what, id, _ := strings.Cut(lines.Text(), " ")
			acknowledged[what] = append(acknowledged[what], id)
			n++
			if i == stop {
				if err := c.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := c.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
	}
	lost := 0
	missing := func(what, id string) {
		lost++
		t.Errorf("%s %s was acknowledged and is lost", what, id)
	}
	o := mustOpen(t, target, open)
	blocks, err := o.Blocks.List(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	revocations, err := o.Revocations.List(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for i := range blocks {
		there["block "+blocks[i].ID] = true
	}
	for i := range revocations {
		there["revoke "+revocations[i].Subject] = true
	}
	half := 0
	for _, id := range acknowledged["relate"] {
		l, err := o.Relations.List(t.Context(), store.Tuple{Type: "doc", ID: id}, store.Tuple{}, 3)
		switch {
		case err != nil || len(l) == 0 || len(l) == 2 && slices.Contains(acknowledged["unrelate"], id):
			missing("relate", fmt.Sprint(id, " ", l, " ", err))
		case len(l) == 2:
			half++
		}
	}
	if half > 4*kills {
		t.Errorf("%d tuples were not removed again", half)
	}
	for what, ids := range acknowledged {
		for _, id := range ids {
			switch {
			case what == "lift" && there["block "+id], (what == "block" || what == "revoke") && !there[what+" "+id]:
				missing(what, id)
			case what == "once":
				if ok, err := o.Once.First(t.Context(), time.Now(), "code", id, time.Hour); ok || err != nil {
					missing(what, id)
				}
			case what == "rotate":
				if err := rotated(t.Context(), o, id); err != nil {
					missing(what, id+": "+err.Error())
				}
			}
		}
	}
	t.Logf("figure SIGKILL %d, acknowledged %d, lost %d/0", kills, n, lost)
	if n < kills*5 {
		t.Errorf("only %d changes were acknowledged", n)
	}
}
