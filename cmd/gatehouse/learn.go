package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/learn"
)

const learnUsage = `usage: gatehouse learn --upstream http://127.0.0.1:9000 [--listen 127.0.0.1:8088] [--out openapi.yaml] [--for 10m] [--requests N] [--merge described.yaml]
       gatehouse learn --har traffic.har [--host api.example.com] [--out openapi.yaml] [--merge described.yaml]

Writes an OpenAPI 3.1 document from observed traffic, for an API that has none.

With --upstream it listens on a loopback address, passes every request on and
watches, until SIGINT, --for or --requests. Nothing is protected while it does:
it is a tool for development. The document is written every half a minute and at
the end. With --har it reads an HTTP Archive that a browser or a proxy has saved.

--merge adds what is learned to a description that there is, in another file: what
is described already stays as it is.

The document holds no values of the traffic, but the names of paths, parameters
and members are in it: read it before you use or share it. A file that is there is
not overwritten.

`

// learning is one run of the verb.
type learning struct {
	upstream, listen string
	har, host        string
	out, title       string
	merge            string // a description that is added to, or ""
	period           time.Duration
	requests         int
	stdout, stderr   io.Writer
	learner          *learn.Learner
	server           string // where the API is, for the document
}

// runLearn writes a description from traffic. It returns 1 when it could not, 2
// when it was called wrongly.
func runLearn(args []string, stdout, stderr io.Writer) int {
	v := &learning{stdout: stdout, stderr: stderr}
	flags := flag.NewFlagSet("gatehouse learn", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&v.upstream, "upstream", "", "the API to record")
	flags.StringVar(&v.listen, "listen", "127.0.0.1:8088", "where to listen; a loopback address")
	flags.StringVar(&v.har, "har", "", "an HTTP Archive to read instead")
	flags.StringVar(&v.host, "host", "", "which host of the archive is the API")
	flags.StringVar(&v.out, "out", "openapi.yaml", "file to write")
	flags.StringVar(&v.title, "title", "", "title of the document; gatehouse init names the API after it")
	flags.StringVar(&v.merge, "merge", "", "a description to add to; the result is written to --out")
	flags.DurationVar(&v.period, "for", 0, "how long to record; default: until SIGINT")
	flags.IntVar(&v.requests, "requests", 0, "how many requests to record; default: until SIGINT")
	flags.Usage = func() {
		_, _ = io.WriteString(stderr, learnUsage)
		flags.PrintDefaults()
	}
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() > 0:
		fmt.Fprintf(stderr, "gatehouse learn: unexpected argument %q\n\n%s", flags.Arg(0), learnUsage)
		return 2
	case (v.upstream == "") == (v.har == ""):
		fmt.Fprintf(stderr, "gatehouse learn: from where? write: gatehouse learn --upstream http://127.0.0.1:9000, or: gatehouse learn --har traffic.har\n")
		return 2
	}
	if err := v.run(); err != nil {
		fmt.Fprintln(stderr, "gatehouse learn:", err)
		return 1
	}
	return 0
}

func (v *learning) run() (err error) {
	if _, err := os.Lstat(v.out); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is there already; write: --out another.yaml", v.out)
	}
	if v.learner, err = learn.New(); err != nil {
		return err
	}
	if v.merge != "" {
		known, err := openapi.Load(v.merge)
		if err != nil {
			return err
		}
		if strings.HasPrefix(known.Version, "3.0.") { // said now, and not after an hour of recording
			return fmt.Errorf("%s is OpenAPI %s, and what is learned is 3.1: write openapi: 3.1.0 there, or learn without --merge", v.merge, known.Version)
		}
		v.learner.Knows(known)
	}
	if v.har != "" {
		err = v.read()
	} else {
		err = v.record()
	}
	if err != nil {
		return err
	}
	return v.finish()
}

// read learns from an archive.
func (v *learning) read() error {
	file, err := os.Open(v.har)
	if err != nil {
		return err
	}
	defer file.Close()
	origins := map[string]int{}
	if err := learn.ReadArchive(file, func(origin string, _ *learn.Exchange) error { origins[origin]++; return nil }); err != nil {
		return v.placed(err)
	}
	if v.server, err = chosen(origins, v.host); err != nil {
		return fmt.Errorf("%s: %w", v.har, err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return v.placed(learn.ReadArchive(file, func(origin string, x *learn.Exchange) error {
		if origin == v.server {
			v.learner.Observe(x)
		}
		return nil
	}))
}

func (v *learning) placed(err error) error {
	if _, ok := errors.AsType[*learn.ArchiveError](err); ok {
		return fmt.Errorf("%s:%w", v.har, err)
	}
	return err
}

// chosen returns the origin of the API: the only one, or that of the host.
func chosen(origins map[string]int, host string) (string, error) {
	var fit []string
	for o := range origins {
		if _, h, _ := strings.Cut(o, "://"); host == "" || o == host || h == strings.ToLower(host) {
			fit = append(fit, o)
		}
	}
	if len(fit) == 1 {
		return fit[0], nil
	}
	if len(origins) == 0 {
		return "", errors.New("there is no request over http or https in it")
	}
	seen := slices.SortedFunc(maps.Keys(origins), func(a, b string) int {
		if n := origins[b] - origins[a]; n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	const most = 8
	list := ""
	for i, o := range seen {
		if i == most {
			list += fmt.Sprintf(", and %d more", len(seen)-most)
			break
		}
		list += fmt.Sprintf(", %s (%d)", o, origins[o])
	}
	first := seen[0]
	if len(fit) == 0 {
		return "", fmt.Errorf("nothing went to %s; there is:%s; write: --host %s", host, list[1:], first)
	}
	return "", fmt.Errorf("requests went to several hosts:%s; write: --host %s", list[1:], first)
}

// write writes what was learned so far, all or nothing.
func (v *learning) write() (*learn.Description, error) {
	d, err := v.learner.Describe(learn.Options{Title: v.title, Server: v.server})
	if err != nil {
		return nil, err
	}
	if len(d.Operations) == 0 {
		return d, nil
	}
	text := d.YAML
	if v.merge != "" {
		base, err := os.ReadFile(v.merge)
		if err != nil {
			return nil, err
		}
		if text, err = learn.Merge(base, d); err != nil {
			return nil, fmt.Errorf("%s: %w", v.merge, err)
		}
	}
	return d, replace(v.out, text)
}

// replace puts a description in the place of a file, all or nothing. What cannot
// be read is of no use to anybody, and does not get there.
func replace(path string, data []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Chmod(0o644), file.Sync(), file.Close()); err == nil {
		_, err = openapi.Load(file.Name())
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

// finish writes the document for the last time and says what to think of it.
func (v *learning) finish() error {
	d, err := v.write()
	if err != nil {
		return err
	}
	for _, w := range d.Warnings {
		fmt.Fprintln(v.stderr, "warning:", w)
	}
	seen, learned := v.learner.Count()
	if len(d.Operations) == 0 {
		return fmt.Errorf("no operation was learned from %s, and nothing was written", many(seen, "exchange"))
	}
	_, err = fmt.Fprintf(v.stdout, "%s: %s, learned from %d of %s. Next: gatehouse init %s\n", v.out, many(len(d.Operations), "operation"), learned, many(seen, "exchange"), v.out)
	return err
}
