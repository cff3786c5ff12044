package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gatehouse-api/gatehouse/config"
)

// drainTime is how long a stopping gateway waits for exchanges in progress.
const drainTime = 30 * time.Second

const serveUsage = `usage: gatehouse serve [--config gatehouse.yaml]

Serves the APIs of the configuration. The configuration and the descriptions are
read again when they change and on SIGHUP: all or nothing, the last good one
stays in force, no request is dropped. SIGINT and SIGTERM end it gracefully.
`

// runServe serves a configuration until it is told to stop.
func runServe(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("config", config.DefaultPath(os.Getenv), "the configuration")
	flags.Usage = func() { _, _ = io.WriteString(stderr, serveUsage) }
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "gatehouse serve: unexpected argument %q\n\n%s", flags.Arg(0), serveUsage)
		return 2
	}
	tuneMemory()
	problems := slog.New(slog.NewJSONHandler(stderr, nil))
	began := time.Now()
	f, err := load(*path, config.Options{Log: problems})
	if err != nil {
		fmt.Fprintf(stderr, "%v\n", err)
		return 1
	}
	g, err := startGateway(f, gatewayOptions{Problems: problems})
	if err != nil {
		fmt.Fprintf(stderr, "gatehouse serve: %v\n", err)
		return 1
	}
	problems.Info("serving", "address", g.Addr, "admin", g.AdminURL, "admin_token", g.admin.TokenPath(), "admin_api", g.OperatorsURL,
		"endpoints", len(endpointsOf(g.gate.Policy())), "start_ms", time.Since(began).Milliseconds())
	return g.attend(problems, stderr)
}

// attend waits for signals and changed files.
func (g *gateway) attend(problems *slog.Logger, stderr io.Writer) int {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)
	changed := make(chan struct{}, 1)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	g.work.Go(func() {
		config.Watch(ctx, g.watched(), func() {
			select {
			case changed <- struct{}{}:
			default: // a reload is pending already
			}
		})
	})
	for {
		select {
		case <-changed:
		case err := <-g.failed:
			problems.Error("a listener failed", "error", err)
			stop()
			g.end(stderr)
			return 1
		case s := <-signals:
			if s != syscall.SIGHUP {
				stop()
				return g.end(stderr)
			}
		}
		if err := g.reload(); err != nil {
			problems.Error("the configuration was not taken; the last good one stays", "error", err.Error())
			continue
		}
		problems.Info("the configuration was read again", "version", g.gate.Policy().Version())
	}
}

// watched returns the files whose change means a reload.
func (g *gateway) watched() []string {
	files := g.file.Files()
	if t := g.file.Listen.TLS; t != nil {
		files = append(files, t.Cert, t.Key)
		if t.ClientCA != "" {
			files = append(files, t.ClientCA)
		}
	}
	return files
}

func (g *gateway) end(stderr io.Writer) int {
	ctx, cancel := context.WithTimeout(context.Background(), drainTime)
	defer cancel()
	if err := g.Close(ctx); err != nil {
		fmt.Fprintf(stderr, "gatehouse serve: stopping: %v\n", err)
		return 1
	}
	return 0
}

// tuneMemory keeps the heap below nine tenths of what the control group allows,
// unless the environment already says how much.
func tuneMemory() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	for _, f := range []string{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		b, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil && n > 0 && n < math.MaxInt64/2 {
			debug.SetMemoryLimit(n / 10 * 9)
		}
		return
	}
}
