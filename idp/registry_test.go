package idp

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// counted counts how often clients are read.
type counted struct {
	store.Clients
	reads int
	gone  bool
}

func (c *counted) Client(_ context.Context, id string) (store.Client, error) {
	c.reads++
	if c.gone || id == "" {
		return store.Client{}, store.ErrNotFound
	}
	return store.Client{ID: id}, nil
}

func TestAClientIsRememberedForItsTimeAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &counted{}
		r := &registry{store: s, life: time.Second}
		for range 3 {
			if c, err := r.Client(t.Context(), "job"); err != nil || c.ID != "job" {
				t.Fatal(c, err)
			}
		}
		s.gone = true
		time.Sleep(999 * time.Millisecond)
		if _, err := r.Client(t.Context(), "job"); err != nil || s.reads != 1 {
			t.Fatal(s.reads, err)
		}
		time.Sleep(time.Millisecond)
		if _, err := r.Client(t.Context(), "job"); !errors.Is(err, store.ErrNotFound) {
			t.Fatal(err)
		}
	})
}

func TestStrangersFillNoMemory(t *testing.T) {
	s := &counted{gone: true}
	r := &registry{store: s, life: time.Minute}
	for i := range 100 {
		_, _ = r.Client(t.Context(), fmt.Sprint("stranger-", i))
	}
	if len(r.known) != 0 || s.reads != 100 {
		t.Errorf("%d remembered, %d reads", len(r.known), s.reads)
	}
	s.gone = false
	for i := range 2*mostRemembered + 1 {
		if _, err := r.Client(t.Context(), fmt.Sprint("client-", i)); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.known) > mostRemembered {
		t.Errorf("%d remembered", len(r.known))
	}
}

func TestWithoutAMemoryEveryReadIsOfTheStore(t *testing.T) {
	s := &counted{}
	r := &registry{store: s}
	for range 3 {
		_, _ = r.Client(t.Context(), "job")
	}
	if s.reads != 3 {
		t.Errorf("%d reads", s.reads)
	}
}
