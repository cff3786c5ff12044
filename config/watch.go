package config

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// watchEvery is how often the files are looked at: a change is seen within a
// second, also on file systems that send no notices.
const watchEvery = 500 * time.Millisecond

// seen is what tells one state of a file from another. Editors and Kubernetes
// put a new file in the place of the old, so that which file it is counts too.
type seen struct {
	info   fs.FileInfo // nil when the file is not there
	inside string      // of a folder: its files, their times and sizes
}

func look(path string) seen {
	info, err := os.Stat(path) // follows links: ConfigMaps are swapped by one
	if err != nil {
		return seen{}
	}
	s := seen{info: info}
	if info.IsDir() {
		// A file that came later may be written in place, of which its folder does not
		// know.
		entries, _ := os.ReadDir(path)
		for _, e := range entries {
			if one, err := os.Stat(filepath.Join(path, e.Name())); err == nil && !one.IsDir() {
				s.inside += fmt.Sprintln(e.Name(), one.ModTime().UnixNano(), one.Size())
			}
		}
	}
	return s
}

func (s seen) same(o seen) bool {
	if s.info == nil || o.info == nil {
		return s.info == o.info
	}
	return s.inside == o.inside && s.info.ModTime().Equal(o.info.ModTime()) && s.info.Size() == o.info.Size() && os.SameFile(s.info, o.info)
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
