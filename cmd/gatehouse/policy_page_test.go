package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// authz.policy-tests: what docs/authorization.md shows is what happens.
func TestThePageOfAuthorizationShowsWhatHappens(t *testing.T) {
	page, err := os.ReadFile("../../docs/authorization.md")
	if err != nil {
		t.Fatal(err)
	}
	description, err := os.ReadFile("../../gatehousetest/testdata/documents.openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	t.Setenv("GATEHOUSE_CONFIG", "")
	write := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("documents.openapi.yaml", string(description))
	files, commands := 0, 0
	for _, m := range regexp.MustCompile("(?s)```(\\w+) ?([^\\n]*)\\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if m[2] != "" {
			write(m[2], m[3])
			files++
		}
	}
	for _, m := range regexp.MustCompile("(?s)```console\\n\\$ gatehouse policy ([^\\n]*)\\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		out, errs, code := askPolicy(t, strings.Fields(m[1])...)
		if commands++; code != 0 || out != m[2] {
			t.Errorf("gatehouse policy %s: exit code %d\n%s%s", m[1], code, out, errs)
		}
	}
	if files != 4 || commands != 4 {
		t.Errorf("the page has %d files and %d commands", files, commands)
	}
}

// The example of the page and that of gatehousetest are one.
func TestThePageOfAuthorizationIsTheExampleOfGatehousetest(t *testing.T) {
	page, err := os.ReadFile("../../docs/authorization.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"gatehouse.yaml", "documents.fga", "policies/eu.cedar", "policies/documents.test.yaml"} {
		text, err := os.ReadFile("../../gatehousetest/testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(page), " "+name+"\n"+string(text)+"```") {
			t.Errorf("%s differs", name)
		}
	}
}
