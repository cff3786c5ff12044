// Command bench measures what Gatehouse costs: CPU microseconds per request of
// the gateway process, beside nginx as a plain proxy and Go's own
// httputil.ReverseProxy doing nothing.
//
// What is measured is pinned to the first core, with GOMAXPROCS=1; the upstream
// and the load (wrk, h2load, openloop) are pinned to the second. Everybody gets the same requests
// over 64 keep-alive connections, in interleaved rounds, and what counts is the
// median of the rounds as a ratio to nginx in the same run: absolute figures are
// a property of the machine and of who else uses it. docs/performance.md holds
// the bars and the last figures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	rounds  int
	each    time.Duration
	warm    time.Duration
	report  bool
	only    string
	hold    string
	beside  string
	clients int
	tokens  bool
	quick   bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run returns 0 when every bar is met, 1 when one is missed, 2 when nothing
// could be measured.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o := options{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.IntVar(&o.rounds, "rounds", 5, "interleaved rounds")
	flags.DurationVar(&o.each, "time", 2*time.Second, "how long one row runs in a round, in whole seconds")
	flags.DurationVar(&o.warm, "warm", 2*time.Second, "how long one row is warmed up")
	flags.BoolVar(&o.report, "report", false, "print the figures, but do not judge them")
	flags.StringVar(&o.only, "only", "", "measure only the rows whose name matches this regular expression, and what they are compared with")
	flags.StringVar(&o.hold, "hold", "", "start the row of this name, say where its processes are, and wait: for perf and strace")
	flags.StringVar(&o.beside, "beside", "", "measure this other build of the program in the same rounds, to compare two versions")
	flags.IntVar(&o.clients, "clients", 10_000, "keep-alive clients for the memory figure; 0 leaves it out")
	flags.BoolVar(&o.tokens, "tokens", false, "measure the token endpoint beside oidc-provider instead")
	flags.BoolVar(&o.quick, "quick", false, "three short rounds; 10,000 endpoints, whose start takes a minute, only when -only names them")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if o.quick {
		o.rounds, o.each, o.warm, o.clients = 3, time.Second, time.Second, 2000
	}
	run := measure
	if o.tokens {
		run = measureTokens
	}
	met, err := run(ctx, o, stdout, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return 2
	}
	if !met && !o.report {
		return 1
	}
	return 0
}

// measure starts everything, runs the rounds and prints the table. It reports
// whether every bar was met.
func measure(ctx context.Context, o options, stdout, stderr io.Writer) (met bool, err error) {
	if err := install(ctx, stderr, "nginx", "wrk", "taskset"); err != nil {
		return false, err
	}
	s, err := newSite(ctx, stderr)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	rows, err := s.rows(o, stderr)
	if err != nil {
		return false, err
	}
	for _, r := range rows {
		if err := r.start(s); err != nil {
			return false, err
		}
		if err := s.verify(r); err != nil {
			return false, err
		}
	}
	if o.hold != "" {
		return true, s.hold(rows, o, stdout)
	}
	if err := s.rounds(rows, o, stderr); err != nil {
		return false, err
	}
	table(stdout, rows, o)
	latencies(stdout, rows, s.rate)
	started, err := starts(rows)
	if err != nil {
		return false, err
	}
	memory, err := s.memory(o, stderr)
	if err != nil {
		return false, err
	}
	return judge(stdout, rows, append(started, memory...)), nil
}
