package logfile

import (
	"os"
	"sync"
)

// step is how many bytes are written to disk and dropped from memory at once. Steps begin
// at multiples of it, so that none of the kernel's pages, which may be large, is part of
// two, and the one that is being filled is part of none.
const step = 16 << 20

// span is some whole steps of a file.
type span struct {
	file     *os.File
	from, to int64
}

// pages keeps small what a growing file has in memory. One goroutine does it: the kernel
// may have it wait for a slow disk, and whoever writes the file must not.
type pages struct {
	done  int64     // where the steps begin that have not been handed over; the writer's
	steps chan span // holds none: a step is taken by a goroutine that is at rest, or later
	work  sync.WaitGroup
}

func startPages() *pages {
	p := &pages{steps: make(chan span)}
	p.work.Go(p.run)
	return p
}

// begin is for a file that will be appended to from end on.
func (p *pages) begin(end int64) { p.done = end &^ (step - 1) }

// grown hands over the steps before end. Those for which there is no time now come with
// the next ones.
func (p *pages) grown(file *os.File, end int64) {
	to := end &^ (step - 1)
	switch {
	case to < p.done: // truncated
		p.done = to
	case to > p.done:
		select {
		case p.steps <- span{file: file, from: p.done, to: to}:
			p.done = to
		default:
		}
	}
}

// run has each span written, and drops the one before, which is on disk by then or soon.
func (p *pages) run() {
	var before span
	for s := range p.steps {
		s.begin()
		if before.file == s.file && before.to <= s.from {
			before.finish()
		}
		before = s
	}
}

// end waits for the last step. Nothing may be handed over afterwards.
func (p *pages) end() {
	close(p.steps)
	p.work.Wait()
}
