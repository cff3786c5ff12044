package learn_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/learn"
)

// ops.learn: an archive as browsers save it, of several hosts.
func TestAnArchiveIsReadAsItIsSaved(t *testing.T) {
	file, err := os.Open("testdata/browser.har")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	origins := map[string]int{}
	var list []learn.Exchange
	if err := learn.ReadArchive(file, func(origin string, x *learn.Exchange) error {
		if origins[origin]++; origin == "https://api.example.com" {
			list = append(list, *x)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(origins) != "map[https://api.example.com:9 https://cdn.example.com:1]" {
		t.Errorf("origins: %v", origins)
	}
	text, api := learned(t, list)
	for _, want := range []string{"/v1/pets/{petId}:", "operationId: listPets", "operationId: createPet", "operationId: getPet", "operationId: login", "application/x-www-form-urlencoded:", "multipart/form-data:", "bearer:", "name: limit"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for _, no := range []string{"app.js", "OPTIONS", "options:", "rex@", "hunter2", ":authority"} {
		if strings.Contains(text, no) {
			t.Errorf("%q is in\n%s", no, text)
		}
	}
	passed := 0
	for i := range list {
		if rule := api.refuses(t, &list[i]); rule == "" {
			passed++
		} else if list[i].Method != "OPTIONS" && !strings.HasSuffix(list[i].Target, ".js") && list[i].Status > 0 {
			t.Errorf("%s %s: %s", list[i].Method, list[i].Target, rule)
		}
	}
	if passed != 6 {
		t.Errorf("%d of %d exchanges pass", passed, len(list))
	}
}

func TestWhatIsWrongWithAnArchiveIsSaidWithItsPlace(t *testing.T) {
	entry := `{"request":{"method":"GET","url":"https://a.example/x"},"response":{"status":200,"content":{}}}`
	for text, want := range map[string]string{
		``:                        `1:1: this is no HTTP Archive: it begins with {"log": {`,
		`[]`:                      `1:1: this is no HTTP Archive: it begins with {"log": {`,
		`openapi: 3.1.0`:          `1:1: this is not JSON: `,
		`{"a":1}`:                 `1:7: this is no HTTP Archive`,
		`{"log":{"version":"1"}}`: `1:22: log.entries is missing`,
		`{"log":{"entries":{}}}`:  `1:18: log.entries is a list`,
		"{\"log\":{\"x\":[1,\n 2, tru],\"entries\":[]}}":                                         "2:8: this is not JSON: invalid character ']'",
		"{\"log\":{\"entries\":[\n" + entry + ",\n  {\"request\": }]}}":                          "3:15: after entry 1: not JSON: invalid character '}'",
		"{\"log\":{\"entries\":[\n" + entry + ",\n  {\"request\"":                                "3:3: after entry 1: not JSON: the file ends in the middle",
		"{\"log\":{\"entries\":[\n" + entry + ",\n  {\"response\":{}}]}}":                        "3:3: entry 2: request is missing",
		"{\"log\":{\"entries\":[\n" + strings.Replace(entry, `"GET"`, `7`, 1) + "]}}":            "2:", // and entry 1: request.method
		"{\"log\":{\"entries\":[" + strings.Replace(entry, `https://a.example/x`, ``, 1) + "]}}": "1:20: entry 1: request.url is missing",
		"{\"log\":{\"entries\":[" + entry:                                                        "1:", // ends in the middle
	} {
		n := 0
		err := learn.ReadArchive(strings.NewReader(text), func(string, *learn.Exchange) error { n++; return nil })
		wrong, ok := errors.AsType[*learn.ArchiveError](err)
		if !ok || !strings.HasPrefix(wrong.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	stop := errors.New("stop")
	if err := learn.ReadArchive(strings.NewReader(`{"log":{"entries":[`+entry+`,`+entry+`]}}`), func(string, *learn.Exchange) error { return stop }); err != stop {
		t.Errorf("an error of the reader's: %v", err)
	}
}

func FuzzReadArchive(f *testing.F) {
	f.Add([]byte(`{"log":{"entries":[{"request":{"method":"GET","url":"https://a.example/x?y=1"},"response":{"status":200,"content":{"mimeType":"application/json","text":"{}"}}}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := learn.New()
		if err != nil {
			t.Fatal(err)
		}
		_ = learn.ReadArchive(strings.NewReader(string(data)), func(_ string, x *learn.Exchange) error { l.Observe(x); return nil })
		d, err := l.Describe(learn.Options{})
		if err != nil {
			t.Fatal(err)
		}
		opened(t, d.YAML)
	})
}
