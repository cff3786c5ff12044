package memory

import "sync"

// watched is a list that is replaced and never changed, and those who are told.
type watched[T any] struct {
	mu       sync.Mutex
	list     []T
	watchers map[int]func([]T)
	next     int
}

// Watch calls changed with the list, now and at every change, until stop is called.
// changed must not call back.
func (w *watched[T]) Watch(changed func([]T)) (stop func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := w.next
	w.next++
	if w.watchers == nil {
		w.watchers = map[int]func([]T){}
	}
	w.watchers[id] = changed
	changed(w.list)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.watchers, id)
	}, nil
}

// replace tells everybody of another list. w.mu is held.
func (w *watched[T]) replace(list []T) {
	w.list = list
	for _, changed := range w.watchers {
		changed(list)
	}
}
