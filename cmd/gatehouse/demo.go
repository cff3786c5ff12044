package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

const demoUsage = `usage: gatehouse demo [--listen 127.0.0.1:8443] [--keep DIR] [--tour]

Starts a sample API that is wrong on purpose, an issuer of tokens, and the gateway
in front of the API, all on loopback; prints tokens and things to try; ends with
Ctrl-C. --tour plays a story instead: attacks that work on the API and must not
work through the gateway, and requests that must pass. It exits with 0 when all is
as it should be, with 1 when not. --keep writes the files into DIR and leaves them.
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

// attend prints what there is to try and waits for Ctrl-C.
func (s *stage) attend(stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s.invite(stdout)
	select {
	case <-ctx.Done():
		return 0
	case err := <-s.gateway.failed:
		fmt.Fprintln(stderr, "gatehouse demo:", err)
		return 1
	}
}

// invite prints the addresses, the tokens and ten things to try.
func (s *stage) invite(w io.Writer) {
	var b strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	url := "https://" + s.gateway.Addr
	say("Gatehouse stands in front of a sample API that is wrong on purpose.\n")
	say("  the gateway      %s", url)
	say("  the API itself   http://%s      (unprotected: try the same there)", s.apiAddr)
	say("  operators        %s      (user admin, password: the text of %s)", s.gateway.AdminURL, s.gateway.admin.TokenPath())
	say("  configuration    %s      (edit it: the demo keeps the one it was started with)", s.file)
	say("  access log       %s\n", filepath.Join(s.dir, "access.jsonl"))
	say("Tokens hold for 15 minutes; the same lines fetch fresh ones:\n")
	for _, id := range []string{"alice", "bob", "ada"} {
		p, _ := known(id)
		say("  %s=$(curl -s %s/token/%s)      # %s", strings.ToUpper(id), s.issuer.URL, id, p.says)
	}
	say("\nThings to try, after those three lines:\n")
	say("  G='curl -s -i --cacert %s'", s.cert.cert)
	for i, l := range []struct{ says, line string }{
		{"Bob's orders", `$G URL/v1/orders -H "Authorization: Bearer $BOB"`},
		{"Bob places an order", `$G URL/v1/orders -H "Authorization: Bearer $BOB" --json '{"item": "tea", "quantity": 2}'`},
		{"the administrator lists users; no hashes", `$G URL/v1/admin/users -H "Authorization: Bearer $ADA"`},
		{"nobody: 401", `$G URL/v1/orders`},
		{"Alice reads Bob's order: 403", `$G URL/v1/orders/ord-2001 -H "Authorization: Bearer $ALICE"`},
		{"Alice lists users: 403", `$G URL/v1/admin/users -H "Authorization: Bearer $ALICE"`},
		{"more than was declared: 400", `$G URL/v1/orders -H "Authorization: Bearer $BOB" --json '{"item": "tea", "quantity": 2, "paid": true}'`},
		{"the whole table: 400", `$G 'URL/v1/orders?limit=999999999' -H "Authorization: Bearer $BOB"`},
		{"a path trick: 400", `$G --path-as-is 'URL/v1/status/..;/admin/users' -H "Authorization: Bearer $ALICE"`},
		{"a closed version: 410", `$G URL/v0/orders -H "Authorization: Bearer $BOB"`},
	} {
		say("  %s   # %d. %s", strings.ReplaceAll(l.line, "URL", url), i+1, l.says)
	}
	say("\nEvery answer has an X-Request-Id. Why was it given? From another terminal:\n")
	say("  gatehouse explain --config %s REQUEST-ID", s.file)
	say("  gatehouse explain --config %s GET /v1/orders/{orderId}", s.file)
	say("\nCtrl-C ends it.")
	_, _ = io.WriteString(w, b.String())
}
