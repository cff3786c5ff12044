package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

// checked is what a check has found.
type checked struct {
	file      string
	apis      int
	endpoints int
	controls  int // steps that are in force, over all endpoints
	findings  []config.Finding
	waivers   []config.Waived
}

// runCheck loads and compiles a configuration as serve does, says what it thinks
// of it, and lists every waiver in force. It returns 1 when there is an error,
// 2 when it was called wrongly. Nothing is written; nothing is dialled but, with --ask,
// the OpenFGA servers of relations_at.
func runCheck(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gatehouse check", flag.ContinueOnError)
	flags.SetOutput(stderr)
	path := flags.String("config", config.DefaultPath(os.Getenv), "configuration to check")
	asJSON := flags.Bool("json", false, "print the result as JSON")
	ask := flags.Bool("ask", false, "ask the OpenFGA servers of relations_at whether they know store, model and relations")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "gatehouse check: unexpected argument %q; write: gatehouse check --config %s\n", flags.Arg(0), flags.Arg(0))
		return 2
	}
	c, err := check(*path, time.Now)
	if err == nil && *ask && c.errors() == 0 {
		err = askAll(*path)
	}
	if err != nil {
		fmt.Fprintln(stderr, "gatehouse check:", err)
		return 1
	}
	if *asJSON {
		err = c.json(stdout)
	} else {
		err = c.text(stdout)
	}
	if err != nil || c.errors() > 0 {
		return 1
	}
	return 0
}

// check loads, compiles and lints. The error is of the machine that checks,
// never of the configuration.
func check(path string, now func() time.Time) (*checked, error) {
	c := &checked{file: path}
	f, err := load(path, config.Options{Now: now})
	if err != nil {
		return c.refused(err)
	}
	c.apis, c.waivers = len(f.APIs), f.Waivers()
	kept, err := standIns(f, now())
	if err != nil {
		return nil, err
	}
	p, err := f.Policy(kept, gatehouse.AllCaps)
	if err != nil {
		return c.refused(err)
	}
	c.count(p)
	c.findings = f.Lint(p)
	return c, nil
}

// standIns provides what serve would bring from the state folder: enough to
// compile by, and gone when the check ends.
func standIns(f *config.File, now time.Time) (*gatehouse.Kept, error) {
	kept := gatehouse.NewKept()
	gatehouse.Provide[store.Counters](kept, memory.NewCounters(now))
	gatehouse.Provide[store.Once](kept, memory.NewOnce(1))
	gatehouse.Provide[store.Blocks](kept, memory.NewBlocks())
	gatehouse.Provide[store.Revocations](kept, memory.NewRevocations())
	gatehouse.Provide[store.Owners](kept, memory.NewOwners(1))
	gatehouse.Provide(kept, &relations.Source{Index: relations.NewIndex()})
	key, err := jose.GenerateSigner()
	if err != nil {
		return nil, fmt.Errorf("check: making a key to compile by: %w", err)
	}
	gatehouse.Provide[jose.IdentityKey](kept, key)
	return kept, ownStandIn(kept, f)
}

func (c *checked) refused(err error) (*checked, error) {
	list, ok := errors.AsType[config.Errors](err)
	if !ok {
		return nil, err
	}
	for _, e := range list {
		c.findings = append(c.findings, config.Finding{Level: config.LevelError, Error: *e})
	}
	return c, nil
}

func (c *checked) count(p *engine.Policy) {
	seen := map[*gatehouse.Endpoint]bool{}
	for _, s := range p.Sites() {
		for _, e := range s.Endpoints {
			if !e.Declared || seen[e] {
				continue
			}
			seen[e] = true
			c.endpoints++
			c.controls += len(e.Plan.Steps)
		}
	}
}

func (c *checked) errors() int { return c.level(config.LevelError) }

func (c *checked) level(l config.Level) int {
	n := 0
	for _, f := range c.findings {
		if f.Level == l {
			n++
		}
	}
	return n
}

func (c *checked) text(w io.Writer) error {
	for i := range c.findings {
		f := &c.findings[i]
		if _, err := fmt.Fprintf(w, "%s: %s\n", f.Level, f.Error.Error()); err != nil {
			return err
		}
	}
	for _, v := range c.waivers {
		fmt.Fprintf(w, "waived: %s: until %s because %q, owner %s (%s)\n", v.Key, v.Waiver.Until.Format(time.DateOnly), v.Waiver.Because, v.Waiver.Owner, v.Waiver.Place)
	}
	_, err := fmt.Fprintf(w, "%s: %s, %s, %s of controls; %s, %s, %s, %s in force\n",
		c.file, many(c.apis, "API"), many(c.endpoints, "endpoint"), many(c.controls, "step"),
		many(c.errors(), "error"), many(c.level(config.LevelWarning), "warning"), many(c.level(config.LevelNote), "note"), many(len(c.waivers), "waiver"))
	return err
}

func many(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

type placeJSON struct {
	File   string `json:"file"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
}

type findingJSON struct {
	Level       config.Level          `json:"level"`
	Place       placeJSON             `json:"place"`
	Key         string                `json:"key,omitempty"`
	Says        string                `json:"says"`
	Write       string                `json:"write,omitempty"`
	Requirement gatehouse.Requirement `json:"requirement,omitempty"`
}

type waiverJSON struct {
	Key     string    `json:"key"`
	Because string    `json:"because"`
	Owner   string    `json:"owner"`
	Until   string    `json:"until"`
	Place   placeJSON `json:"place"`
}

type checkJSON struct {
	File      string        `json:"file"`
	APIs      int           `json:"apis"`
	Endpoints int           `json:"endpoints"`
	Steps     int           `json:"steps"`
	Findings  []findingJSON `json:"findings"`
	Waivers   []waiverJSON  `json:"waivers"`
}

func placed(p gatehouse.Place) placeJSON { return placeJSON{p.File, p.Line, p.Col} }

func (c *checked) json(w io.Writer) error {
	out := checkJSON{File: c.file, APIs: c.apis, Endpoints: c.endpoints, Steps: c.controls, Findings: []findingJSON{}, Waivers: []waiverJSON{}}
	for _, f := range c.findings {
		out.Findings = append(out.Findings, findingJSON{f.Level, placed(f.Place), f.Key, f.Says, f.Fix, f.Covers})
	}
	for _, v := range c.waivers {
		out.Waivers = append(out.Waivers, waiverJSON{v.Key, v.Waiver.Because, v.Waiver.Owner, v.Waiver.Until.Format(time.DateOnly), placed(v.Waiver.Place)})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(out)
}
