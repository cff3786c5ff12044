package graphql

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/vektah/gqlparser/v2/validator"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/store"
)

// check is what one endpoint that speaks GraphQL takes.
type check struct {
	max        *Config
	schema     *schema
	rules      []validator.Rule
	trusted    *trusted
	get        bool // requests stand in the query
	shadowCost bool
	acts       bool         // some fields do something to objects
	owners     store.Owners // nil where no rule needs the map
	readings   sync.Pool    // of *reading
	cache      cache

	policy    *policy.Policy // of the API, or nil
	operation string         // operationId
	spoken    bool           // policies decide on some objects
	learns    bool           // some mutations make objects whose owner is recorded
	log       *slog.Logger
}

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if c.Schema == "" {
		return nil, c.unused()
	}
	if b.Operation == nil || len(c.Operations) > 0 && !slices.Contains(c.Operations, b.Operation.ID()) {
		return nil, c.known(b)
	}
	errs := c.check(b)
	says, err := c.sayings(b)
	errs = append(errs, err)
	s, err := loadSchema(c.Schema)
	if errs = append(errs, err); s != nil && err == nil {
		errs = append(errs, s.accessible(filepath.Base(string(c.Schema)), says), s.own(c, b))
	}
	t, err := loadTrusted(c.Documents)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	k := &check{max: c, schema: s, rules: ruled(), trusted: t, get: b.Operation.Method() == "GET", policy: c.policy, operation: b.Operation.ID(), log: b.Log, shadowCost: c.CostMode == "shadow"}
	if err := errors.Join(k.vouched(), k.knowing(b)); err != nil {
		return nil, err
	}
	need := gatehouse.Body
	if k.get {
		need = gatehouse.Head
	}
	steps := []gatehouse.Step{
		{Control: Kind.Name, Stage: gatehouse.Validate, Need: need, Enforce: k.judge},
		{Control: Kind.Name, Stage: gatehouse.Authorize, Need: need, Enforce: k.authorize},
		{Control: Kind.Name, Stage: gatehouse.Forward, Need: need, Enforce: k.forward},
		{Control: Kind.Name, Stage: gatehouse.Inspect, Need: gatehouse.ReplyBody, Enforce: k.release},
		{Control: Kind.Name, Stage: gatehouse.Respond, Enforce: k.respond},
	}
	if k.acts {
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Authorize, Need: gatehouse.Object, Prepare: k.ask, Enforce: k.looked})
	}
	return steps, nil
}

// knowing finds what the rules for objects need.
func (k *check) knowing(b *gatehouse.Build) error {
	for _, t := range k.schema.types {
		for _, f := range t.fields {
			k.acts = k.acts || len(f.acts) > 0
		}
		k.spoken = k.spoken || t.rule != nil && t.rule.some()
		k.learns = k.learns || t.rule != nil && t.rule.learn
		if t.rule != nil && (t.rule.mapped || t.rule.learn) && k.owners == nil {
			o, err := gatehouse.Require[store.Owners](b.Kept)
			if err != nil {
				return &gatehouse.Fault{Key: "objects." + t.name + ".before", Says: "there is no map of owners to ask: " + err.Error(), Fix: "before: lookup"}
			}
			k.owners = o
		}
	}
	return nil
}

// unused refuses settings of a control that has nothing to do.
func (c *Config) unused() error {
	if len(c.Operations) > 0 || c.Documents != "" {
		return &gatehouse.Fault{Key: "schema", Says: "there is no schema to judge requests by", Fix: "schema: schema.graphql"}
	}
	return nil
}

// known refuses names of operations that are none.
func (c *Config) known(b *gatehouse.Build) error {
	for i, id := range c.Operations {
		if b.All != nil && !slices.ContainsFunc(b.All, func(op gatehouse.Operation) bool { return op.ID() == id }) {
			return &gatehouse.Fault{Key: fmt.Sprintf("operations[%d]", i), Says: fmt.Sprintf("there is no operation %q", id), Fix: "an operationId of the description"}
		}
	}
	return nil
}

// check refuses settings that cannot be, and those that are looser than required.
func (c *Config) check(b *gatehouse.Build) []error {
	errs := append(c.loosening(b), c.known(b))
	fault := func(key, says, fix string) {
		errs = append(errs, &gatehouse.Fault{Key: key, Says: says, Fix: fix})
	}
	if c.Batch < 0 || c.Batch > maxBatch {
		fault("batch", fmt.Sprintf("a batch is at most %d operations", maxBatch), fmt.Sprintf("batch: %d, or 0 for none", maxBatch))
	}
	if c.ListSize < 1 || c.ListSize > 10_000 {
		fault("list_size", "a list is taken to have 1 to 10000 elements", "list_size: 1")
	}
	if !speaks(b.Operation) {
		fault("operations", fmt.Sprintf("%s takes no GraphQL: that is posted as application/json, or stands in the query of a GET", b.Operation.ID()), "operations: [postGraphql], with those that take GraphQL")
	}
	return errs
}

// speaks reports whether an operation may take GraphQL over HTTP.
func speaks(op gatehouse.Operation) bool {
	described, ok := op.(*openapi.Operation)
	if !ok {
		return true
	}
	switch op.Method() {
	case "GET":
		return slices.ContainsFunc(described.Parameters, func(p *openapi.Parameter) bool { return p.In == "query" && p.Name == "query" })
	case "POST":
		return described.RequestBody != nil && openapi.Match(described.RequestBody.Content, "application/json") != nil
	}
	return false
}

// vouched judges the trusted documents: one that no request could use is found here.
func (k *check) vouched() error {
	if k.trusted == nil {
		return nil
	}
	texts := slices.SortedFunc(maps.Values(k.trusted.byHash), func(a, b *document) int {
		return len(a.text) - len(b.text)
	})
	for _, d := range texts {
		for _, name := range operationNames(d.text, k.max.Tokens) {
			if _, why := k.compile(d.text, name); why != nil {
				says := why.answer.Public
				if why.because != "" {
					says += " (" + why.because + ")"
				}
				return &gatehouse.Fault{Key: "documents", Says: fmt.Sprintf("the document that begins %.40q would be refused: %s", d.text, says), Fix: "a document within the limits that is valid for the schema"}
			}
		}
	}
	return nil
}
