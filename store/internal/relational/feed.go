package relational

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// feed tells watchers what changed: at once what this process changes, and what
// others do as soon as it is told or asks. It begins with the first watcher.
type feed struct {
	store *Store
	log   *slog.Logger
	ctx   context.Context
	end   context.CancelFunc
	begin sync.Once
	work  sync.WaitGroup
	wakes chan struct{}

	checked atomic.Pointer[time.Time] // with its monotonic reading
	mu      sync.Mutex                // held while watchers are called
	failing bool
	rest    time.Time // no list is read again before
	later   bool      // a wake-up after rest is on its way
}

// How a feed of long lists keeps from doing nothing else: when reading and
// telling took more than brisk, it rests for nine times as long, at most
// longestRest. Changes meanwhile are told of together.
const (
	brisk       = 5 * time.Millisecond
	longestRest = 400 * time.Millisecond
)

func (f *feed) start(s *Store, log *slog.Logger) {
	f.store, f.log, f.wakes = s, log, make(chan struct{}, 1)
	f.ctx, f.end = context.WithCancel(context.Background())
}

func (f *feed) stop() {
	f.end()
	f.work.Wait()
}

func (f *feed) last() time.Time {
	if t := f.checked.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

// run starts the goroutines, once.
func (f *feed) run() {
	f.begin.Do(func() {
		f.work.Go(f.poll)
		if f.store.dialect.Listen != nil {
			f.work.Go(f.listen)
		}
	})
}

func (f *feed) poll() {
	tick := time.NewTicker(f.store.dialect.Poll)
	defer tick.Stop()
	for {
		select {
		case <-f.ctx.Done():
			return
		case <-tick.C:
		case <-f.wakes:
		}
		f.refresh()
	}
}

func (f *feed) wake() {
	select {
	case f.wakes <- struct{}{}:
	default: // one is pending
	}
}

// listen keeps the faster way open. Without it the feed still polls.
func (f *feed) listen() {
	told := false // once for each time that it is gone
	for f.ctx.Err() == nil {
		err := f.store.dialect.Listen(f.ctx, func() { told = false; f.wake() })
		if err != nil && f.ctx.Err() == nil && !told {
			told = true
			f.log.Warn("the store tells of changes no more; it is asked for them instead", "store", f.store.dialect.Name, "error", err.Error())
		}
		select {
		case <-f.ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// refresh brings all watchers up to date. What fails is tried again at the next
// poll.
func (f *feed) refresh() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if wait := time.Until(f.rest); wait > 0 {
		if !f.later {
			f.later = true
			time.AfterFunc(wait, f.wake)
		}
		return
	}
	f.later = false
	began := time.Now()
	err := f.check()
	if took := time.Since(began); took > brisk && err == nil {
		f.rest = time.Now().Add(min(9*took, longestRest))
	}
	switch {
	case err == nil && f.failing:
		f.log.Info("the store can be read again", "store", f.store.dialect.Name)
	case err != nil && !f.failing && f.ctx.Err() == nil:
		f.log.Error("the store cannot be read; what is known is used for now", "store", f.store.dialect.Name, "error", err.Error())
	}
	f.failing = err != nil
}

// check asks what changed, loads it and tells the watchers. f.mu is held.
func (f *feed) check() error {
	s := f.store
	if !s.blocks.watched() && !s.revocations.watched() && !s.tuples.watched() {
		return nil
	}
	ctx, cancel := context.WithTimeout(f.ctx, patience)
	defer cancel()
	began := time.Now()
	seqs, err := s.changes(ctx)
	if err != nil {
		return err
	}
	if err := errors.Join(s.blocks.update(ctx, seqs), s.revocations.update(ctx, seqs), s.tuples.update(ctx, s, seqs)); err != nil {
		return err
	}
	f.checked.Store(&began)
	return nil
}

// changes returns the number of the last change of each role.
func (s *Store) changes(ctx context.Context) (map[string]int64, error) {
	type change struct {
		role string
		seq  int64
	}
	list, err := rows(ctx, s, func(scan func(...any) error) (c change, err error) { return c, scan(&c.role, &c.seq) }, `SELECT role, seq FROM change`)
	seqs := map[string]int64{}
	for _, c := range list {
		seqs[c.role] = c.seq
	}
	if err == nil && len(seqs) == 0 {
		err = errors.New("the table of changes is empty")
	}
	return seqs, err
}

// topic is what is watched of one role. The feed's lock guards it.
type topic[T any] struct {
	role     string
	load     func(ctx context.Context, known []T, after int64) ([]T, error)
	seq      int64
	list     []T
	loaded   bool
	watchers map[int]func([]T)
	next     int
}

func (t *topic[T]) watched() bool { return len(t.watchers) > 0 }

// update loads the list when it is behind the changes, and tells the watchers.
func (t *topic[T]) update(ctx context.Context, seqs map[string]int64) error {
	now, known := seqs[t.role]
	switch {
	case !t.watched() || t.loaded && known && now == t.seq:
		return nil
	case !known:
		return fmt.Errorf("the change of %s is not counted", t.role)
	case now < t.seq: // the database was put back to an older state
		t.list, t.seq = nil, 0
	}
	list, err := t.load(ctx, t.list, t.seq)
	if err != nil {
		return err
	}
	t.list, t.seq, t.loaded = list, now, true
	for _, changed := range t.watchers {
		changed(list)
	}
	return nil
}

// watch adds a watcher to a topic of the feed and tells it the present list.
func watch[T any](f *feed, t *topic[T], changed func([]T)) (stop func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := t.next
	t.next++
	if t.watchers == nil {
		t.watchers = map[int]func([]T){}
	}
	t.watchers[id] = func([]T) {} // so that the topic is watched; it hears below
	if err := f.check(); err != nil {
		delete(t.watchers, id)
		return nil, err
	}
	t.watchers[id] = changed
	changed(t.list)
	f.run()
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(t.watchers, id)
	}, nil
}
