package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const descriptions = "../../../shared/corpora/openapi"

// drafted runs init for a description and check for the result.
func drafted(t *testing.T, description string, args ...string) (path string, result checkJSON, took time.Duration) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "gatehouse.yaml")
	var stdout, stderr bytes.Buffer
	if code := runInit(append([]string{description, "-o", path}, args...), &stdout, &stderr); code != 0 {
		t.Fatalf("init: %d: %s", code, &stderr)
	}
	stdout.Reset()
	start := time.Now()
	code := runCheck([]string{"--config", path, "--json"}, &stdout, &stderr)
	took = time.Since(start)
	if code != 0 {
		t.Errorf("check: %d: %.2000s", code, &stdout)
	}
	if err := json.Unmarshal(stdout.Bytes(), &result); err != nil {
		t.Fatal(err)
	}
	return path, result, took
}

func TestWhatInitWritesPassesCheckForEveryDescription(t *testing.T) {
	if _, err := os.Stat(descriptions); err != nil {
		t.Skip("the corpus of descriptions is missing: " + descriptions)
	}
	cases := map[string]int{
		"github.v3.json": 1223, "stripe.json": 594, "digitalocean.yaml": 659, "svix.json": 252,
		"vercel.json": 113, "prometheus-3.1.yaml": 49, "prometheus-3.2.yaml": 50,
	}
	for name, operations := range cases {
		t.Run(name, func(t *testing.T) {
			_, result, took := drafted(t, filepath.Join(descriptions, name))
			if result.Endpoints != operations {
				t.Errorf("%d endpoints, want %d", result.Endpoints, operations)
			}
			if took > 5*time.Second && !race.Enabled {
				t.Errorf("the check took %s", took)
			}
		})
	}
	if files, err := filepath.Glob(descriptions + "/*"); err != nil || len(files) != len(cases)+1 {
		t.Errorf("%d descriptions in the corpus, %v; %d are tested", len(files), err, len(cases)+1)
	}
	var stderr bytes.Buffer
	out := filepath.Join(t.TempDir(), "gatehouse.yaml")
	if code := runInit([]string{filepath.Join(descriptions, "hydra-swagger-2.0.json"), "-o", out}, &bytes.Buffer{}, &stderr); code != 1 || !strings.Contains(stderr.String(), "Swagger 2.0") {
		t.Errorf("Swagger 2.0: %d: %s", code, &stderr)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a configuration was written for a description that is not read")
	}
}

// describe writes a description and returns its path.
func describe(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "api.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInitTakesTheFlagsAndNeverOverwrites(t *testing.T) {
	description := describe(t, `{"openapi":"3.1.0","info":{"title":"The Cats API","version":"1"},"paths":{
		"/cats":{"get":{"operationId":"listCats","tags":["cats"],"responses":{"200":{"description":"cats"}}}},
		"/health":{"get":{"operationId":"health","responses":{"200":{"description":"up"}}}}}}`)
	path, _, _ := drafted(t, description, "--upstream", "https://cats.internal:8443/base", "--issuer", "https://id.example.org", "--audience", "urn:cats")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"  cats:\n", "upstream: https://cats.internal:8443/base\n", "issuer: https://id.example.org ", "audience: \"urn:cats\"", "#   health: {because:"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	var stderr bytes.Buffer
	if code := runInit([]string{"-o", path, description}, &bytes.Buffer{}, &stderr); code != 1 || !strings.Contains(stderr.String(), "already") {
		t.Errorf("a second init: %d: %s", code, &stderr)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(text, after) {
		t.Error("the file was overwritten")
	}
	if code := runInit(nil, &bytes.Buffer{}, &stderr); code != 2 {
		t.Errorf("without a description: %d", code)
	}
}

// What our own authorization server needs is written with it, and an author is an
// owner where the replies give an id and no object.
func TestInitWritesWhatOurOwnAuthorizationServerNeedsAndFindsAuthors(t *testing.T) {
	description := describe(t, `{"openapi":"3.1.0","info":{"title":"Notes","version":"1"},"paths":{
		"/notes/{noteId}":{"parameters":[{"name":"noteId","in":"path","required":true,"schema":{"type":"string"}}],"get":{"operationId":"getNote","responses":{"200":{"description":"a note","content":{"application/json":{"schema":{"type":"object","required":["id","author_id"],"properties":{"id":{"type":"string"},"author_id":{"type":"string"}}}}}}}}},
		"/songs/{songId}":{"parameters":[{"name":"songId","in":"path","required":true,"schema":{"type":"string"}}],"get":{"operationId":"getSong","responses":{"200":{"description":"a song","content":{"application/json":{"schema":{"type":"object","properties":{"author_id":{"type":"object"}}}}}}}}}}}`)
	path, result, _ := drafted(t, description, "--issuer", "self")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "note: {id: path.noteId, owner: response.author_id}") || strings.Contains(string(text), "song:") {
		t.Errorf("guessed otherwise:\n%s", text)
	}
	if len(result.Findings) != 0 && result.Findings[0].Level == "error" || !strings.Contains(string(text), "idp:\n  issuer: https://login.example.com") {
		t.Errorf("%v:\n%s", result.Findings, text)
	}
}

