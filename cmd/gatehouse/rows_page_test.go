//go:build unix

package main

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/pgtest"
)

// typed runs one command of a page, and returns what it prints.
func typed(t *testing.T, server *pgtest.Server, database, command string) string {
	t.Helper()
	words := strings.Fields(command)
	into := ""
	if n := len(words); n > 2 && words[n-2] == ">" {
		words, into = words[:n-2], words[n-1]
	}
	printed := ""
	switch n := len(words); {
	case words[0] == "psql" && n > 2 && words[n-2] == "<":
		script, err := os.ReadFile(words[n-1])
		if err != nil {
			t.Fatal(err)
		}
		printed = server.Run(t, database, string(script), words[1:n-2]...)
	case words[0] == "gatehouse" && words[1] == "policy":
		out, errs, _ := askPolicy(t, words[2:]...)
		printed = out + errs
	default:
		t.Fatalf("the page types %q", command)
	}
	if into == "" {
		return printed
	}
	if err := os.WriteFile(into, []byte(printed), 0o600); err != nil {
		t.Fatal(err)
	}
	return ""
}

// authz.data-layer authz.policy-tests: what docs/rows.md shows step by step, from the
// tests of policies to row-level security, is what happens.
func TestThePageOfRowsShowsWhatHappens(t *testing.T) {
	server := pgtest.Start(t)
	database := server.Database(t)
	page, err := os.ReadFile("../../docs/rows.md")
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	example, err := filepath.Abs("../../gatehousetest/testdata")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.CopyFS(".", os.DirFS(example)); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{"GATEHOUSE_CONFIG": "", "PGHOST": at.Query().Get("host"), "PGUSER": "postgres", "PGDATABASE": strings.TrimPrefix(at.Path, "/"), "PGSSLMODE": "disable"} {
		t.Setenv(name, value)
	}
	_, steps, _ := strings.Cut(string(page), "\n## From a policy to the database, step by step\n")
	steps, _, _ = strings.Cut(steps, "\n## ")
	commands := 0
	for _, m := range regexp.MustCompile("(?s)```(\\w+) ?([^\\n]*)\\n(.*?)```").FindAllStringSubmatch(steps, -1) {
		if m[2] != "" {
			if err := os.WriteFile(m[2], []byte(m[3]), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var shown strings.Builder
		for line := range strings.Lines(m[3]) {
			if command, ok := strings.CutPrefix(line, "$ "); ok {
				commands++
				shown.WriteString(line + typed(t, server, database, command))
			}
		}
		if shown.String() != m[3] {
			t.Errorf("the page differs from\n%s", shown.String())
		}
	}
	if commands != 7 {
		t.Errorf("the page types %d commands", commands)
	}
	predicate := regexp.MustCompile(`(?m)^  WHERE (.*)$`).FindStringSubmatch(typed(t, server, database, "gatehouse policy why carol list doc"))
	if predicate == nil || !strings.Contains(steps, " WHERE "+predicate[1]+";") {
		t.Errorf("the page shows another predicate than %q", predicate)
	}
}
