//go:build amd64 || arm64 || riscv64 || loong64

package logfile

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

// TestALongLogStaysOutOfMemory writes 160 MiB and asks the kernel which of its pages are in
// memory: no more than the last two steps and what was begun since, and not less than one.
func TestALongLogStaysOutOfMemory(t *testing.T) {
	if !drops(t) {
		t.Skip("the file system of the folder for tests keeps in memory what it is told to drop, as tmpfs does: set TMPDIR to a folder on a disk")
	}
	f, path, _ := opened(t)
	piece := strings.Repeat(strings.Repeat("x", 1023)+"\n", 1<<10)
	const pieces = 160 + 8
	for i := range int64(pieces) {
		put(t, f, piece)
		await(t, f, (i+1)<<20&^(step-1))
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	in := resident(t, path)
	size := os.Getpagesize()
	held := bytes.Count(in, []byte{1}) * size
	if most := 2*step + 8<<20; held > most {
		t.Errorf("%d MiB of %d are in memory, want %d at most", held>>20, pieces, most>>20)
	}
	last := in[len(in)-step/size:]
	if n := bytes.Count(last, []byte{1}); n < len(last) {
		t.Errorf("of the last 16 MiB %d pages of %d are in memory, want all", n, len(last))
	}
}

// drops reports whether what is on disk can be dropped from memory here at all.
func drops(t *testing.T) bool {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "dropped"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Write(make([]byte, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if err := file.Sync(); err != nil {
		t.Fatal(err)
	}
	_, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, 0, dontNeed, 0, 0)
	return errno == 0 && !bytes.Contains(resident(t, file.Name()), []byte{1})
}

// resident returns a byte for each page of a file: 1 if it is in memory (mincore(2)).
func resident(t *testing.T, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	is, err := file.Stat()
	if err != nil {
		t.Fatal(err)
	}
	size := int(is.Size())
	mapped, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Munmap(mapped) }()
	in := make([]byte, (size+os.Getpagesize()-1)/os.Getpagesize())
	if _, _, errno := syscall.Syscall(syscall.SYS_MINCORE, uintptr(unsafe.Pointer(&mapped[0])), uintptr(size), uintptr(unsafe.Pointer(&in[0]))); errno != 0 { //nolint:gosec // both live until the call returns
		t.Fatal(errno)
	}
	for i := range in {
		in[i] &= 1 // the other bits are reserved
	}
	return in
}

func TestWhereNoFileCanBeMadeTheOldOneIsKept(t *testing.T) {
	f, path, said := opened(t)
	put(t, f, "one\n")
	move(t, path, path+".1")
	folder := filepath.Dir(path)
	if err := os.Chmod(folder, 0o555); err != nil { //nolint:gosec // nobody may write there
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		asNobody(t)
		for range 3 {
			put(t, f, "more\n")
		}
	}()
	<-done
	holds(t, path+".1", "one\nmore\nmore\nmore\n")
	if n := strings.Count(said.String(), "permission denied"); n != 1 {
		t.Errorf("said %d times, want once:\n%s", n, said)
	}
	if err := os.Chmod(folder, 0o700); err != nil { //nolint:gosec // a folder
		t.Fatal(err)
	}
	put(t, f, "at last\n")
	holds(t, path, "at last\n")
	holds(t, path+".1", "one\nmore\nmore\nmore\n")
}

// asNobody takes from this goroutine's thread, which ends with it, what root may do with
// files (setfsuid(2)).
func asNobody(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	runtime.LockOSThread()
	const nobody = 65534
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, nobody, 0, 0); errno != 0 {
		t.Error(errno)
	}
}