// R47: nothing in a description becomes configuration.
func TestADescriptionCannotWriteConfiguration(t *testing.T) {
	evil := `x\", because: y}\n  evil: {openapi: a}\n\u2028# `
	description := describe(t, `{"openapi":"3.1.0","info":{"title":"a: b\n- c","version":"1"},"servers":[{"url":"http://127.0.0.1:9000/x}\n"}],"paths":{
		"/a":{"get":{"operationId":"`+evil+`","tags":["`+evil+`"],"responses":{"200":{"description":"a"}}}},
		"/b":{"get":{"operationId":"yes","responses":{"200":{"description":"a"}}}},
		"/health":{"get":{"operationId":"h`+evil+`","responses":{"200":{"description":"a"}}}}}}`)
	path := filepath.Join(t.TempDir(), "gatehouse.yaml")
	runInit([]string{description, "-o", path}, &bytes.Buffer{}, &bytes.Buffer{})
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "evil:") {
			t.Errorf("a line of the description's own:\n%s", text)
		}
	}
	if strings.ContainsAny(string(text), "\u2028\r\t") {
		t.Errorf("hidden characters:\n%q", text)
	}
}

// authz.object: what has an owner is left to its owner, and no role that init
// writes reaches the objects of others.
func TestInitGuessesOwnersAndGrantsNoRoleAWayAroundThem(t *testing.T) {
	doc, err := openapi.Load("../../config/testdata/orders.openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d := draft{doc: doc, owned: map[string]bool{}}
	d.guessObjects()
	d.guessRoles()
	want := []guess{{name: "order", param: "orderId", owner: "customer_id", tenant: "tenant_id"}}
	if !slices.Equal(d.objects, want) || len(d.unowned) != 0 {
		t.Errorf("objects: %+v, unowned: %v", d.objects, d.unowned)
	}
	for _, id := range []string{"getOrder", "deleteOrder", "listOrders", "createOrder"} {
		if !d.owned[id] {
			t.Errorf("%s is not the owner's", id)
		}
	}
	if !slices.Equal(d.user, []string{"tag:status"}) {
		t.Errorf("user: %v", d.user)
	}
}

func TestInitLetsObjectsWithoutAnOwnerBeReadAndNotWritten(t *testing.T) {
	doc, err := openapi.Load(describe(t, `{"openapi":"3.1.0","info":{"title":"Things","version":"1"},"paths":{
		"/things":{"get":{"operationId":"listThings","tags":["things"],"responses":{"200":{"description":"things"}}}},
		"/things/{id}":{"get":{"operationId":"getThing","tags":["things"],"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],"responses":{"200":{"description":"a thing"}}},
			"delete":{"operationId":"deleteThing","tags":["things"],"parameters":[{"name":"id","in":"path","required":true,"schema":{"type":"string"}}],"responses":{"204":{"description":"gone"}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	d := draft{doc: doc, owned: map[string]bool{}}
	d.guessObjects()
	d.guessRoles()
	if !slices.Equal(d.unowned, []string{"getThing", "deleteThing"}) || !slices.Equal(d.closed, []string{"deleteThing"}) || !slices.Equal(d.user, []string{"listThings", "getThing"}) {
		t.Errorf("unowned %v, closed %v, user %v", d.unowned, d.closed, d.user)
	}
}
