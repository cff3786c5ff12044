// Package bundle is what an application behind the gateway is given of its API's
// authorization, in one file: the schema, the policies, and where its tables keep
// what they speak of.
//
// It defends from an application that decides by other rules than its gateway. The
// policies are the very texts, they are validated again when they are read, and what
// a decision is made from, the caller and the context, is built here for both.
package bundle

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// Format is the version of the form that is written and read.
const Format = 1

// Bundle is an API's authorization.
type Bundle struct {
	Format   int                `json:"format"`
	API      string             `json:"api"`
	Zone     string             `json:"time_zone"` // of context.local
	Schema   Source             `json:"schema"`
	Policies []Source           `json:"policies"`
	Objects  map[string]*Object `json:"objects"` // by name, as "order"

	set  *cedar.Set
	zone *time.Location
}

// Source is one text and what it is called.
type Source struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

// Object is one kind of object.
type Object struct {
	Type       cedar.EntityType    `json:"type"`            // as policies call it: "Order"
	Operations map[string][]string `json:"operations"`      // operationIds by action
	Relations  []string            `json:"relations"`       // that the context has of it
	Table      *Table              `json:"table,omitempty"` // nil where the application has not said
}

// Table is where an application keeps the objects. Columns are written "name" or
// "name type", the type being text, integer, boolean or uuid where it is not the
// attribute's own.
type Table struct {
	Name    string            `json:"name"`
	ID      string            `json:"id"`
	Tenant  string            `json:"tenant,omitempty"`
	Owner   string            `json:"owner,omitempty"`
	Columns map[string]string `json:"columns,omitempty"` // by attribute, where it is called otherwise
}

// Read reads a bundle and compiles its policies.
func Read(text []byte) (*Bundle, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	b := &Bundle{}
	if err := d.Decode(b); err != nil {
		return nil, fmt.Errorf("bundle: reading: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("bundle: reading: there is something behind it")
	}
	if b.Format != Format {
		return nil, fmt.Errorf("bundle: it is of format %d, and %d is read here; write it anew: gatehouse policy export", b.Format, Format)
	}
	return b, b.compile()
}

func (b *Bundle) compile() error {
	var err error
	if b.zone, err = time.LoadLocation(b.Zone); err != nil || b.Zone == "Local" { // the machine's own is no part of a policy
		return fmt.Errorf("bundle: there is no time zone %q here (is tzdata installed?): %w", b.Zone, err)
	}
	sources := make([]cedar.Source, len(b.Policies))
	for i, s := range b.Policies {
		sources[i] = cedar.Source(s)
	}
	if b.set, err = cedar.New(cedar.Source(b.Schema), sources...); err != nil {
		return fmt.Errorf("bundle: %w", err)
	}
	return nil
}

// Text is the bundle as it is written into a file.
func (b *Bundle) Text() ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(b); err != nil {
		return nil, fmt.Errorf("bundle: writing: %w", err)
	}
	return out.Bytes(), nil
}

// Set returns the compiled policies of a bundle that was read.
func (b *Bundle) Set() *cedar.Set { return b.set }

// Location returns the time zone of a bundle that was read.
func (b *Bundle) Location() *time.Location { return b.zone }
