//go:build unix

package pgtest

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
)

// watching waits for its input to end. A line on it says that all is well; an end
// without one is that of the test's process, however it came to it: then it stops the
// server of the folder, and takes the folder away.
const watching = `trap '' INT TERM HUP
if read -r line; then exit 0; fi
stop() {
	read -r pid < data/postmaster.pid || return
	case $pid in ''|*[!0-9]*) return;; esac # that of initdb is a negative number
	kill -QUIT "$pid" || return
	for n in $(seq 200); do kill -0 "$pid" || return; sleep 0.1; done
	kill -KILL "$pid"
}
for n in $(seq 50); do
	stop
	(cd / && rm -rf "$1") && exit 0
	sleep 0.1
done
`

// watch starts the process that outlives this one, and returns how to end it. A test
// that is killed or runs into its timeout cleans up nothing.
func (s *Server) watch(t testing.TB) (end func()) {
	t.Helper()
	read, write, err := os.Pipe() // no child but the one that is given it has an end of it
	if err != nil {
		t.Fatal(err)
	}
	w := exec.Command("/bin/sh", "-c", watching, "sh", s.dir)
	w.Dir, w.Stdin, w.Env = s.dir, read, []string{"PATH=" + os.Getenv("PATH")}
	// In a group of its own, whom nobody interrupts from a terminal.
	w.SysProcAttr = &syscall.SysProcAttr{Credential: s.as, Setpgid: true}
	err = w.Start()
	_ = read.Close()
	if err != nil {
		_ = write.Close()
		t.Fatal(err)
	}
	return func() {
		_, _ = write.WriteString("done\n")
		_ = write.Close()
		_ = w.Wait()
	}
}

// keepToOurselves closes to children what whoever started this process has left open in
// it: a server that outlives a test would hold their locks.
func keepToOurselves() error {
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		return err
	}
	for _, e := range open {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd > 2 {
			syscall.CloseOnExec(fd)
		}
	}
	return nil
}
