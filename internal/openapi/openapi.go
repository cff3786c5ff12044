// Package openapi reads descriptions of APIs, OpenAPI 3.0, 3.1 and 3.2, and
// judges parameters and bodies by them.
//
// It defends from whatever the description did not foresee: it is the list of
// what may come in and what may go out. So a description that cannot be read
// exactly does not load: duplicate keys, references over the network, Swagger
// 2.0 and keywords that would be silently ignored are refused or reported with
// their place. Reading never opens the network.
//
// A description is read into a compact tree, its schemas are compiled once each,
// however often they are referred to, and the tree is dropped. A compiled
// [Schema] judges in two ways that come to the same verdict, neither of which
// allocates. [Schema.Accepts] and [Schema.Cut] run a program over the bytes of a
// body, once, with all branches of the schema at the same time: they say yes or
// no. [Schema.Validate] and [Schema.Filter] judge a jsonwalk document and find
// the place and the keyword; they explain what a program refused, and judge
// parameters and the rare schema that is too large for a program.
package openapi

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Place is where something is written: the file, the line from 1, and the JSON
// pointer (RFC 6901).
type Place struct {
	File    string
	Line    int
	Pointer string
}

// String returns "file:line: pointer".
func (p Place) String() string {
	return p.File + ":" + strconv.Itoa(p.Line) + ": #" + p.Pointer
}

// Error is a reason why a description does not load.
type Error struct {
	Place Place
	Says  string
}

// Error returns the place and the reason on one line.
func (e *Error) Error() string { return e.Place.String() + ": " + e.Says }

// The reasons that callers tell apart.
var (
	// ErrVersion is wrapped when the description is of a version that is not read.
	ErrVersion = errors.New("openapi: version not supported")
	// ErrNetwork is wrapped when the description refers to something over the network.
	ErrNetwork = errors.New("openapi: references over the network are never fetched")
)

// Finding is something that loads but deserves a look.
type Finding struct {
	Place   Place
	Says    string
	Library bool // only a library can judge the schema there: see LoadOptions
}

// String returns the place and the finding on one line.
func (f Finding) String() string { return f.Place.String() + ": " + f.Says }

// Document is one description.
type Document struct {
	Version         string // "3.0.3"
	Title           string
	Servers         []string
	Paths           int // path templates, in the description's own counting
	Operations      []*Operation
	SecuritySchemes []SecurityScheme
	Findings        []Finding
	Roles           Roles // that rules for members name
}

// Operation returns the operation of that id, or nil.
func (d *Document) Operation(id string) *Operation {
	for _, op := range d.Operations {
		if op.id == id {
			return op
		}
	}
	return nil
}

// SecurityScheme is a way to authenticate that the description declares.
type SecurityScheme struct {
	Name   string // key under components.securitySchemes
	Type   string // "http", "apiKey", "oauth2", "openIdConnect" or "mutualTLS"
	Scheme string // for http: "bearer", "basic"
	In     string // for apiKey: "header", "query" or "cookie"
	Key    string // for apiKey: the name of the field, parameter or cookie
}

// Requirement is one alternative of an operation's security: all of its schemes
// are demanded. One without schemes makes authentication optional.
type Requirement []SchemeScopes

// SchemeScopes is a security scheme and the scopes that it must grant.
type SchemeScopes struct {
	Scheme string
	Scopes []string
}

// Extension is an x- member, as JSON.
type Extension struct{ Name, JSON string }

// Operation is one method of one path. It implements gatehouse.Operation.
type Operation struct {
	id, method, template string

	Tags        []string
	Summary     string
	Deprecated  bool
	Parameters  []*Parameter
	RequestBody *RequestBody // nil when none is declared
	Responses   []*Response
	Security    []Requirement // alternatives; empty means the description asks for none
	Extensions  []Extension
	Roles       Roles // of the description's rules for members
	Place       Place
}

// ID returns the operationId, or "METHOD /template" when there is none.
func (o *Operation) ID() string { return o.id }

// Method returns the method in upper case.
func (o *Operation) Method() string { return o.method }

// Template returns the path template, "/v1/orders/{orderId}".
func (o *Operation) Template() string { return o.template }

// Response returns what is declared for a status: the status itself before its
// range (2XX) before "default", or nil when nothing is.
func (o *Operation) Response(status int) *Response {
	var ranged, other *Response
	for _, r := range o.Responses {
		switch {
		case r.code == status:
			return r
		case r.code == 0:
			other = r
		case r.code < 10 && r.code == status/100:
			ranged = r
		}
	}
	if ranged != nil {
		return ranged
	}
	return other
}

// Extension returns the JSON of an x- member, or "".
func (o *Operation) Extension(name string) string {
	for _, e := range o.Extensions {
		if e.Name == name {
			return e.JSON
		}
	}
	return ""
}

// Parameter is a declared parameter.
type Parameter struct {
	Name       string // as sent; for In "header" in lower case
	In         string // "path", "query", "header" or "cookie"
	Style      string // "simple", "label", "matrix", "form", "spaceDelimited", "pipeDelimited", "deepObject"
	Explode    bool
	Required   bool
	Deprecated bool
	Reserved   bool    // allowReserved: the value may hold reserved characters as they are
	Empty      bool    // allowEmptyValue: in a query it may have no value
	JSON       bool    // the value is a JSON document (content: application/json)
	Schema     *Schema // nil when the description gives none
	Place      Place
}

// RequestBody is a declared request body.
type RequestBody struct {
	Required bool
	Content  []MediaType
}

// Response is what is declared for a status.
type Response struct {
	Status  string // "200", "2XX" or "default"
	Content []MediaType
	Headers []string // lower-case names
	code    int      // 200, 2 for 2XX, 0 for default
}

// MediaType is one declared representation.
type MediaType struct {
	Type   string  // lower case, without parameters; may hold a range, "image/*"
	Schema *Schema // nil when the description gives none
	// Item is the schema of the JSON that each item of a sequence carries, for media
	// types of sequences; nil when the description gives none.
	Item *Schema
	// Text reports that an item may carry text that is no JSON.
	Text bool
	// Encoding says how members of forms are written; for multipart/form-data and
	// application/x-www-form-urlencoded.
	Encoding []Encoding
}

// Match returns the representation declared for a media type, which must be in
// lower case and without parameters: the type itself before "type/*" before
// "*/*". It returns nil when there is none.
func Match(content []MediaType, mediaType string) *MediaType {
	var found *MediaType
	rank := 0
	for i := range content {
		m := &content[i]
		r := 0
		switch {
		case m.Type == mediaType:
			return m
		case mediaType == "":
		case m.Type == "*/*":
			r = 1
		case strings.HasSuffix(m.Type, "/*") && len(mediaType) >= len(m.Type) && strings.HasPrefix(mediaType, m.Type[:len(m.Type)-1]):
			r = 2
		}
		if r > rank {
			found, rank = m, r
		}
	}
	return found
}

func statusCode(s string) (int, error) {
	if s == "default" {
		return 0, nil
	}
	if len(s) == 3 && s[0] >= '1' && s[0] <= '5' {
		if s[1:] == "XX" || s[1:] == "xx" {
			return int(s[0] - '0'), nil
		}
		if n, err := strconv.Atoi(s); err == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%q is no status: write 200, 2XX or default", s)
}
