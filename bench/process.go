package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The cores: what is measured has the first for itself.
const (
	measuredCore = 0
	otherCore    = 1
)

// process is a server in a session of its own: Linux shares the CPU between
// sessions, so whoever shares one with the load would starve with it.
type process struct {
	cmd    *exec.Cmd
	name   string
	output bytes.Buffer
	ended  chan struct{}
	booted time.Duration // from its start until it listened
}

// patience is how long a program may take until it listens.
const patience = 3 * time.Minute

// start runs a program pinned to a core and waits until it listens at addr.
func start(ctx context.Context, core int, name, addr string, env []string, program string, args ...string) (*process, error) {
	p := &process{name: name, ended: make(chan struct{})}
	p.cmd = pinned(ctx, core, program, args...)
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	began := time.Now()
	for time.Since(began) < patience {
		select {
		case <-p.ended:
			return nil, fmt.Errorf("%s ended at once:\n%s", name, tail(p.output.String(), 2000))
		case <-time.After(25 * time.Millisecond):
		}
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			_ = c.Close()
			p.booted = time.Since(began)
			return p, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("%s does not listen at %s", name, addr), p.stop())
}

// pinned is a command on one core, in its own session. On a machine with a
// single core there is nothing to pin to.
func pinned(ctx context.Context, core int, program string, args ...string) *exec.Cmd {
	args = append([]string{"-c", strconv.Itoa(core), program}, args...)
	program = "taskset"
	if runtime.NumCPU() == 1 {
		program, args = args[2], args[3:]
	}
	cmd := exec.CommandContext(ctx, program, args...) //nolint:gosec // our own programs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

// stop ends the process and its session.
func (p *process) stop() error {
	if p == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(3 * time.Second):
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
		<-p.ended
	}
	return nil
}

// pids returns the process and its children: nginx works in a child.
func (p *process) pids() []int {
	pids := []int{p.cmd.Process.Pid}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pids[0], pids[0]))
	if err != nil {
		return pids
	}
	for _, f := range strings.Fields(string(b)) {
		if n, err := strconv.Atoi(f); err == nil {
			pids = append(pids, n)
		}
	}
	return pids
}

// cpu returns the CPU time that the process has used so far, to the nanosecond
// where the kernel counts it, in ticks of 10 ms elsewhere.
func (p *process) cpu() (time.Duration, error) {
	var sum time.Duration
	for _, pid := range p.pids() {
		d, err := schedstat(pid)
		if err != nil {
			d, err = ticks(pid)
		}
		if err != nil {
			return 0, fmt.Errorf("reading the CPU time of %s: %w", p.name, err)
		}
		sum += d
	}
	return sum, nil
}

func schedstat(pid int) (sum time.Duration, err error) {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no schedstat of %d", pid)
	}
	for _, f := range files {
		b, err := os.ReadFile(f) //nolint:gosec // a path under /proc
		if err != nil {
			return 0, err
		}
		first, _, _ := strings.Cut(string(b), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(n)
	}
	return sum, nil
}

// ticks reads utime and stime, which are in hundredths of a second.
func ticks(pid int) (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold spaces.
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat is short", pid)
	}
	user, err := strconv.ParseInt(f[11], 10, 64)
	system, err2 := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, errors.Join(err, err2)
}

// rss returns the resident memory in bytes.
func (p *process) rss() (int64, error) {
	var sum int64
	for _, pid := range p.pids() {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, err
		}
		_, rest, _ := strings.Cut(string(b), "VmRSS:")
		n, err := strconv.ParseInt(strings.Fields(rest + " 0")[0], 10, 64)
		if err != nil {
			return 0, err
		}
		sum += n << 10
	}
	return sum, nil
}

// freeAddr returns a loopback address nobody listens at.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
