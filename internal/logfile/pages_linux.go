//go:build amd64 || arm64 || riscv64 || loong64

package logfile

import "syscall"

// Of sync_file_range(2) and posix_fadvise(2), which package syscall does not name.
const (
	waitBefore = 1 // SYNC_FILE_RANGE_WAIT_BEFORE
	write      = 2 // SYNC_FILE_RANGE_WRITE
	waitAfter  = 4 // SYNC_FILE_RANGE_WAIT_AFTER
	dontNeed   = 4 // POSIX_FADV_DONTNEED
)

// begin has the kernel begin to write the span to disk.
func (s span) begin() { s.call(syscall.SYS_SYNC_FILE_RANGE, write) }

// finish waits until the span is on disk, and drops it from memory: what is not on disk
// would stay there.
func (s span) finish() {
	s.call(syscall.SYS_SYNC_FILE_RANGE, waitBefore|write|waitAfter)
	s.call(syscall.SYS_FADVISE64, dontNeed)
}

// call asks something of the kernel for the span. An answer that it cannot, by a file
// system that does not know of it, leaves the file as any other. So does a file that was
// closed.
func (s span) call(number, flags uintptr) {
	raw, err := s.file.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_, _, _ = syscall.Syscall6(number, fd, uintptr(s.from), uintptr(s.to-s.from), flags, 0, 0)
	})
}
