package logfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// opened returns an open log that looks at its path before every write, its path, and what it says.
func opened(t *testing.T) (f *File, path string, said *bytes.Buffer) {
	t.Helper()
	path, said = filepath.Join(t.TempDir(), "access.log"), &bytes.Buffer{}
	w, err := Open(path, slog.New(slog.NewTextHandler(said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
			t.Error(err)
		}
	})
	f = w.(*File)
	f.rest = 0
	return f, path, said
}

func put(t *testing.T, f *File, text string) {
	t.Helper()
	if n, err := io.WriteString(f, text); err != nil || n != len(text) {
		t.Fatalf("wrote %d of %d: %v", n, len(text), err)
	}
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func holds(t *testing.T, path, want string) {
	t.Helper()
	switch got, err := os.ReadFile(path); {
	case err != nil:
		t.Error(err)
	case string(got) != want:
		t.Errorf("%s holds %q, want %q", filepath.Base(path), got, want)
	}
}

func TestLinesGoToANewFileWhenTheirsWasMovedAway(t *testing.T) {
	f, path, said := opened(t)
	put(t, f, "one\n")
	move(t, path, path+".1")
	put(t, f, "two\n")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	put(t, f, "three\n")
	holds(t, path+".1", "one\n")
	holds(t, path, "three\n")
	is, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if is.Mode() != 0o600 {
		t.Errorf("the new file has mode %v", is.Mode())
	}
	if n := strings.Count(said.String(), "lines go to a new one"); n != 2 {
		t.Errorf("said %d times, want 2:\n%s", n, said)
	}
}

func TestAFileThatIsMadeForTheLogIsTaken(t *testing.T) {
	f, path, _ := opened(t)
	put(t, f, "one\n")
	move(t, path, path+".1")
	if err := os.WriteFile(path, []byte("begun by another\n"), 0o640); err != nil { //nolint:gosec // as logrotate's create does
		t.Fatal(err)
	}
	put(t, f, "two\n")
	holds(t, path, "begun by another\ntwo\n")
}

func TestALineEndsInTheFileInWhichItBegan(t *testing.T) {
	f, path, _ := opened(t)
	put(t, f, "one\nha")
	move(t, path, path+".1")
	put(t, f, "lf\n")
	put(t, f, "two\n")
	holds(t, path+".1", "one\nhalf\n")
	holds(t, path, "two\n")
}

func TestThePathIsLookedAtTenTimesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "access.log")
		w, err := Open(path, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		f := w.(*File)
		move(t, path, path+".1")
		put(t, f, "at once\n")
		time.Sleep(100 * time.Millisecond)
		put(t, f, "later\n")
		holds(t, path+".1", "at once\n")
		holds(t, path, "later\n")
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestNoLineIsLostTornOrDoubledWhileTheFileIsMoved renames the file under its writer as
// often as it can, and counts.
func TestNoLineIsLostTornOrDoubledWhileTheFileIsMoved(t *testing.T) {
	f, path, _ := opened(t)
	const moves, least = 300, 20_000
	moved := make(chan error, 1)
	go func() {
		for i := 0; i < moves; {
			switch err := os.Rename(path, path+"."+strconv.Itoa(i)); {
			case err == nil:
				i++
			case !errors.Is(err, os.ErrNotExist): // not yet made again
				moved <- err
				return
			}
			time.Sleep(50 * time.Microsecond)
		}
		moved <- nil
	}()
	written := 0
	var batch []byte
	for running := true; running || written < least; {
		batch = batch[:0]
		for range 1 + written%7 {
			batch = fmt.Appendf(batch, "%d %s.\n", written, strings.Repeat("x", written%300))
			written++
		}
		put(t, f, string(batch))
		select {
		case err := <-moved:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
	}
	files, next := 0, 0
	for i := range moves + 1 {
		name := path + "." + strconv.Itoa(i)
		if i == moves {
			name = path
		}
		content, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) && i == moves {
			break // nothing was written after the last move
		}
		if err != nil {
			t.Fatal(err)
		}
		files++
		for line := range strings.Lines(string(content)) {
			if want := fmt.Sprintf("%d %s.\n", next, strings.Repeat("x", next%300)); line != want {
				t.Fatalf("%s: %q where %q belongs", filepath.Base(name), line, want)
			}
			next++
		}
	}
	if next != written || files < moves {
		t.Errorf("%d lines in %d files, want %d in %d", next, files, written, moves)
	}
}

func TestWhereThePathNamesNoFileTheOldOneIsKept(t *testing.T) {
	f, path, said := opened(t)
	put(t, f, "one\n")
	move(t, path, path+".1")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	put(t, f, "two\n")
	put(t, f, "three\n")
	holds(t, path+".1", "one\ntwo\nthree\n")
	if n := strings.Count(said.String(), "not an ordinary file"); n != 1 {
		t.Errorf("said %d times, want once:\n%s", n, said)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	put(t, f, "four\n")
	holds(t, path, "four\n")
}

func TestAnEmptiedFileIsWrittenFromItsBeginning(t *testing.T) {
	f, path, _ := opened(t)
	line := bytes.Repeat([]byte("x"), 1<<20)
	line[len(line)-1] = '\n'
	for range 2*step>>20 + 1 {
		put(t, f, string(line))
	}
	await(t, f, 2*step)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	put(t, f, "after\n")
	holds(t, path, "after\n")
	if f.pages.done != 0 {
		t.Errorf("steps begin at %d, want at 0", f.pages.done)
	}
	for range step >> 20 {
		put(t, f, string(line))
	}
	await(t, f, step)
}

// await waits until the steps before end have been handed over.
func await(t *testing.T, f *File, end int64) {
	t.Helper()
	for late := time.Now().Add(time.Minute); f.pages.done < end; time.Sleep(time.Millisecond) {
		put(t, f, "")
		if time.Now().After(late) {
			t.Fatalf("no step was taken in a minute: %d, want %d", f.pages.done, end)
		}
	}
}

func TestABusyDiskDoesNotStopTheWriter(t *testing.T) {
	p := &pages{steps: make(chan span)} // nobody takes a step
	file := os.NewFile(^uintptr(0), "none")
	for end := int64(0); end < 10*step; end += step / 2 {
		p.grown(file, end)
	}
	if p.done != 0 {
		t.Fatalf("%d bytes were handed over to nobody", p.done)
	}
	taken := make(chan span)
	go func() { taken <- <-p.steps }()
	for p.done == 0 {
		p.grown(file, 10*step+1)
	}
	if s := <-taken; s.from != 0 || s.to != 10*step {
		t.Errorf("taken from %d to %d, want all ten steps", s.from, s.to)
	}
}

func TestAWriteAllocatesNothing(t *testing.T) {
	f, _, _ := opened(t)
	f.rest = lookEvery
	b := bytes.Repeat([]byte("0123456789abcde\n"), 16<<10)
	if n := testing.AllocsPerRun(200, func() {
		if _, err := f.Write(b); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestWhatIsNoOrdinaryFileIsLeftAsItIs(t *testing.T) {
	w, err := Open(os.DevNull, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := w.(*os.File); !ok {
		t.Errorf("%s is a %T", os.DevNull, w)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

func TestAClosedFileIsNotOpenedAgain(t *testing.T) {
	f, path, _ := opened(t)
	put(t, f, "one\n")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	move(t, path, path+".1")
	if _, err := io.WriteString(f, "two\n"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a write after the end says %v", err)
	}
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("a second end says %v", err)
	}
	holds(t, path+".1", "one\n")
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made after the end: %v", err)
	}
}

func TestALogThatCannotBeOpenedIsAnError(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none", "access.log"), slog.New(slog.DiscardHandler)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opening a log in a folder that is not there says %v", err)
	}
}

// BenchmarkWrite writes lines of 700 bytes in pieces of 256 KiB.
func BenchmarkWrite(b *testing.B) {
	w, err := Open(filepath.Join(b.TempDir(), "access.log"), slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	piece := bytes.Repeat([]byte(strings.Repeat("x", 699)+"\n"), 256<<10/700)
	b.SetBytes(int64(len(piece)))
	for b.Loop() {
		if _, err := w.Write(piece); err != nil {
			b.Fatal(err)
		}
	}
}
