package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const demoUsage = `usage: gatehouse demo [--listen 127.0.0.1:8443] [--keep DIR] [--tour]

Starts a sample API that is wrong on purpose, the gateway in front of it with its own
authorization server, and a web site where you sign in with a browser, all on loopback;
prints people, tokens and things to try; ends with Ctrl-C. --tour plays a story instead:
attacks that work on the API and must not work through the gateway, attacks on the
authorization server, and requests that must pass. It exits with 0 when all is as it
should be, with 1 when not. --keep writes the files into DIR and leaves them.
`

// runDemo starts the demo, or plays the tour.
func runDemo(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gatehouse demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	listen := flags.String("listen", "", "where the gateway listens")
	keep := flags.String("keep", "", "folder for the files")
	tour := flags.Bool("tour", false, "play the tour")
	flags.Usage = func() { _, _ = io.WriteString(stderr, demoUsage) }
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "gatehouse demo: unexpected argument %q\n\n%s", flags.Arg(0), demoUsage)
		return 2
	}
	dir, tidy, err := demoFolder(*keep)
	if err != nil {
		fmt.Fprintln(stderr, "gatehouse demo:", err)
		return 1
	}
	defer tidy()
	s, err := newStage(dir, *listen)
	if err != nil {
		fmt.Fprintln(stderr, "gatehouse demo:", err)
		return 1
	}
	code := 0
	if *tour {
		code = s.tour(stdout, stderr)
	} else {
		code = s.attend(stdout, stderr)
	}
	if err := s.Close(); err != nil {
		fmt.Fprintln(stderr, "gatehouse demo: ending:", err)
		return 1
	}
	return code
}

// demoFolder returns where the files go, and what ends their time.
func demoFolder(keep string) (dir string, tidy func(), err error) {
	if keep == "" {
		if dir, err = os.MkdirTemp("", "gatehouse-demo-"); err != nil {
			return "", nil, fmt.Errorf("making a folder: %w", err)
		}
		return dir, func() { _ = os.RemoveAll(dir) }, nil
	}
	if dir, err = filepath.Abs(keep); err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err != nil {
		return "", nil, fmt.Errorf("making the folder: %w", err)
	}
	return dir, func() {}, nil
}

func (s *stage) tour(stdout, stderr io.Writer) int {
	result, err := playTour(s, stdout)
	if err != nil {
		fmt.Fprintln(stderr, "gatehouse demo:", err)
		return 1
	}
	if !result.ok() {
		return 1
	}
	return 0
}

// attend prints what there is to try and serves until Ctrl-C. What a visitor
// changes in the configuration comes into force like in serve.
func (s *stage) attend(stdout, stderr io.Writer) int {
	log := slog.New(slog.NewTextHandler(stderr, nil))
	refresh, err := s.offer(context.Background())
	if err != nil {
		fmt.Fprintln(stderr, "gatehouse demo:", err)
		return 1
	}
	s.invite(stdout)
	ctx, stop := context.WithCancel(context.Background())
	s.work.Go(func() { s.keepFresh(ctx, refresh, log) })
	defer stop() // before Close waits for it
	s.ended = true
	return s.gateway.attend(log, stderr)
}

// fresh is how often the visitor's tokens are renewed: before they end.
const fresh = 10 * time.Minute

// keepFresh renews them until the demo ends.
func (s *stage) keepFresh(ctx context.Context, refresh func(context.Context) error, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(fresh):
		}
		if err := refresh(ctx); err != nil {
			log.Warn("the tokens were not renewed", "error", err)
		}
	}
}

// invite prints the addresses, the tokens and ten things to try.
func (s *stage) invite(w io.Writer) {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	url := "https://" + s.gateway.Addr
	say("Gatehouse stands in front of a sample API that is wrong on purpose.\n")
	say("  the gateway     %s", url)
	say("  the API itself  http://%s (nothing in front of it: try the same there)", s.apiAddr)
	say("  rows kept apart https://%s%s (the same API, its queries through sdk/rows; the gateway's rule is off)", keptHost, s.gateway.Addr[strings.LastIndexByte(s.gateway.Addr, ':'):])
	say("  the web site    %s (sign in with a browser; it is a client of the gateway's authorization server)", s.app)
	say("  operators       %s (user admin, password in %s)", s.gateway.AdminURL, s.gateway.admin.TokenPath())
	say("  configuration   %s (change it: it is read again at once)", s.file)
	say("  access log      %s", filepath.Join(s.dir, "access.jsonl"))
	say("\nPeople, all with the password %s for as long as this runs:\n", s.password)
	for _, id := range []string{"alice", "bob", "ada", "mallory"} {
		p, _ := known(id)
		say("  %-24s %s", p.email(), p.says)
	}
	say("\nFor curl, their tokens. They hold for 15 minutes; the same lines fetch fresh ones.\n")
	for _, id := range hosts() {
		say("  %s=$(cat %s)", strings.ToUpper(id), s.tokenFile(id))
	}
	say("  g() { curl -s -i --cacert %s \"$@\"; }; U=%s", s.cert.cert, url)
	say("\nThen, what must pass:\n")
	for i, l := range invitations() {
		if i == 3 {
			say("\nAnd what must not:\n")
		}
		say("%4d  %s\n        %s", i+1, l.says, l.line)
	}
	say("\nWhy was that? Every answer has an X-Request-Id. From another terminal:\n")
	say("  %s explain --config %s REQUEST-ID", programName(), s.file)
	say("  %s explain --config %s GET '/v1/orders/{orderId}'", programName(), s.file)
	say("\nCtrl-C ends it.")
	_, _ = io.WriteString(w, b.String())
}

// programName is how this program was called: go run leaves nothing to call again.
func programName() string {
	if path, err := os.Executable(); err == nil && strings.Contains(path, string(filepath.Separator)+"go-build") {
		return "go run ./cmd/gatehouse"
	}
	return "gatehouse"
}

// invitation is one thing to try.
type invitation struct{ says, line string }

func invitations() []invitation {
	const json = ` -H 'Content-Type: application/json' -d `
	as := func(who string) string { return ` -H "Authorization: Bearer $` + who + `"` }
	return []invitation{
		{"Bob's orders", `g $U/v1/orders` + as("BOB")},
		{"Bob places an order", `g $U/v1/orders` + as("BOB") + json + `'{"item": "tea", "quantity": 2}'`},
		{"the administrator lists users; their password hashes are cut", `g $U/v1/admin/users` + as("ADA")},
		{"no token: 401", `g $U/v1/orders`},
		{"Alice reads Bob's order: 403", `g $U/v1/orders/ord-2001` + as("ALICE")},
		{"Alice lists users: 403", `g $U/v1/admin/users` + as("ALICE")},
		{"a member that nobody declared: 400", `g $U/v1/orders` + as("BOB") + json + `'{"item": "tea", "quantity": 2, "paid": true}'`},
		{"the whole table: 400", `g "$U/v1/orders?limit=999999999"` + as("BOB")},
		{"a path trick: 400", `g --path-as-is "$U/v1/status/..;/admin/users"` + as("ALICE")},
		{"a closed version: 410", `g $U/v0/orders` + as("BOB")},
	}
}
