package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
	"github.com/gatehouse-api/gatehouse/store/postgres"
	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

// facts is the store of the configuration: what must survive the process, and
// what a command changes while a gateway runs.
type facts interface {
	Blocks() store.Blocks
	Once() store.Once
	Revocations() store.Revocations
	Clients() store.Clients
	Grants() store.Grants
	RefreshTokens() store.RefreshTokens
	Authorizations() store.Authorizations
	SigningKeys() store.SigningKeys
	Users() store.Users
	Directory() store.Directory
	Tenants() store.Tenants
	Consents() store.Consents
	Failures() store.Failures
	BrowserSessions() store.BrowserSessions
	Identities() store.Identities
	Endings() store.Endings
	Logouts() store.Logouts
	Passkeys() store.Passkeys
	Owners() store.Owners
	Relations() store.Relations
	Checked() time.Time
	Close() error
}

// openFacts opens the store that the configuration names.
func openFacts(ctx context.Context, f *config.File, log *slog.Logger) (facts, error) {
	if c, used := f.Store.Database(); used {
		s, err := postgres.Open(ctx, c, postgres.Options{Log: log})
		if err != nil {
			return nil, fmt.Errorf("%w; store.postgres in %s says where the database is", err, f.Path)
		}
		return s, nil
	}
	s, err := sqlite.OpenStore(ctx, filepath.Join(f.State, sqlite.StoreName), sqlite.Options{Log: log})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// mostSpent is how many spent proofs the data path of one gateway remembers: 8,500 a
// second for as long as they count.
const mostSpent = 1 << 20

// spent is where the data path remembers what may be used once. A write to disk for
// every request would be the whole cost of it: a gateway that is alone remembers in
// memory, and takes no proof that is older than that. Several ask their database.
func spent(f *config.File, all facts) store.Once {
	if _, used := f.Store.Database(); used {
		return all.Once()
	}
	return memory.NewOnce(mostSpent)
}

// age is how long ago the store was last read, or nothing when nobody watches it.
func age(f facts) time.Duration {
	if at := f.Checked(); !at.IsZero() {
		return time.Since(at)
	}
	return 0
}

// errUsage says that a command was called wrongly, and that this was said.
var errUsage = errors.New("called wrongly")

// entry is one call of a verb that changes or lists what the store holds.
type entry struct {
	name           string // "block add", in messages
	config, state  string
	because        string
	author         string
	json           bool
	stdout, stderr io.Writer
	flags          *flag.FlagSet
	file           *config.File // nil with --state
}

func newEntry(name, usage string, stdout, stderr io.Writer) *entry {
	e := &entry{name: name, stdout: stdout, stderr: stderr, flags: flag.NewFlagSet("gatehouse "+name, flag.ContinueOnError)}
	e.flags.SetOutput(stderr)
	e.flags.StringVar(&e.config, "config", config.DefaultPath(os.Getenv), "configuration, which says where the store is")
	e.flags.StringVar(&e.state, "state", "", "state folder with the store, in place of the configuration")
	e.flags.BoolVar(&e.json, "json", false, "print JSON")
	e.flags.Usage = func() {
		fmt.Fprint(stderr, usage)
		e.flags.PrintDefaults()
	}
	return e
}

// runVerb runs the verb of a command that the arguments begin with. It returns 1
// when that fails, 2 when it was called wrongly.
func runVerb(command, usage string, args []string, stdout, stderr io.Writer, verbs map[string]func(*entry, []string) error) int {
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	e := newEntry(command+" "+verb, usage, stdout, stderr)
	run := verbs[verb]
	switch {
	case run != nil:
		return e.end(run(e, args[1:]))
	case verb == "help" || verb == "-h" || verb == "--help":
		e.flags.Usage()
		return 0
	}
	return e.end(errUsage)
}

// reasons adds the flags of an entry that somebody answers for.
func (e *entry) reasons() {
	e.flags.StringVar(&e.because, "because", "", "why; kept with the entry, never shown to a caller")
	e.answers()
}

// answers adds the flag of who answers for it.
func (e *entry) answers() {
	e.flags.StringVar(&e.author, "author", "", "who answers for it, such as ops@example.com")
}

// parse reads flags, which may stand after arguments too, and returns the
// arguments, of which there must be so many. The error is errUsage or flag.ErrHelp.
func (e *entry) parse(args []string, least, most int) (asked []string, err error) {
	for len(args) > 0 {
		switch err := e.flags.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			return nil, err
		case err != nil:
			return nil, errUsage
		}
		if args = e.flags.Args(); len(args) > 0 {
			asked, args = append(asked, args[0]), args[1:]
		}
	}
	if len(asked) < least || len(asked) > most {
		return nil, errUsage
	}
	return asked, nil
}

