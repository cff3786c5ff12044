package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const catsRelations = `model
  schema 1.1
type user
type household
  relations
    define member: [user]
type cat
  relations
    define home: [household]
    define banned: [user]
    define feeder: ([user] or member from home) but not banned
`

// authz.rebac: who has which relation to what is written, listed and asked for by
// commands, and every change says who made it and why.
func TestRelationsAreWrittenAndAskedForByCommands(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "gatehouse.yaml")
	for name, text := range map[string]string{
		file: "environment: development\nstate: " + filepath.Join(dir, "state") + `
apis:
  cats:
    openapi: cats.json
    upstream: http://127.0.0.1:9000
    issuer: https://login.example.com
    audience: https://cats.example.com
    relations: relations.fga
    objects: {cat: {id: path.catId, owner: response.owner}}
`,
		filepath.Join(dir, "cats.json"):     catsDescription,
		filepath.Join(dir, "relations.fga"): catsRelations,
		filepath.Join(dir, "tuples.txt"):    "# two\ncat:1#home@household:3\n\nhousehold:3#member@user:alice\n",
		filepath.Join(dir, "tuples.json"):   `[{"user": "user:bob", "relation": "member", "object": "household:3"}, {"user": "user:bob", "relation": "banned", "object": "cat:1"}]`,
		filepath.Join(dir, "typo.txt"):      "cat:1#home@household:4\ncat:1@home\n",
		filepath.Join(dir, "when.json"):     `[{"user": "user:bob", "relation": "member", "object": "household:3", "condition": {"name": "x"}}]`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	call := func(code int, wants string, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(append([]string{"relations", args[0], "--config", file}, args[1:]...), &out, &errs); got != code {
			t.Errorf("%q ended with %d: %s", args, got, errs.String())
		}
		if s := out.String() + errs.String(); !strings.Contains(s, wants) {
			t.Errorf("%q says %q; want %q", args, s, wants)
		}
	}
	because := []string{"--because", "moved in", "--author", "ops@example.com"}
	reasoned := func(args ...string) []string { return append(args, because...) }
	call(0, "2 tuples are imported, revision 1", reasoned("import", filepath.Join(dir, "tuples.txt"))...)
	call(0, "2 tuples are imported, revision 2", reasoned("import", filepath.Join(dir, "tuples.json"))...)
	call(1, "line 2:", reasoned("import", filepath.Join(dir, "typo.txt"))...)
	call(1, "tuple 1 has a condition: that is for a policy", reasoned("import", filepath.Join(dir, "when.json"))...)
	call(0, "cat:1#banned@user:bob\ncat:1#home@household:3\nhousehold:3#member@user:alice\nhousehold:3#member@user:bob\n", "list")
	call(0, "household:3#member@user:bob\n", "list", "--object", "household:3", "--subject", "user:bob", "--relation", "member")
	call(0, "yes", "check", "user:alice", "feeder", "cat:1")
	call(1, "no", "check", "user:bob", "feeder", "cat:1")
	call(0, `"held": false`, "check", "--json", "user:zoe", "feeder", "cat:1")
	call(0, "cat:1#feeder -> household:3#member -> user:alice\nnot cat:1#banned\n", "why", "user:alice", "feeder", "cat:1")
	call(0, "no way leads there at revision 2", "why", "user:bob", "feeder", "cat:1")
	call(0, "1 tuples are deleted", reasoned("delete", "cat:1#banned@user:bob")...)
	call(0, "yes", "check", "user:bob", "feeder", "cat:1")
	call(0, "1 tuples are written", reasoned("write", "cat:2#feeder@user:zoe")...)
	call(1, "cats: cat:1#owner@user:zoe: the type cat has no relation \"owner\"", reasoned("write", "cat:1#owner@user:zoe")...)
	call(1, "feeder of cat is for [user], not for user:*", reasoned("write", "cat:1#feeder@user:*")...)
	call(1, `is "feeder" meant?`, "check", "user:zoe", "feder", "cat:1")
	call(1, "nothing says why", "write", "cat:2#feeder@user:zoe")
	call(1, "the API dogs has no model of relations", "check", "user:zoe", "feeder", "cat:1", "--api", "dogs")
	call(2, "usage:", "check", "user:zoe")
	audit, err := os.ReadFile(filepath.Join(dir, "state", "operators.log"))
	if s := string(audit); err != nil || strings.Count(s, `"audit":"relations.write"`) != 4 || !strings.Contains(s, `"because":"moved in"`) || !strings.Contains(s, "cat:1#banned@user:bob") {
		t.Errorf("%v: %s", err, s)
	}
}
