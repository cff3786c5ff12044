// Package schema lets in what the API's description declares, and nothing else:
// path, query, header and cookie parameters, and JSON and form bodies.
//
// It defends from mass assignment, from values that no code was written for, and
// from requests that the gateway and the application behind it would read
// differently: duplicate names, names that differ in case only, two documents in
// one body. Members and parameters that are not declared are refused even where
// the description forgot to say so, and what it leaves without a bound gets one.
package schema

import "github.com/gatehouse-api/gatehouse"

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name: "schema",
	New: func() gatehouse.Control {
		return &Config{Undeclared: "reject", PaginationMax: paginationMax, OffsetMax: offsetMax, MaxString: maxString, MaxItems: maxItems, MaxParts: maxParts, MaxFile: maxFile}
	},
	Covers: []gatehouse.Requirement{
		"input.openapi", "input.type", "input.size", "input.format", "input.enum", "input.no-extra", "input.pagination", "input.json-strict", "input.content-type", "authz.property",
	},
}

// The bounds that need a waiver to be looser.
const (
	paginationMax = 100
	offsetMax     = 10_000
	maxString     = 10 << 10
	maxItems      = 1000
	maxParts      = 64
	maxFile       = 10 << 20
)

// Config is what an operator writes under "schema:".
type Config struct {
	// Undeclared says what becomes of body members that the description does not
	// declare: reject (default), or allow with a waiver.
	Undeclared string `yaml:"undeclared"`
	// PaginationMax bounds integers that ask for a number of results, such as limit
	// and per_page, in queries and bodies, and have no maximum of their own. Default
	// 100.
	PaginationMax int `yaml:"pagination_max"`
	// OffsetMax bounds integers that say from which result on. Default 10,000.
	OffsetMax int `yaml:"offset_max"`
	// MaxString bounds strings that have no maxLength of their own, in code points,
	// as maxLength does (JSON Schema Validation section 6.3.1). Default 10,240.
	MaxString int `yaml:"max_string"`
	// MaxItems bounds arrays that have no maxItems of their own. Default 1,000.
	MaxItems int `yaml:"max_items"`
	// MaxParts bounds the parts of multipart/form-data. Default 64.
	MaxParts int `yaml:"max_parts"`
	// MaxFile bounds each file of multipart/form-data, in bytes. Default 10,485,760,
	// within what the size control lets in as a body.
	MaxFile int `yaml:"max_file"`
	// Waiver is why a bound is looser than the default.
	Waiver *gatehouse.Waiver `yaml:"waiver"`
}

var _ gatehouse.Control = (*Config)(nil)
