//go:build unix

// Package pgtest starts a private PostgreSQL for tests: a cluster of its own in a
// temporary folder, reached through a Unix socket there, gone when the test ends, and
// also when its process is killed or runs into its timeout.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Server is a running cluster.
type Server struct {
	bin, dir string
	as       *syscall.Credential // whom it runs as; nil is ourselves
	process  *exec.Cmd
	log      *bytes.Buffer
	exited   chan struct{}
	made     atomic.Int64
}

// Start starts a cluster, and skips the test where PostgreSQL is not installed.
// make test installs it where it can.
func Start(t testing.TB) *Server {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Skipf("PostgreSQL is not installed (apt-get install -y postgresql): %v", err)
	}
	if err := keepToOurselves(); err != nil {
		t.Fatal(err)
	}
	s := &Server{bin: bin}
	// Not t.TempDir: that is a folder which another user cannot enter, and a
	// socket's path must be short.
	if s.dir, err = os.MkdirTemp("", "pg"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
	if os.Geteuid() == 0 { // PostgreSQL refuses to run as root
		if s.as, err = unprivileged(); err == nil {
			err = os.Chown(s.dir, int(s.as.Uid), int(s.as.Gid))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(s.watch(t))
	initdb := s.command("initdb", "-D", s.data(), "-U", "postgres", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	s.run(t)
	t.Cleanup(func() { s.kill(syscall.SIGINT) })
	return s
}

// Database makes a new, empty database and returns its connection URL.
func (s *Server) Database(t testing.TB) string {
	t.Helper()
	name := "test" + strconv.FormatInt(s.made.Add(1), 10)
	if out, err := s.command("psql", "-h", s.dir, "-U", "postgres", "-c", "CREATE DATABASE "+name).CombinedOutput(); err != nil {
		t.Fatalf("creating a database: %v\n%s", err, out)
	}
	return s.url(name)
}

// Exec runs a statement in the database of a URL that Database returned.
func (s *Server) Exec(t testing.TB, database, statement string) {
	t.Helper()
	if out, err := s.command("psql", "-v", "ON_ERROR_STOP=1", "-d", database, "-c", statement).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", statement, err, out)
	}
}

// Run has psql read a script in the database of a URL that Database returned, with
// options of psql's, and returns what it prints. It stops at the first error.
func (s *Server) Run(t testing.TB, database, script string, options ...string) string {
	t.Helper()
	c := s.command("psql", append([]string{"-X", "-v", "ON_ERROR_STOP=1", "-d", database}, options...)...)
	c.Stdin = strings.NewReader(script)
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, script)
	}
	return string(out)
}

// Crash kills the server without a chance to write anything.
func (s *Server) Crash(t testing.TB) {
	t.Helper()
	// The children end when the postmaster is gone; an orderly immediate stop
	// (SIGQUIT) makes sure that they have, and writes nothing either.
	s.kill(syscall.SIGQUIT)
}

// Restart starts a server that Crash ended.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.run(t)
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) url(database string) string {
	return (&url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database, RawQuery: url.Values{"host": {s.dir}, "sslmode": {"disable"}}.Encode()}).String()
}

// run starts the server and waits until it answers.
func (s *Server) run(t testing.TB) {
	t.Helper()
	s.log, s.exited = new(bytes.Buffer), make(chan struct{})
	s.process = s.command("postgres", "-D", s.data(), "-k", s.dir, "-c", "listen_addresses=", "-c", "max_connections=50", "-c", "shared_buffers=16MB")
	s.process.Stdout, s.process.Stderr = s.log, s.log
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func(p *exec.Cmd, exited chan struct{}) {
		_ = p.Wait()
		close(exited)
	}(s.process, s.exited)
	for range 600 {
		if s.command("psql", "-h", s.dir, "-U", "postgres", "-c", "SELECT 1").Run() == nil {
			return
		}
		select {
		case <-s.exited:
			t.Fatalf("PostgreSQL ended:\n%s", s.log)
		case <-time.After(50 * time.Millisecond):
		}
	}
	t.Fatal("PostgreSQL does not answer")
}

func (s *Server) kill(signal syscall.Signal) {
	_ = s.process.Process.Signal(signal)
	select {
	case <-s.exited:
	case <-time.After(20 * time.Second):
		_ = s.process.Process.Kill()
		<-s.exited
	}
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(context.Background(), filepath.Join(s.bin, name), args...)
	c.Dir = s.dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return c
}

// programs finds the folder of the server's programs: in PATH, or where Debian
// puts them.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), "psql")); err == nil {
				return filepath.Dir(path), nil
			}
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return "", errors.New("no initdb in PATH and none under /usr/lib/postgresql")
	}
	return filepath.Dir(found[len(found)-1]), nil
}

// unprivileged is the user whom a server of root's runs as.
func unprivileged() (*syscall.Credential, error) {
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, fmt.Errorf("neither postgres nor nobody is a user of this machine")
}
