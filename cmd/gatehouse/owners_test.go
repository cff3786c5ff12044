package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const catsDescription = `{"openapi":"3.1.0","info":{"title":"Cats","version":"1"},"paths":{"/cats/{catId}":{
	"parameters":[{"name":"catId","in":"path","required":true,"schema":{"type":"string","maxLength":36}}],
	"get":{"operationId":"getCat","responses":{"200":{"description":"a cat","content":{"application/json":{"schema":{"type":"object","required":["owner"],"properties":{"owner":{"type":"string"}}}}}}}}}}}`

// TestOwnersAreKeptByCommands calls every verb.
func TestOwnersAreKeptByCommands(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "gatehouse.yaml")
	list := filepath.Join(dir, "owners.csv")
	for name, text := range map[string]string{
		file: "environment: development\nstate: " + filepath.Join(dir, "state") + `
apis:
  cats:
    openapi: cats.json
    upstream: http://127.0.0.1:9000
    issuer: https://login.example.com
    audience: https://cats.example.com
    objects: {cat: {id: path.catId, owner: response.owner}}
`,
		filepath.Join(dir, "cats.json"):   catsDescription,
		list:                              "id,owner,tenant\n1,alice,t1\n\"2\",bob\n",
		filepath.Join(dir, "twice.csv"):   "1,alice\n1,bob\n",
		filepath.Join(dir, "empty.csv"):   "1,alice\n2,\n",
		filepath.Join(dir, "columns.csv"): "1,alice,t1,x\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	call := func(code int, wants string, args ...string) {
		t.Helper()
		var out, errs bytes.Buffer
		if got := run(append([]string{"owners", args[0], "--config", file}, args[1:]...), &out, &errs); got != code {
			t.Errorf("%q ended with %d: %s", args, got, errs.String())
		}
		if s := out.String() + errs.String(); !strings.Contains(s, wants) {
			t.Errorf("%q says %q; want %q", args, s, wants)
		}
	}
	who := []string{"--author", "ops@example.com"}
	call(0, "2 owners of cats/cat are imported", "import", "cats/cat", list, who[0], who[1])
	call(0, `"owner": "bob"`, "list", "cats/cat", "--json")
	for file, says := range map[string]string{"twice.csv": "line 2: the object of line 1 again; nothing was imported", "empty.csv": "line 2:", "columns.csv": "found 4 fields", "none.csv": "no such file"} {
		call(1, says, "import", "cats/cat", filepath.Join(dir, file), who[0], who[1])
	}
	call(1, "nobody answers for it", "import", "cats/cat", list)
	call(1, `has no object "cats/dog"; write one of: cats/cat`, "set", "cats/dog", "1", "alice", who[0], who[1])
	call(0, "cats/cat 2 belongs to carol", "set", "cats/cat", "2", "carol", "--tenant", "t2", who[0], who[1])
	call(0, "carol", "list", "cats/cat", "--of", "carol")
	call(0, "belongs to nobody", "forget", "cats/cat", "2", who[0], who[1])
	call(1, "nobody owns cats/cat 2", "forget", "cats/cat", "2", who[0], who[1])
	var out, errs bytes.Buffer
	if run([]string{"owners", "list", "--config", file, "cats/cat"}, &out, &errs); strings.Contains(out.String(), "carol") || !strings.Contains(out.String(), "alice") {
		t.Errorf("%s%s", out.String(), errs.String())
	}
}
