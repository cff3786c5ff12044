package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/admin"
	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/record"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/sqlite"
)

const explainUsage = `usage: gatehouse explain [flags] REQUEST-ID       what every control said on a request, by which rule and where that is configured
       gatehouse explain [flags] METHOD PATH      the compiled plan of an endpoint; PATH is a template or a concrete path
`

// The bounds of an answer of the running gateway.
const (
	explainTimeout = 10 * time.Second
	maxExplanation = 4 << 20
)

// explainer is one call of the verb.
type explainer struct {
	config  string
	state   string // folder; "" is what the configuration says
	admin   string // host:port; "" is the socket in the state folder
	running bool   // plans come from the running gateway
	json    bool
	stdout  io.Writer
	stderr  io.Writer
}

// errNotRunning says that no gateway serves the state folder.
var errNotRunning = errors.New("no gateway is running on this state folder")

// runExplain prints the trail of a request or the plan of an endpoint. It
// returns 1 when there is none, 2 when it was called wrongly.
func runExplain(args []string, stdout, stderr io.Writer) int {
	e := &explainer{stdout: stdout, stderr: stderr}
	flags := flag.NewFlagSet("gatehouse explain", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&e.config, "config", config.DefaultPath(os.Getenv), "configuration")
	flags.StringVar(&e.state, "state", "", "state folder; default is what the configuration says")
	flags.StringVar(&e.admin, "admin", "", "host:port of the admin listener; default is the socket in the state folder")
	flags.BoolVar(&e.running, "running", false, "take plans from the running gateway rather than from the configuration")
	flags.BoolVar(&e.json, "json", false, "print JSON")
	flags.Usage = func() {
		fmt.Fprint(stderr, explainUsage)
		flags.PrintDefaults()
	}
	var asked []string // flags may stand after arguments, too
	for len(args) > 0 {
		switch err := flags.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			return 0
		case err != nil:
			return 2
		}
		if args = flags.Args(); len(args) > 0 {
			asked, args = append(asked, args[0]), args[1:]
		}
	}
	var err error
	switch {
	case len(asked) == 1 && admin.ValidID(asked[0]):
		err = e.trail(asked[0])
	case len(asked) == 1:
		err = fmt.Errorf("%q is not a request id", asked[0])
	case len(asked) == 2:
		err = e.plan(asked[0], asked[1])
	default:
		flags.Usage()
		return 2
	}
	if err != nil {
		fmt.Fprintln(stderr, "gatehouse explain:", err)
		return 1
	}
	return 0
}

// trail prints the trail that the running gateway has, or else the store.
func (e *explainer) trail(id string) error {
	trail := new(record.Trail)
	err := e.ask("/v1/explain/"+id, trail)
	if errors.Is(err, errNotRunning) && e.admin == "" {
		fmt.Fprintln(e.stderr, "gatehouse explain:", errNotRunning, "- reading the store")
		trail, err = e.stored(id)
	}
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("no trail is kept of request %s: it is too old, it passed and was not sampled, or another gateway had it", id)
	}
	if err != nil {
		return err
	}
	if e.json {
		return e.print(trail)
	}
	return record.PrintTrail(e.stdout, trail)
}

// stored reads the trail from the store that a gateway has left behind.
func (e *explainer) stored(id string) (*record.Trail, error) {
	trails, err := sqlite.ReadTrails(filepath.Join(e.stateFolder(), sqlite.TrailsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no trail store in %s; write: gatehouse explain --state FOLDER %s", e.stateFolder(), id)
	}
	if err != nil {
		return nil, err
	}
	defer trails.Close()
	return record.FindStored(context.Background(), trails, id)
}

// plan prints the plan of an endpoint.
func (e *explainer) plan(method, path string) error {
	var plan *record.Plan
	var err error
	if e.running || e.admin != "" {
		plan = new(record.Plan)
		err = e.ask("/v1/plan?"+url.Values{"method": {method}, "path": {path}}.Encode(), plan)
	} else {
		plan, err = e.compiled(method, path)
	}
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("no endpoint takes %s %s", method, path)
	}
	if err != nil {
		return err
	}
	if e.json {
		return e.print(plan)
	}
	return plan.Print(e.stdout)
}

// compiled compiles the configuration, as check does, and takes the plan from it.
func (e *explainer) compiled(method, path string) (*record.Plan, error) {
	f, err := load(e.config, config.Options{})
	if err != nil {
		return nil, err
	}
	kept, err := standIns(f, time.Now())
	if err != nil {
		return nil, err
	}
	p, err := f.Policy(kept, gatehouse.AllCaps)
	if err != nil {
		return nil, err
	}
	found := record.Match(endpointsOf(p), method, path)
	if found == nil {
		return nil, store.ErrNotFound
	}
	return record.PlanOf(found), nil
}

// stateFolder returns the folder of the flag, of the configuration, or, when
// that cannot be read, the default one beside it.
func (e *explainer) stateFolder() string {
	if e.state == "" {
		e.state = filepath.Join(filepath.Dir(e.config), "gatehouse-state")
		if f, err := load(e.config, config.Options{}); err == nil {
			e.state = f.State
		}
	}
	return e.state
}

// ask asks the running gateway. Through the socket, whose folder only the
// gateway's user can write to, the token is given to none but the gateway.
func (e *explainer) ask(path string, into any) error {
	token, err := admin.ReadToken(filepath.Join(e.stateFolder(), admin.TokenName))
	if errors.Is(err, fs.ErrNotExist) {
		return errNotRunning
	}
	if err != nil {
		return err
	}
	host, dial := "localhost", new(net.Dialer)
	transport := &http.Transport{DisableKeepAlives: true}
	if e.admin != "" {
		host = e.admin
	} else {
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dial.DialContext(ctx, "unix", filepath.Join(e.stateFolder(), admin.Socket))
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), explainTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+path, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	answer, err := transport.RoundTrip(request)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return errNotRunning
	}
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(io.LimitReader(answer.Body, maxExplanation)).Decode(into)
	case http.StatusNotFound:
		return store.ErrNotFound
	}
	return fmt.Errorf("the gateway answered %s", answer.Status)
}

func (e *explainer) print(v any) error {
	out := json.NewEncoder(e.stdout)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(v)
}
