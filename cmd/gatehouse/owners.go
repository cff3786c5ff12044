package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/store"
)

const ownersUsage = `usage: gatehouse owners import API/OBJECT FILE --author WHO          lines of CSV: id,owner or id,owner,tenant; FILE may be -
       gatehouse owners set API/OBJECT ID OWNER --author WHO [--tenant T]   one object
       gatehouse owners list API/OBJECT [--of OWNER]                        whose the objects are
       gatehouse owners forget API/OBJECT ID --author WHO                   nobody's, until it is set again
       gatehouse owners suggest [API] [--admin host:port]                   rules that fit what the running gateway has seen (learn: suggest)
The map that objects with "owner: owners" or "before: owners" are judged by. Nobody may touch an object that is not in it.
`

// runOwners changes and lists whose objects are.
func runOwners(args []string, stdout, stderr io.Writer) int {
	return runVerb("owners", ownersUsage, args, stdout, stderr, map[string]func(*entry, []string) error{
		"import": (*entry).importOwners, "set": (*entry).setOwner, "list": (*entry).listOwners, "forget": (*entry).forgetOwner, "suggest": (*entry).suggestOwners,
	})
}

// importAtOnce is how many entries one transaction takes.
const importAtOnce = 1000

func (e *entry) importOwners(args []string) error {
	e.answers()
	asked, err := e.parse(args, 2, 2)
	if err != nil {
		return err
	}
	if err := e.authored(); err != nil {
		return err
	}
	in := io.Reader(os.Stdin)
	if asked[1] != "-" {
		f, err := os.Open(asked[1])
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	list, err := readOwners(in, asked[0], e.author)
	if err != nil {
		return fmt.Errorf("%s: %w; nothing was imported", asked[1], err)
	}
	return e.with(func(ctx context.Context, f facts) error {
		if err := e.knownObject(asked[0]); err != nil {
			return err
		}
		done := 0
		for part := range slices.Chunk(list, importAtOnce) {
			if err := f.Owners().Set(ctx, part); err != nil {
				return fmt.Errorf("%w; the first %d are imported, and importing them again does no harm", err, done)
			}
			done += len(part)
		}
		if e.json {
			return e.print(map[string]int{"imported": done})
		}
		_, err := fmt.Fprintf(e.stdout, "%d owners of %s are imported\n", done, printable(asked[0]))
		return err
	})
}

// readOwners reads lines of CSV (RFC 4180), all of which must make sense. A first
// line of names is left out.
func readOwners(in io.Reader, kind, author string) ([]store.Owner, error) {
	r := csv.NewReader(bufio.NewReader(in))
	r.FieldsPerRecord = -1
	var list []store.Owner
	seen := map[string]int{}
	for {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return list, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		if line == 1 && fields[0] == "id" {
			continue
		}
		if len(fields) != 2 && len(fields) != 3 {
			return nil, fmt.Errorf("line %d: expected id,owner or id,owner,tenant, found %d fields", line, len(fields))
		}
		o := store.Owner{Kind: kind, ID: fields[0], Owner: fields[1], Author: author, At: time.Now()}
		if len(fields) == 3 {
			o.Tenant = fields[2]
		}
		if err := o.Check(); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		if before, twice := seen[o.ID]; twice {
			return nil, fmt.Errorf("line %d: the object of line %d again", line, before)
		}
		seen[o.ID] = line
		list = append(list, o)
	}
}

func (e *entry) setOwner(args []string) error {
	e.answers()
	tenant := e.flags.String("tenant", "", "the owner's tenant")
	asked, err := e.parse(args, 3, 3)
	if err != nil {
		return err
	}
	o := store.Owner{Kind: asked[0], ID: asked[1], Owner: asked[2], Tenant: *tenant, Author: strings.TrimSpace(e.author), At: time.Now()}
	if err := errors.Join(e.authored(), o.Check()); err != nil {
		return err
	}
	return e.with(func(ctx context.Context, f facts) error {
		if err := e.knownObject(o.Kind); err != nil {
			return err
		}
		if err := f.Owners().Set(ctx, []store.Owner{o}); err != nil {
			return err
		}
		if e.json {
			return e.print(ownerOf(&o))
		}
		_, err := fmt.Fprintf(e.stdout, "%s %s belongs to %s\n", printable(o.Kind), printable(o.ID), printable(o.Owner))
		return err
	})
}

func (e *entry) listOwners(args []string) error {
	of := e.flags.String("of", "", "only this owner's")
	kind, err := e.one(args)
	if err != nil {
		return err
	}
	return e.with(func(ctx context.Context, f facts) error {
		if err := e.knownObject(kind); err != nil {
			return err
		}
		list, err := whole(func(after string) ([]store.Owner, bool, error) {
			part, err := f.Owners().List(ctx, kind, after, atOnce)
			return part, len(part) == atOnce, err
		}, func(o *store.Owner) string { return o.ID })
		if err != nil {
			return err
		}
		rows, out := [][]string{{"ID", "OWNER", "TENANT", "SINCE", "AUTHOR"}}, []ownerJSON{}
		for i := range list {
			if o := &list[i]; *of == "" || o.Owner == *of {
				rows = append(rows, []string{o.ID, o.Owner, dash(o.Tenant), shown(o.At, "-"), o.Author})
				out = append(out, ownerOf(o))
			}
		}
		if e.json {
			return e.print(out)
		}
		return e.table(rows)
	})
}

func (e *entry) forgetOwner(args []string) error {
	e.answers()
	asked, err := e.parse(args, 2, 2)
	if err != nil {
		return err
	}
	if err := e.authored(); err != nil {
		return err
	}
	return e.with(func(ctx context.Context, f facts) error {
		err := f.Owners().Forget(ctx, asked[0], asked[1])
		switch {
		case errors.Is(err, store.ErrNotFound):
			return fmt.Errorf("nobody owns %s %s; gatehouse owners list %s shows what is owned", printable(asked[0]), printable(asked[1]), printable(asked[0]))
		case err != nil:
			return err
		case e.json:
			return e.print(map[string]string{"forgotten": asked[1]})
		}
		_, err = fmt.Fprintf(e.stdout, "%s %s belongs to nobody\n", printable(asked[0]), printable(asked[1]))
		return err
	})
}

// knownObject refuses a kind of object that the configuration does not have: nobody
// would ask for it.
func (e *entry) knownObject(kind string) error {
	if e.file == nil {
		return nil
	}
	known := ownedObjects(e.file)
	switch {
	case slices.Contains(known, kind):
		return nil
	case len(known) == 0:
		return fmt.Errorf("%s has no objects; write, in an API: objects: {order: {id: path.orderId, owner: owners}}", e.file.Path)
	}
	return fmt.Errorf("%s has no object %q; write one of: %s", e.file.Path, kind, strings.Join(known, ", "))
}

// ownedObjects are the objects of a configuration, as API/object.
func ownedObjects(f *config.File) (list []string) {
	for _, a := range f.APIs {
		for _, name := range a.Objects() {
			list = append(list, a.Name+"/"+name)
		}
	}
	return list
}

// ownerJSON is an entry as it is printed for programs.
type ownerJSON struct {
	Kind   string `json:"kind"`
	ID     string `json:"id"`
	Owner  string `json:"owner"`
	Tenant string `json:"tenant,omitempty"`
	Author string `json:"author"`
	At     string `json:"at"`
}

func ownerOf(o *store.Owner) ownerJSON {
	return ownerJSON{o.Kind, o.ID, o.Owner, o.Tenant, o.Author, shown(o.At, "")}
}
