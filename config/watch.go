package config

import (
	"context"
	"io/fs"
	"os"
	"slices"
	"time"
)

// watchEvery is how often the files are looked at: a change is seen within a
// second, also on file systems that send no notices.
const watchEvery = 500 * time.Millisecond

// seen is what tells one state of a file from another. Editors and Kubernetes
// put a new file in the place of the old, so that which file it is counts too.
type seen struct {
	info fs.FileInfo // nil when the file is not there
}

func look(path string) seen {
	info, err := os.Stat(path) // follows links: ConfigMaps are swapped by one
	if err != nil {
		return seen{}
	}
	return seen{info}
}

func (s seen) same(o seen) bool {
	if s.info == nil || o.info == nil {
		return s.info == o.info
	}
	return s.info.ModTime().Equal(o.info.ModTime()) && s.info.Size() == o.info.Size() && os.SameFile(s.info, o.info)
}

// Watch calls changed after any of the files has changed and stayed as it is
// for one look, which is 500 ms: a file that is still being written is not
// read. It returns when ctx ends. changed runs on Watch's own goroutine. A file
// that vanishes is no change until it is back.
func Watch(ctx context.Context, paths []string, changed func()) {
	paths = slices.Clone(paths)
	known, before := make([]seen, len(paths)), make([]seen, len(paths))
	for i, p := range paths {
		known[i] = look(p)
		before[i] = known[i]
	}
	t := time.NewTicker(watchEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		differ, settled := false, true
		for i, p := range paths {
			now := look(p)
			differ = differ || !now.same(known[i])
			settled = settled && now.info != nil && now.same(before[i])
			before[i] = now
		}
		if differ && settled {
			copy(known, before)
			changed()
		}
	}
}
