package cedar

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	cedargo "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/x/exp/ast"
	"github.com/cedar-policy/cedar-go/x/exp/schema/validate"
	exptypes "github.com/cedar-policy/cedar-go/x/exp/types"

	"github.com/gatehouse-api/gatehouse/internal/race"
)

// The corpus of Cedar's own fuzzing, with what the Rust implementation decided and
// what its validator said. It comes with the module; no package embeds it.
const corpusSets, corpusRequests = 7750, 62000

type corpusSet struct {
	Schema, Policies, Entities string
	Requests                   []struct {
		Description                 string
		Principal, Action, Resource EntityUID
		Context                     Record
		Decision                    cedargo.Decision
		Reason, Errors              []string
	}
}

// archive reads an archive that lies in the root of the module.
func archive(t testing.TB, name string) map[string][]byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/cedar-policy/cedar-go").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	b, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), name))
	if err != nil {
		t.Fatalf("the corpus is not in the module: %v", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// counts is what the run over the corpus saw.
type counts struct{ sets, requests, allows, failing, valid, invalid, indexed atomic.Int64 }

// TestCorpus runs all of the corpus through the index: decisions, reasons and
// errors are the Rust implementation's, the validator's verdict on every set is
// Rust's, and what Decide denies beyond Cedar (policies that err, facts that are not
// as the schema says) changes no decision of the corpus.
func TestCorpus(t *testing.T) {
	files, verdicts := archive(t, "corpus-tests.tar.gz"), archive(t, "corpus-tests-validation.tar.gz")
	var names []string
	for name := range files {
		if strings.HasSuffix(name, ".json") && !strings.HasSuffix(name, ".entities.json") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	sample := testing.Short() || race.Enabled
	if sample {
		names = names[:len(names)/20]
	}
	var n counts
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(names); i = int(next.Add(1)) - 1 {
				if err := corpusCase(files, verdicts, names[i], &n); err != nil {
					t.Errorf("%s: %v", names[i], err)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("figure: %d sets, %d requests, %d allowed, %d with errors, %d sets valid, %d requests had fewer rules than policies",
		n.sets.Load(), n.requests.Load(), n.allows.Load(), n.failing.Load(), n.valid.Load(), n.indexed.Load())
	if want := int64(corpusSets); !sample && n.sets.Load() != want {
		t.Errorf("%d sets, want %d", n.sets.Load(), want)
	}
	if want := int64(corpusRequests); !sample && (n.requests.Load() != want || n.allows.Load() != 36968 || n.failing.Load() != 3773) {
		t.Errorf("%d requests, %d allowed, %d with errors; want %d, 36968, 3773", n.requests.Load(), n.allows.Load(), n.failing.Load(), want)
	}
	if n.indexed.Load() == 0 || n.valid.Load() == 0 {
		t.Error("the index did nothing, or no set is valid")
	}
}

func corpusCase(files, verdicts map[string][]byte, name string, n *counts) error {
	var c corpusSet
	if err := json.Unmarshal(files[name], &c); err != nil {
		return err
	}
	schema, err := readSchema(Source{c.Schema, string(files[c.Schema])})
	if err != nil {
		return err
	}
	var given exptypes.EntityMap
	if err := given.UnmarshalJSONWithSchema(files[c.Entities], schema); err != nil {
		return err
	}
	sources := []Source{{c.Policies, string(files[c.Policies])}}
	s, wrong := assemble(schema, sources)
	if len(wrong) > 0 {
		return wrong
	}
	n.sets.Add(1)
	for _, p := range s.policies { // our reading for places has the shape of the library's
		if p.where == nil || len(p.where.conditions) != len(p.ast().Conditions) {
			return fmt.Errorf("no place for %s", p.Text)
		}
		for i, c := range p.ast().Conditions {
			if err := sameShape(c.Body, p.where.conditions[i]); err != nil {
				return fmt.Errorf("%s: %w", p.Text, err)
			}
		}
	}
	strict, err := readVerdict(verdicts["corpus-tests-validation/"+strings.TrimSuffix(filepath.Base(name), ".json")+".validation.json"])
	if err != nil {
		return err
	}
	var messages []string
	for _, p := range s.policies {
		messages = append(messages, said(validate.New(s.schema, validate.WithStrict()), p.ast())...)
	}
	if (len(messages) == 0) != strict {
		return fmt.Errorf("valid: %v, says %v", strict, messages)
	}
	if len(messages) == 0 {
		n.valid.Add(1)
	} else if n.invalid.Add(1)%20 == 0 { // their places are looked for, too, which takes its time
		if wrong := s.validate(sources); len(wrong) == 0 || wrong[0].Line == 0 || wrong[0].Policy == "" {
			return fmt.Errorf("%v is said to be %v", messages, wrong)
		}
	}
	number := map[string]string{} // theirs are numbered
	for i, p := range s.policies {
		number[p.ID] = "policy" + strconv.Itoa(i)
	}
	for _, r := range c.Requests {
		q := Request{Principal: r.Principal, Action: r.Action, Resource: r.Resource, Context: r.Context}
		rules := s.Rules(q.Action, q.Resource.Type)
		d := rules.evaluate(&q, EntityMap(given), nil)
		var reasons, errs []string
		for _, said := range d.said.Reasons {
			reasons = append(reasons, number[string(said.PolicyID)])
		}
		for _, said := range d.said.Errors {
			errs = append(errs, number[string(said.PolicyID)])
		}
		if d.Allowed != bool(r.Decision) || !sameNames(reasons, r.Reason) || !sameNames(errs, r.Errors) {
			return fmt.Errorf("%s: allowed %v, reasons %v, errors %v; want %v, %v, %v", r.Description, d.Allowed, reasons, errs, r.Decision, r.Reason, r.Errors)
		}
		if shipped := rules.Decide(q, EntityMap(given)); shipped.Allowed != d.Allowed {
			return fmt.Errorf("%s: Cedar allows: %v, the product: %w", r.Description, d.Allowed, shipped.Err())
		}
		n.requests.Add(1)
		if d.Allowed {
			n.allows.Add(1)
		}
		if len(errs) > 0 {
			n.failing.Add(1)
		}
		if len(s.Rules(q.Action, q.Resource.Type).policies) < len(s.policies) {
			n.indexed.Add(1)
		}
	}
	return nil
}

func sameShape(n ast.IsNode, s *span) error {
	kids := children(n)
	if len(kids) != len(s.kids) || s.start >= s.end || s.focus.start < s.start || s.focus.end > s.end {
		return fmt.Errorf("%T has %d parts, we read %d; %+v", n, len(kids), len(s.kids), s)
	}
	for i, k := range kids {
		if err := sameShape(k, s.kids[i]); err != nil {
			return err
		}
	}
	return nil
}

// readVerdict reads what Rust's strict validator said of a set.
func readVerdict(b []byte) (strict bool, err error) {
	var v struct{ PolicyValidation struct{ Strict *bool } }
	if err := json.Unmarshal(b, &v); err != nil {
		return false, err
	}
	if v.PolicyValidation.Strict == nil {
		return false, errors.New("the verdict cannot be read")
	}
	return *v.PolicyValidation.Strict, nil
}

func sameNames(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}
