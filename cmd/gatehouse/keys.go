package main

import (
	"context"
	"fmt"
	"io"

	"github.com/gatehouse-api/gatehouse/idp/operator"
)

const keysUsage = `usage: gatehouse keys list                the keys that our own authorization server signs with
       gatehouse keys rotate              a new key: published at once, signs in 24 hours
       gatehouse keys rotate --emergency  a new key that signs now; every other key, and every token signed by it, is worth nothing
       gatehouse keys upstream            the public keys by which upstreams verify who the gateway says is asking, as a JWK set
       gatehouse keys upstream --rotate   a new one, which signs from the next start of the gateway; the two before it are still published
Those of the authorization server rotate by themselves every 90 days while a gateway runs.
`

// runKeys lists and rotates signing keys, those for upstreams too.
func runKeys(args []string, stdout, stderr io.Writer) int {
	return runVerb("keys", keysUsage, args, stdout, stderr, map[string]func(*entry, []string) error{
		"list": (*entry).listKeys, "rotate": (*entry).rotateKeys, "upstream": (*entry).upstreamKeys,
	})
}

func (e *entry) listKeys(args []string) error {
	return e.keys(args, (*operator.Desk).SigningKeys)
}

func (e *entry) rotateKeys(args []string) error {
	emergency := e.flags.Bool("emergency", false, "the old keys are known to others")
	return e.keys(args, func(d *operator.Desk, ctx context.Context, by operator.By) ([]operator.Key, error) {
		return d.RotateKeys(ctx, by, *emergency)
	})
}

// keys prints the keys after something was done to them.
func (e *entry) keys(args []string, do func(*operator.Desk, context.Context, operator.By) ([]operator.Key, error)) error {
	if err := e.none(args); err != nil {
		return err
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		if d.Keys == nil {
			return fmt.Errorf("%s has no authorization server; write: idp: {issuer: https://login.example.com}", e.config)
		}
		list, err := do(d, ctx, by)
		if err != nil {
			return err
		}
		if e.json {
			return e.print(list)
		}
		rows := [][]string{{"KEY", "STATE", "SIGNS FROM", "VERIFIES UNTIL"}}
		for _, k := range list {
			rows = append(rows, []string{k.ID, map[bool]string{true: "signs", false: "published"}[k.Signs], shown(k.From, "-"), shown(k.Until, "-")})
		}
		return e.table(rows)
	})
}