// one parses the flags, and returns the one argument that there must be.
func (e *entry) one(args []string) (string, error) {
	asked, err := e.parse(args, 1, 1)
	if err != nil {
		return "", err
	}
	return asked[0], nil
}

// none parses the flags beside which there must be no argument.
func (e *entry) none(args []string) error {
	_, err := e.parse(args, 0, 0)
	return err
}

// answered refuses an entry without a reason or without a name.
func (e *entry) answered() error {
	if strings.TrimSpace(e.because) == "" {
		return errors.New(`nothing says why; write: --because "credential stuffing, ticket 4711"`)
	}
	return e.authored()
}

// authored refuses an entry that nobody answers for.
func (e *entry) authored() error {
	if strings.TrimSpace(e.author) == "" {
		return errors.New("nobody answers for it; write: --author you@example.com")
	}
	return nil
}

// open opens the store that the flags name.
func (e *entry) open(ctx context.Context) (facts, error) {
	if e.state != "" {
		path := filepath.Join(e.state, sqlite.StoreName)
		if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no store in %s; write: --state FOLDER as in the key state of the configuration", e.state)
		}
		return sqlite.OpenStore(ctx, path, sqlite.Options{})
	}
	f, err := load(e.config, config.Options{})
	if err != nil {
		return nil, err
	}
	e.file = f
	return openFacts(ctx, f, nil)
}

// with opens the store for do.
func (e *entry) with(do func(ctx context.Context, f facts) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	f, err := e.open(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(ctx, f), f.Close())
}

// end says what went wrong and returns the exit code.
func (e *entry) end(err error) int {
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		e.flags.Usage()
		return 2
	}
	fmt.Fprintf(e.stderr, "gatehouse %s: %v\n", e.name, err)
	return 1
}

// print writes a value as JSON.
func (e *entry) print(v any) error {
	out := json.NewEncoder(e.stdout)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(v)
}

// table writes rows under their heads.
func (e *entry) table(rows [][]string) error {
	w := tabwriter.NewWriter(e.stdout, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		for i := range r {
			r[i] = printable(r[i])
		}
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return w.Flush()
}

// printable keeps what others wrote from moving the reader's cursor.
func printable(s string) string {
	q := strconv.Quote(s)
	if q == `"`+s+`"` || s == "" {
		return s
	}
	return q
}

// moment reads a time: a duration from now ("24h", "7d"), a day in UTC, which
// counts to its end, or RFC 3339.
func moment(s string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n < 36_500 {
			return now.AddDate(0, 0, n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil {
		return now.Add(d), nil
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.UTC(), nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.AddDate(0, 0, 1), nil
	}
	return time.Time{}, fmt.Errorf("%q is no time; write: 24h, 7d, 2027-06-30 or 2027-06-30T12:00:00Z", s)
}

// shown is a time as it is printed, or what stands for the zero time.
func shown(t time.Time, zero string) string {
	if t.IsZero() {
		return zero
	}
	return t.UTC().Format(time.RFC3339)
}

// newID returns a short random name.
func newID(prefix string) string { return prefix + strings.ToLower(rand.Text()[:10]) }
