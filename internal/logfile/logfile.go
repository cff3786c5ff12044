// Package logfile appends lines to a file that others rename, truncate and read.
//
// A log that is only written fills memory: the kernel keeps every page of it, at the
// cost of pages that somebody reads, until it has to write them all at once. A [File]
// has each step of 16 MiB written to disk as soon as it is whole, and its pages dropped
// when the next one is: those who follow the log find its last lines in memory, 16 to
// 32 MiB of them.
//
// Whoever rotates a log renames its file. A File sees that before it writes, and goes
// on in a new one.
package logfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookEvery is the time between two looks at what the path names.
const lookEvery = 100 * time.Millisecond

// File is an open log. Its methods may be called by several goroutines.
type File struct {
	path string
	log  *slog.Logger
	rest time.Duration // between two looks

	mu     sync.Mutex
	file   *os.File
	is     fs.FileInfo // tells file from another
	open   bool        // the last write ended inside a line
	stuck  bool        // the path names no file that could be opened
	closed bool
	looked time.Time
	pages  *pages
}

// Open opens the file at path, or makes it, for its owner alone (mode 0600). What is there
// is kept. The problems of later times are said to log, once each. What is not an ordinary
// file (a pipe, a terminal, /dev/null) is returned as it is.
func Open(path string, log *slog.Logger) (io.WriteCloser, error) {
	file, is, err := openEnd(path)
	if err != nil {
		return nil, fmt.Errorf("logfile: %w", err)
	}
	if !is.Mode().IsRegular() {
		return file, nil
	}
	f := &File{path: path, log: log, rest: lookEvery, file: file, is: is, looked: time.Now(), pages: startPages()}
	f.pages.begin(is.Size())
	return f, nil
}

func openEnd(path string) (*os.File, fs.FileInfo, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	is, err := file.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return file, is, nil
}

// Write appends b, which should end with a line, to the file that the path names, as it
// was known at most 100 ms ago. Where that has become another file, and it cannot be
// opened, b is written to the file that was open. Lines that were begun in one file end
// there. Write returns how many bytes were written, and an error if those are not all.
func (f *File) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return 0, fmt.Errorf("logfile: %w", os.ErrClosed)
	}
	if now := time.Now(); !f.open && now.Sub(f.looked) >= f.rest {
		f.looked = now
		f.follow()
	}
	n, err := f.file.Write(b)
	if n > 0 {
		f.open = b[n-1] != '\n'
	}
	// What is appended is followed by the end of the file, wherever others have put that.
	if end, err := f.file.Seek(0, io.SeekCurrent); err == nil {
		f.pages.grown(f.file, end)
	}
	return n, err
}

// follow opens what the path names now, if that is not the file that is open.
func (f *File) follow() {
	there, err := os.Stat(f.path)
	if err == nil && os.SameFile(there, f.is) {
		f.stuck = false
		return
	}
	if err == nil && !there.Mode().IsRegular() { // to open a pipe may take for ever
		f.stay(errors.New("not an ordinary file"))
		return
	}
	next, is, err := openEnd(f.path)
	if err != nil {
		f.stay(err)
		return
	}
	if err := f.file.Close(); err != nil {
		f.log.Error("closing a log file that was moved away", "path", f.path, "error", err.Error())
	}
	f.file, f.is, f.stuck = next, is, false
	f.pages.begin(is.Size())
	f.log.Info("a log file was moved away; lines go to a new one", "path", f.path)
}

// stay goes on in the file that is open, and says so at the first time.
func (f *File) stay(err error) {
	if !f.stuck {
		f.log.Error("a log file was moved away and no new one can be opened; lines still go to the old one", "path", f.path, "error", err.Error())
	}
	f.stuck = true
}

// Close closes the file, and waits until the last whole step is being written to disk. It
// may be called once.
func (f *File) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return fmt.Errorf("logfile: %w", os.ErrClosed)
	}
	f.closed = true
	f.pages.end()
	return f.file.Close()
}
