package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

const policyUsage = `usage: gatehouse policy show [OBJECT|FIELD]      the policies that the configuration stands for, in Cedar; --schema: what policies can speak of
       gatehouse policy test [FOLDER] [-v] [--json]
                                                try the *.test.yaml of a folder, and what strangers may do; lists in SQL, too
       gatehouse policy why WHO ACTION OBJECT/ID, or WHO select TYPE.FIELD of GraphQL [--given FILE.test.yaml]
                                                who decides, by which facts, and what would have to change
       gatehouse policy why WHO list OBJECT [--dialect sqlite]
                                                which objects, and the predicate by which an application selects them
       gatehouse policy export API -o FILE      the bundle by which an application filters its rows (sdk/rows)
       gatehouse policy rls generate --role app  the migration that puts the objects' tables under row-level security
       gatehouse policy rls verify --database URL [--role app]
                                                what of a database does not hold it
`

// authorizer is one call of the verb policy.
type authorizer struct {
	flags          *flag.FlagSet
	config, api    string
	stdout, stderr io.Writer
}

// errPolicyUsage says that the verb was called in a way that cannot be understood.
var errPolicyUsage = errors.New("see: gatehouse policy")

// runPolicy shows, exports, explains and tests what the configuration says of
// authorization. It returns 1 when something is wrong, 2 when it was called wrongly.
func runPolicy(args []string, stdout, stderr io.Writer) int {
	a := &authorizer{flags: flag.NewFlagSet("gatehouse policy", flag.ContinueOnError), stdout: stdout, stderr: stderr}
	a.flags.SetOutput(stderr)
	a.flags.StringVar(&a.config, "config", config.DefaultPath(os.Getenv), "configuration")
	a.flags.StringVar(&a.api, "api", "", "name of the API; may be left out where there is one")
	a.flags.Usage = func() {
		fmt.Fprint(stderr, policyUsage)
		a.flags.PrintDefaults()
	}
	verbs := map[string]func([]string) error{"show": a.show, "export": a.export, "test": a.test, "why": a.why, "rls": a.rls}
	if len(args) == 0 || verbs[args[0]] == nil {
		a.flags.Usage()
		return 2
	}
	err := verbs[args[0]](args[1:])
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errPolicyUsage):
		fmt.Fprintln(stderr, "gatehouse policy "+args[0]+":", err)
		return 2
	case errors.Is(err, errReported):
		return 1
	}
	fmt.Fprintln(stderr, "gatehouse policy "+args[0]+":", err)
	return 1
}

// errReported is an error about which everything has been said.
var errReported = errors.New("reported")

// parse reads flags, which may stand after arguments, and returns the arguments.
func (a *authorizer) parse(args []string) (rest []string, err error) {
	for len(args) > 0 {
		if err := a.flags.Parse(args); err != nil {
			if !errors.Is(err, flag.ErrHelp) {
				err = errPolicyUsage // the flag set has said what is wrong
			}
			return nil, err
		}
		if args = a.flags.Args(); len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	return rest, nil
}

// loaded returns the policies of the configuration that are meant: of the API
// that --api names, or of all.
func (a *authorizer) loaded() (list []*policy.Policy, file *config.File, err error) {
	if file, err = load(a.config, config.Options{}); err != nil {
		return nil, nil, err
	}
	var names []string
	for _, one := range file.APIs {
		if p := one.Authorization(); p != nil {
			names = append(names, one.Name)
			if a.api == "" || a.api == one.Name {
				list = append(list, p)
			}
		}
	}
	switch {
	case len(list) > 0:
		return list, file, nil
	case a.api != "" && len(names) > 0:
		return nil, nil, fmt.Errorf("the API %q has no objects and no policies; one of: %s", a.api, strings.Join(names, ", "))
	}
	return nil, nil, fmt.Errorf("%s says nothing of objects or policies; write: objects: {order: {id: path.orderId, owner: response.customer_id}}", a.config)
}

func (a *authorizer) show(args []string) error {
	schema := a.flags.Bool("schema", false, "show what policies can speak of")
	args, err := a.parse(args)
	if err != nil {
		return err
	}
	if len(args) > 1 {
		return errPolicyUsage
	}
	list, _, err := a.loaded()
	if err != nil {
		return err
	}
	var objects []string
	shown := false
	for _, p := range list {
		objects = append(objects, p.Objects()...)
		text := p.Shown("", *schema)
		if len(args) == 1 {
			if !slices.Contains(p.Objects(), args[0]) && !slices.Contains(p.Fields(), args[0]) {
				continue
			}
			text = p.Shown(args[0], *schema)
		}
		shown = true
		if len(list) > 1 {
			fmt.Fprintf(a.stdout, "// apis.%s\n", p.API)
		}
		if _, err := io.WriteString(a.stdout, text); err != nil {
			return err
		}
	}
	if !shown {
		what := "object"
		var fields []string
		for _, p := range list {
			fields = append(fields, p.Fields()...)
		}
		if len(fields) > 0 {
			what = "object or field"
		}
		if near := words.Nearest(args[0], append(fields, objects...)); near != "" {
			return fmt.Errorf("there is no %s %q; write: gatehouse policy show %s", what, args[0], near)
		}
		return fmt.Errorf("there is no %s %q; one of: %s", what, args[0], strings.Join(objects, ", "))
	}
	return nil
}

func (a *authorizer) export(args []string) error {
	out := a.flags.String("o", "", "file to write; - is standard output")
	args, err := a.parse(args)
	if err != nil {
		return err
	}
	if len(args) == 1 && a.api == "" {
		a.api = args[0]
	} else if len(args) > 0 {
		return errPolicyUsage
	}
	list, _, err := a.loaded()
	if err != nil {
		return err
	}
	if len(list) > 1 || *out == "" {
		return fmt.Errorf("say which API and where to: gatehouse policy export %s -o policy.json: %w", list[0].API, errPolicyUsage)
	}
	text, err := list[0].Bundle().Text()
	if err != nil {
		return err
	}
	if *out == "-" {
		_, err = a.stdout.Write(text)
		return err
	}
	// A bundle is made anew beside the old one, so that no build embeds half of it.
	next, err := os.CreateTemp(filepath.Dir(*out), ".policy-*")
	if err != nil {
		return err
	}
	defer os.Remove(next.Name())
	_, err = next.Write(text)
	if err = errors.Join(err, next.Chmod(0o644), next.Close()); err != nil {
		return err
	}
	if err := os.Rename(next.Name(), *out); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s: the policy of %s\n", *out, list[0].API)
	return err
}
