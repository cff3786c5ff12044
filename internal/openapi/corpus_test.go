package openapi_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

const corpus = "../../../shared/corpora/openapi/"

// Every description of the corpus loads with exactly its paths and operations
// (input.openapi), and Swagger 2.0 is refused by its name.
func TestEveryDescriptionOfTheCorpusLoads(t *testing.T) {
	for _, c := range []struct {
		file              string
		paths, operations int
	}{
		{"github.v3.json", 811, 1223},
		{"stripe.json", 419, 594},
		{"digitalocean.yaml", 445, 659},
		{"svix.json", 169, 252},
		{"vercel.json", 85, 113},
		{"prometheus-3.1.yaml", 36, 49},
		{"prometheus-3.2.yaml", 37, 50},
	} {
		t.Run(c.file, func(t *testing.T) {
			d, err := openapi.Load(need(t, c.file))
			if err != nil {
				t.Fatal(err)
			}
			if d.Paths != c.paths || len(d.Operations) != c.operations {
				t.Errorf("%d paths and %d operations, want %d and %d", d.Paths, len(d.Operations), c.paths, c.operations)
			}
			ids := map[string]bool{}
			for _, op := range d.Operations {
				if ids[op.ID()] {
					t.Errorf("%s twice", op.ID())
				}
				ids[op.ID()] = true
				if op.Place.Line == 0 {
					t.Errorf("%s has no place", op.ID())
				}
			}
		})
	}
	_, err := openapi.Load(need(t, "hydra-swagger-2.0.json"))
	if !errors.Is(err, openapi.ErrVersion) || !strings.Contains(err.Error(), "Swagger 2.0") {
		t.Errorf("hydra: %v, want a refusal that names Swagger 2.0", err)
	}
}

func need(t testing.TB, file string) string {
	t.Helper()
	if _, err := os.Stat(corpus + file); err != nil {
		t.Skip("corpora/openapi is missing")
	}
	return corpus + file
}

func TestGitHubKeepsPathsThatDifferOnlyInAParametersName(t *testing.T) {
	d, err := openapi.Load(need(t, "github.v3.json"))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"/orgs/{org}/attestations/{attestation_id}": "DELETE", "/orgs/{org}/attestations/{subject_digest}": "GET",
		"/users/{username}/attestations/{attestation_id}": "DELETE", "/users/{username}/attestations/{subject_digest}": "GET",
	}
	for _, op := range d.Operations {
		if want[op.Template()] == op.Method() {
			delete(want, op.Template())
		}
	}
	if len(want) > 0 {
		t.Errorf("lost: %v", want)
	}
	if op := d.Operation("repos/get"); op == nil || op.Template() != "/repos/{owner}/{repo}" {
		t.Error("repos/get: an id with a slash is lost")
	}
}

func TestGitHubLoadsWithinItsBudget(t *testing.T) {
	file := need(t, "github.v3.json")
	before := cpu(t)
	d, err := openapi.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	took := cpu(t) - before
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	t.Logf("figure GitHub loaded and compiled: %v/2s of CPU, %d MB from the system, %d/100 MB kept", took, m.Sys>>20, m.HeapAlloc>>20)
	if took > 2*time.Second {
		t.Errorf("%v of CPU, limit 2 s", took)
	}
	if m.HeapAlloc > 100<<20 {
		t.Errorf("%d MB stay on the heap: the tree was not dropped", m.HeapAlloc>>20)
	}
	runtime.KeepAlive(d)
}

func cpu(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
