package schema_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/control/schema"
)

// FuzzForms holds what is accepted of a form against net/url: the same names,
// each of the values that are no lists once.
func FuzzForms(f *testing.F) {
	list := formSteps(f, "form", nil)
	for _, body := range []string{
		"name=a+b&age=1&on=true", "ids[]=1&ids[]=2", "ids[0]=1&ids%5B1%5D=2", "address[city]=x&address[lines][]=1", "orders[0][sku]=a&orders[1][n]=1", "meta[a]=1",
		"csv=1,2,3", "deep[a][b]=1", "red=1&green=2", `document={"a":1}`, "literal[x]=1", "free=a%2Bb", "nothing[limit]=100&name=", "=", "&&", "name",
	} {
		f.Add(body)
	}
	lists := map[string]bool{"ids": true, "ids[]": true, "address[lines]": true, "address[lines][]": true, "orders": true}
	f.Fuzz(func(t *testing.T, body string) {
		if rule, _ := run(t, list, post("application/x-www-form-urlencoded", body)); rule != "" {
			return
		}
		values, err := url.ParseQuery(body)
		if err != nil {
			t.Fatalf("%q is taken here and refused there: %v", body, err)
		}
		for name, v := range values {
			if len(v) > 1 && !lists[name] {
				t.Errorf("%q: %q has %d values", body, name, len(v))
			}
			for _, one := range v {
				if strings.IndexByte(one, 0) >= 0 || strings.ToValidUTF8(one, "") != one {
					t.Errorf("%q: %q is %q", body, name, one)
				}
			}
		}
	})
}

// FuzzUploads looks for bodies that cannot be judged.
func FuzzUploads(f *testing.F) {
	list := formSteps(f, "upload", nil)
	f.Add(string(upload("name=\"title\"\n\nhello", "name=\"photo\"; filename=\"a.png\"\nContent-Type: image/png\nX-Kind: face\n\n"+png, "name=\"meta\"\n\n{\"a\":1}", "name=\"tags[]\"\n\na").Request.Body))
	f.Fuzz(func(t *testing.T, body string) {
		rule, detail := run(t, list, post("multipart/form-data; boundary=XbX", body))
		if rule == "" && !strings.Contains(body, "name=title") && !strings.Contains(body, `name="title"`) && !strings.Contains(strings.ToLower(body), "title") {
			t.Errorf("a form without its title is taken: %q (%s)", body, detail)
		}
	})
}

// FuzzQueries looks for queries that cannot be judged, and for parameters that
// come twice.
func FuzzQueries(f *testing.F) {
	list := steps(f, "get", schema.Kind.New())
	for _, q := range []string{"limit=5&q=x", "ids=1&ids=2&tags=a,b", "filter[min]=1&filter[name]=x", "lat=1.5&lon=2", "doc=%7B%22a%22:1%7D", "pipe=1%7C2", "mixed=9"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, query string) {
		for _, c := range []byte(query) {
			if c <= 0x20 || c >= 0x7F || c == ';' || c == '#' {
				return // refused by the wire
			}
		}
		if rule, _ := run(t, list, get(query)); rule != "" {
			return
		}
		values, err := url.ParseQuery(query)
		if err != nil {
			return // so do malformed escapes
		}
		for name, v := range values {
			if len(v) > 1 && name != "ids" && name != "" {
				t.Errorf("%q: %q has %d values", query, name, len(v))
			}
		}
	})
}
