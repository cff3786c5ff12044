package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-api/gatehouse/idp"
)

const keysUsage = `usage: gatehouse keys list                the keys that our own authorization server signs with
       gatehouse keys rotate              a new key: published at once, signs in 24 hours
       gatehouse keys rotate --emergency  a new key that signs now; every other key, and every token signed by it, is worth nothing
Keys rotate by themselves every 90 days while a gateway runs.
`

// runKeys lists and rotates signing keys.
func runKeys(args []string, stdout, stderr io.Writer) int {
	return runVerb("keys", keysUsage, args, stdout, stderr, map[string]func(*entry, []string) error{
		"list": (*entry).listKeys, "rotate": (*entry).rotateKeys,
	})
}

// shownKey is a key as it is printed.
type shownKey struct {
	ID    string     `json:"kid"`
	Made  time.Time  `json:"published"`
	From  time.Time  `json:"signs_from"`
	Until *time.Time `json:"verifies_until,omitempty"`
	Signs bool       `json:"signs"`
}

func (e *entry) listKeys(args []string) error {
	return e.keys(args, func(context.Context, *idp.Keys) error { return nil })
}

func (e *entry) rotateKeys(args []string) error {
	emergency := e.flags.Bool("emergency", false, "the old keys are known to others")
	return e.keys(args, func(ctx context.Context, k *idp.Keys) error {
		_, err := k.Rotate(ctx, *emergency)
		return err
	})
}

// keys prints the keys after something was done to them.
func (e *entry) keys(args []string, do func(context.Context, *idp.Keys) error) error {
	if err := e.none(args); err != nil {
		return err
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
		if err := do(ctx, keys); err != nil {
			return err
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
