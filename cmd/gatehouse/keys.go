package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

const keysUsage = `usage: gatehouse keys list                the keys that our own authorization server signs with
       gatehouse keys rotate              a new key: published at once, signs in 24 hours
       gatehouse keys rotate --emergency  a new key that signs now; every other key, and every token signed by it, is worth nothing
Keys rotate by themselves every 90 days while a gateway runs.
`

// runKeys lists and rotates signing keys. It returns 1 when that fails, 2 when it
// was called wrongly.
func runKeys(args []string, stdout, stderr io.Writer) int {
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	e := newEntry("keys "+verb, keysUsage, stdout, stderr)
	switch verb {
	case "list":
		return e.end(e.keys(args[1:], false))
	case "rotate":
		return e.end(e.keys(args[1:], true))
	case "help", "-h", "--help":
		e.flags.Usage()
		return 0
	}
	return e.end(errUsage)
}

// shownKey is a key as it is printed.
type shownKey struct {
	ID    string     `json:"kid"`
	Made  time.Time  `json:"published"`
	From  time.Time  `json:"signs_from"`
	Until *time.Time `json:"verifies_until,omitempty"`
	Signs bool       `json:"signs"`
}

func (e *entry) keys(args []string, rotate bool) error {
	emergency := new(bool)
	if rotate {
		emergency = e.flags.Bool("emergency", false, "the old keys are known to others")
	}
	if asked, err := e.parse(args); err != nil || len(asked) > 0 {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return errUsage
	}
	return e.with(func(ctx context.Context, f facts) error {
		state := e.state
		if e.file != nil {
			if state = e.file.State; e.file.IDP.Issuer == "" {
				return fmt.Errorf("%s has no authorization server; write: idp: {issuer: https://login.example.com}", e.config)
			}
		}
		keys, err := openKeys(ctx, f, state)
		if err != nil {
			return err
		}
		if rotate {
			if _, err := keys.Rotate(ctx, *emergency); err != nil {
				return err
			}
		}
		list, err := keys.List(ctx)
		if err != nil {
			return err
		}
		var all []shownKey
		for _, k := range list {
			s := shownKey{ID: k.ID, Made: k.Made, From: k.From, Signs: k.Signs}
			if !k.Until.IsZero() {
				s.Until = &k.Until
			}
			all = append(all, s)
		}
		if e.json {
			return e.print(all)
		}
		w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
		for _, k := range all {
			what := "published"
			if k.Signs {
				what = "signs"
			}
			end := ""
			if k.Until != nil {
				end = "verifies until " + k.Until.Format(time.RFC3339)
			}
			fmt.Fprintf(w, "%s\t%s\tsigns from %s\t%s\n", k.ID, what, k.From.Format(time.RFC3339), end)
		}
		return w.Flush()
	})
}
