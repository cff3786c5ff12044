package cedar

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what the errors say now into testdata/errors.txtar")

// TestErrorsSayWhereAndWhatToWrite is a book of mistakes: each file is a broken
// policy (or schema), followed by what is said to it.
func TestErrorsSayWhereAndWhatToWrite(t *testing.T) {
	const path = "testdata/errors.txtar"
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []txtar.File
	n := 0
	for _, f := range a.Files {
		if strings.HasSuffix(f.Name, " says") {
			continue
		}
		n++
		said := complain(f.Name, string(f.Data))
		out = append(out, f, txtar.File{Name: f.Name + " says", Data: []byte(said + "\n")})
		if said == "" {
			t.Errorf("%s is not refused", f.Name)
		}
		for _, line := range strings.Split(said, "\n") {
			if strings.Contains(line, "__cedar") || strings.HasPrefix(line, f.Name+":0") {
				t.Errorf("%s: %s", f.Name, line)
			}
		}
	}
	if n < 50 {
		t.Errorf("only %d mistakes", n)
	}
	got := txtar.Format(&txtar.Archive{Comment: a.Comment, Files: out})
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(string(txtar.Format(a)), string(got)); d != "" {
		t.Errorf("run with -update when this is right:\n%s", d)
	}
}

func complain(name, text string) string {
	schema, policies := ordersSchema, Source{name, text}
	if strings.HasSuffix(name, ".cedarschema") {
		schema, policies = policies, Source{"p.cedar", "permit(principal, action, resource);"}
	}
	_, err := New(schema, policies)
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestAnErrorIsFoundByErrorsAs(t *testing.T) {
	_, err := New(ordersSchema, Source{"p.cedar", "\n  @id(\"mine\")\npermit(principal, action, resource is Order) when { resource.ownr == principal };"})
	var all Errors
	var one *Error
	if !errors.As(err, &all) || !errors.As(err, &one) || len(all) != 1 {
		t.Fatal(err)
	}
	if one.Policy != "mine" || one.Line != 3 || one.Column != 62 || one.Width != 4 || one.Fix != "write permit(principal, action, resource is Order) when { resource.owner == principal };" {
		t.Errorf("%+v", one)
	}
}

// FuzzParse reads any text as policies and as a schema: nothing panics, and what is
// accepted can be asked.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`permit(principal, action, resource);`, `@id("a") forbid(principal is User in Role::"x", action in [Action::"order.read"], resource == Order::"1") when { context has rel.editor && -principal.level < 3 } unless { ["a"].contains(principal.region) };`,
		"permit(principal, action, resource) when { 'x' };", `entity A; action "b" appliesTo { principal: [A], resource: [A] };`, "/*", `"\u{1F600}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4096 {
			t.Skip()
		}
		layouts, bad := readLayout(text)
		s, err := New(ordersSchema, Source{"f.cedar", text})
		if err != nil {
			var all Errors
			if !errors.As(err, &all) || len(all) == 0 || all[0].Line < 1 || all[0].Column < 1 || all.Error() == "" {
				t.Fatalf("says nothing: %v", err)
			}
			if strings.HasPrefix(err.Error(), "f.cedar:1:1: parser error") && bad == nil {
				t.Logf("no place for %v", err)
			}
		} else {
			if bad != nil || len(layouts) != len(s.policies) {
				t.Fatalf("the library reads %d policies, we %d: %+v", len(s.policies), len(layouts), bad)
			}
			s.Decide(asks("order.read"), EntityMap{})
		}
		_, _ = New(Source{"f.cedarschema", text})
	})
}
