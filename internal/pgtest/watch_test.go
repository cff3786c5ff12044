//go:build unix

package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// leaving is set for the process that starts a server and does not stop it.
const leaving = "PGTEST_LEAVING"

func TestAServerThatNobodyStops(t *testing.T) {
	if os.Getenv(leaving) == "" {
		return // it is called by the test below
	}
	s := Start(t)
	pid, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(string(pid), "\n")
	fmt.Printf("server %s %s\n", line, s.dir)
	time.Sleep(time.Hour)
}

// orphan starts such a process, which has a locked file open that it was left, and
// returns the process, the server's number and the server's folder.
func orphan(t *testing.T, lock *os.File, args ...string) (c *exec.Cmd, server int, dir string) {
	t.Helper()
	c = exec.Command(os.Args[0], append([]string{"-test.run", "^TestAServerThatNobodyStops$"}, args...)...)
	c.Env = append(os.Environ(), leaving+"=1")
	c.ExtraFiles = []*os.File{lock} // not closed on exec, as a shell leaves them
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "server "); ok {
			pid, folder, _ := strings.Cut(rest, " ")
			if server, err = strconv.Atoi(pid); err != nil {
				t.Fatal(err)
			}
			return c, server, folder
		}
	}
	t.Fatal("no server was started")
	return nil, 0, ""
}

// gone waits for the end of a server and of its folder.
func gone(t *testing.T, server int, dir string) {
	t.Helper()
	for range 300 {
		_, err := os.Stat(dir)
		if errors.Is(syscall.Kill(server, 0), syscall.ESRCH) && errors.Is(err, os.ErrNotExist) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("the server %d or its folder %s are still there", server, dir)
}

func TestAServerEndsWithTheProcessOfItsTest(t *testing.T) {
	if _, err := programs(); err != nil {
		t.Skipf("PostgreSQL is not installed (apt-get install -y postgresql): %v", err)
	}
	for name, end := range map[string]struct {
		args []string
		do   func(*os.Process) error
	}{
		"killed":  {nil, func(p *os.Process) error { return p.Kill() }},
		"timeout": {[]string{"-test.timeout", "20s"}, func(*os.Process) error { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "lock")
			lock, err := os.Create(path)
			if err == nil {
				err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX)
			}
			if err != nil {
				t.Fatal(err)
			}
			c, server, dir := orphan(t, lock, end.args...)
			if err := lock.Close(); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(server, 0); err != nil {
				t.Fatalf("the server does not run: %v", err)
			}
			if fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", server)); err == nil {
				for _, fd := range fds {
					if to, _ := os.Readlink(fd); to == path {
						t.Error("the server has the file open that its test was left")
					}
				}
			}
			if err := end.do(c.Process); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait() // it was killed, or its test failed
			again, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = again.Close() }()
			if err := syscall.Flock(int(again.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
				t.Errorf("somebody holds the lock of a test that is over: %v", err)
			}
			gone(t, server, dir)
		})
	}
}
