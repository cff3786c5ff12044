package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
)

const blockUsage = `usage: gatehouse block add KIND SUBJECT --because WHY --author WHO [--until WHEN]    shut out, at once, on every gateway of this store
       gatehouse block list [--all]                                                  what is shut out
       gatehouse block lift ID                                                       let in again
KIND is address (or network), principal, key, client, or endpoint (API/operationId or API/*, which answers 503).
`

// The shortest prefixes that one block takes: a whole world is not an attacker.
const (
	shortest4 = 8
	shortest6 = 16
)

// runBlock changes and lists blocks.
func runBlock(args []string, stdout, stderr io.Writer) int {
	return runVerb("block", blockUsage, args, stdout, stderr, map[string]func(*entry, []string) error{
		"add": (*entry).addBlock, "list": (*entry).listBlocks, "lift": (*entry).liftBlock,
	})
}

func (e *entry) addBlock(args []string) error {
	e.reasons()
	b := store.Block{From: time.Now()}
	var until string
	e.flags.StringVar(&b.ID, "id", "", "name of the block; default is a random one")
	e.flags.StringVar(&until, "until", "", "when it ends by itself: 24h, 7d, 2027-06-30; default is never")
	e.flags.StringVar(&b.Issuer, "issuer", "", "for a principal: whose it is; default is any issuer's")
	e.flags.StringVar(&b.Scope, "scope", "", "API/operationId: shut out there only")
	asked, err := e.parse(args, 2, 2)
	if err != nil {
		return err
	}
	b.Kind, b.Subject = store.BlockKind(asked[0]), asked[1]
	b.Because, b.Author = strings.TrimSpace(e.because), strings.TrimSpace(e.author)
	if b.ID == "" {
		b.ID = newID("b-")
	}
	if err := errors.Join(e.answered(), checkBlock(&b)); err != nil {
		return err
	}
	if until != "" {
		if b.Until, err = moment(until, b.From); err != nil {
			return err
		}
		if !b.Until.After(b.From) {
			return fmt.Errorf("the block would be over already at %s; write: --until 24h", shown(b.Until, ""))
		}
	}
	return e.with(func(ctx context.Context, f facts) error {
		if err := e.knownEndpoints(&b); err != nil {
			return err
		}
		if err := f.Blocks().Add(ctx, b); err != nil {
			if errors.Is(err, store.ErrExists) {
				return fmt.Errorf("there is a block %s already; write: another --id, or none", b.ID)
			}
			return err
		}
		if e.json {
			return e.print(blockOf(&b, b.From))
		}
		_, err := fmt.Fprintf(e.stdout, "%s is shut out, %s; to let it in again: gatehouse block lift %s\n", b.Subject, ends(b.Until), b.ID)
		return err
	})
}

func ends(until time.Time) string {
	if until.IsZero() {
		return "without an end"
	}
	return "until " + shown(until, "")
}

// checkBlock refuses a block that would shut nobody out, or nearly everybody.
func checkBlock(b *store.Block) error {
	if !slices.Contains(store.BlockKinds(), b.Kind) {
		return fmt.Errorf("unknown kind %q; write one of: %s", b.Kind, kindNames())
	}
	if err := b.Check(); err != nil {
		return fmt.Errorf("%s; write as in: %s", strings.TrimPrefix(err.Error(), store.ErrInvalid.Error()+": "), map[store.BlockKind]string{
			store.BlockAddress: "gatehouse block add address 192.0.2.0/24", store.BlockEndpoint: "gatehouse block add endpoint orders/getOrder",
		}[b.Kind])
	}
	if b.Kind != store.BlockPrincipal && b.Issuer != "" {
		return fmt.Errorf("only a principal has an issuer; leave --issuer out for a block of a %s", b.Kind)
	}
	if p, err := netip.ParsePrefix(b.Subject); b.Kind == store.BlockAddress && err == nil {
		least := shortest6
		if p.Addr().Is4() {
			least = shortest4
		}
		if p.Bits() < least {
			return fmt.Errorf("%s is too much of the world for a block; write a prefix of /%d or longer, or switch an API off: gatehouse block add endpoint API/*", b.Subject, least)
		}
	}
	return nil
}

func kindNames() string {
	var names []string
	for _, k := range store.BlockKinds() {
		names = append(names, string(k))
	}
	return strings.Join(names, ", ")
}

// knownEndpoints refuses the name of an endpoint that the configuration does not
// have: such a block would do nothing.
func (e *entry) knownEndpoints(b *store.Block) error {
	wanted := b.Scope
	if b.Kind == store.BlockEndpoint {
		wanted = b.Subject
	}
	if wanted == "" || e.file == nil {
		return nil
	}
	kept, err := standIns(e.file, b.From)
	if err != nil {
		return err
	}
	p, err := e.file.Policy(kept, gatehouse.AllCaps)
	if err != nil {
		return err
	}
	var names []string
	for _, at := range endpointsOf(p) {
		if at.Declared {
			names = append(names, at.API+"/"+at.Name)
			if b.Kind == store.BlockEndpoint {
				names = append(names, at.API+"/*")
			}
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); slices.Contains(names, wanted) {
		return nil
	}
	if len(names) > 20 {
		names = append(names[:20], "...")
	}
	return fmt.Errorf("%s has no endpoint %q; write one of: %s", e.file.Path, wanted, strings.Join(names, ", "))
}

func (e *entry) listBlocks(args []string) error {
	ended := e.flags.Bool("all", false, "those that ended by themselves too")
	if err := e.none(args); err != nil {
		return err
	}
	return e.with(func(ctx context.Context, f facts) error {
		list, err := f.Blocks().List(ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		if !*ended {
			list = slices.DeleteFunc(list, func(b store.Block) bool { return !b.Live(now) })
		}
		if e.json {
			out := []blockJSON{}
			for i := range list {
				out = append(out, blockOf(&list[i], now))
			}
			return e.print(out)
		}
		rows := [][]string{{"ID", "KIND", "SUBJECT", "ISSUER", "SCOPE", "FROM", "UNTIL", "AUTHOR", "BECAUSE"}}
		for _, b := range list {
			until := shown(b.Until, "never")
			if !b.Live(now) {
				until += " (over)"
			}
			rows = append(rows, []string{b.ID, string(b.Kind), b.Subject, dash(b.Issuer), dash(b.Scope), shown(b.From, "-"), until, b.Author, b.Because})
		}
		return e.table(rows)
	})
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func (e *entry) liftBlock(args []string) error {
	id, err := e.one(args)
	if err != nil {
		return err
	}
	return e.with(func(ctx context.Context, f facts) error {
		err := f.Blocks().Lift(ctx, id)
		switch {
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("there is no block %q; gatehouse block list --all shows those that there are", id)
		case err != nil:
			return err
		case e.json:
			return e.print(map[string]string{"lifted": id})
		}
		_, err = fmt.Fprintf(e.stdout, "block %s is lifted\n", printable(id))
		return err
	})
}

// blockJSON is a block as it is printed for programs. Times are RFC 3339, "" is
// never.
type blockJSON struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	Issuer  string `json:"issuer,omitempty"`
	Scope   string `json:"scope,omitempty"`
	Because string `json:"because"`
	Author  string `json:"author"`
	From    string `json:"from"`
	Until   string `json:"until,omitempty"`
	Live    bool   `json:"live"`
}

func blockOf(b *store.Block, now time.Time) blockJSON {
	return blockJSON{b.ID, string(b.Kind), b.Subject, b.Issuer, b.Scope, b.Because, b.Author, shown(b.From, ""), shown(b.Until, ""), b.Live(now)}
}
