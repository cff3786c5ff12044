package acceptance

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const conditional = `openapi: 3.1.0
info: {title: Conditions, version: "1"}
servers: [{url: https://api.example.com}]
paths:
  /v1/orders:
    get: {operationId: listOrders, responses: {"200": {description: ok, content: {application/json: {schema: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}, default: {description: else, content: {application/json: {schema: {type: object}}}}}}
    head: {operationId: headOrders, responses: {"200": {description: ok, content: {application/json: {}}}}}
  /v1/orders/{orderId}:
    parameters: [{name: orderId, in: path, required: true, schema: {type: string, maxLength: 64}}]
    get: {operationId: getOrder, responses: {"200": {$ref: "#/components/responses/Order"}, default: {description: else, content: {application/json: {schema: {type: object}}}}}}
    head: {operationId: headOrder, responses: {"200": {$ref: "#/components/responses/Order"}}}
    put: {operationId: putOrder, requestBody: {content: {application/json: {schema: {type: object, properties: {note: {type: string, maxLength: 99}}}}}}, responses: {"200": {$ref: "#/components/responses/Order"}}}
  /v1/orders/{orderId}/receipt:
    parameters: [{name: orderId, in: path, required: true, schema: {type: string, maxLength: 64}}]
    get: {operationId: getReceipt, responses: {2XX: {$ref: "#/components/responses/Order"}}}
    head: {operationId: headReceipt, responses: {2XX: {$ref: "#/components/responses/Order"}}}
  /v1/orders/{orderId}/scan:
    parameters: [{name: orderId, in: path, required: true, schema: {type: string, maxLength: 64}}]
    get: {operationId: getScan, responses: {2XX: {description: ok, content: {image/png: {}, multipart/byteranges: {}}}}}
    head: {operationId: headScan, responses: {2XX: {description: ok, content: {image/png: {}}}}}
  /v1/people/{personId}:
    parameters: [{name: personId, in: path, required: true, schema: {type: string, maxLength: 64}}]
    get: {operationId: getPerson, responses: {2XX: {$ref: "#/components/responses/Order"}}}
  /v1/people/{personId}/scan:
    parameters: [{name: personId, in: path, required: true, schema: {type: string, maxLength: 64}}]
    get: {operationId: getScanOf, responses: {2XX: {description: ok, content: {image/png: {}}}}}
components:
  responses:
    Order: {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
  schemas:
    Order: {type: object, required: [customer_id], properties: {id: {type: string}, customer_id: {type: string}, note: {type: string}, cost: {type: string, writeOnly: true}}}
`

// changed is when everything of the shelf was changed last.
var changed = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// shelf is an upstream that holds orders and does with conditions, ranges and HEAD all
// that HTTP lets it (RFC 9110 sections 9.3.2, 13 and 14).
type shelf map[string]string // owner by order

// text is an order, longer by far where it is another's.
func (s shelf) text(id string) string {
	return fmt.Sprintf(`{"id":%q,"customer_id":%q,"note":%q,"cost":"12.34"}`, id, s[id], strings.Repeat("x", 100*int(id[0]-'a')))
}

func (s shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, text := "application/json", ""
	path := strings.Replace(r.URL.Path, "/people/alice", "/orders/a", 1)
	id, rest, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(path, "/v1/orders"), "/"), "/")
	switch _, there := s[id]; {
	case id == "":
		var all []string
		for _, id := range slices.Sorted(maps.Keys(s)) {
			all = append(all, s.text(id))
		}
		w.Header().Set("X-Total-Count", strconv.Itoa(len(s)))
		text = "[" + strings.Join(all, ",") + "]"
	case !there:
		http.NotFound(w, r)
		return
	case rest == "scan":
		kind, text = "image/png", strings.Repeat(id, 1000*int(id[0]-'a'+1))
	default:
		text = s.text(id)
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("ETag", `"`+id+`1"`)
	http.ServeContent(w, r, "", changed, bytes.NewReader([]byte(text)))
}

// conditions are what a request may make its answer depend on.
var conditions = map[string]http.Header{
	"none":                        {},
	"If-None-Match":               {"If-None-Match": {`"b1"`}},
	"If-None-Match of any":        {"If-None-Match": {"*"}},
	"If-Match":                    {"If-Match": {`"b1"`}},
	"If-Match of another":         {"If-Match": {`"x"`}},
	"If-Match of any":             {"If-Match": {"*"}},
	"If-Modified-Since":           {"If-Modified-Since": {changed.Format(http.TimeFormat)}},
	"If-Unmodified-Since":         {"If-Unmodified-Since": {changed.Add(-time.Hour).Format(http.TimeFormat)}},
	"Range":                       {"Range": {"bytes=0-9"}},
	"Range of the last bytes":     {"Range": {"bytes=-5"}},
	"Range behind small ones":     {"Range": {"bytes=150-151"}},
	"Range that nothing reaches":  {"Range": {"bytes=90000-"}},
	"Range of several":            {"Range": {"bytes=0-1,5-9"}},
	"If-Range":                    {"If-Range": {`"b1"`}, "Range": {"bytes=0-9"}},
	"If-Range of another":         {"If-Range": {`"x"`}, "Range": {"bytes=0-9"}},
	"If-None-Match with If-Match": {"If-None-Match": {`"b1"`}, "If-Match": {`"b1"`}},
}

// TestConditionsAndRangesSayNothingOfOthersObjects asks for others' orders under every
// condition, by GET and HEAD, through every door: authz.object, authz.object-response,
// authz.existence. Whatever the condition, the answers about two others' orders are the
// same but for the request id, and where existence is hidden that about none is too.
func TestConditionsAndRangesSayNothingOfOthersObjects(t *testing.T) {
	s := shelf{"a": "alice", "b": "bob", "c": "carol"}
	compared := 0
	for _, hidden := range []bool{false, true} {
		h, ways := s.open(t, hidden)
		for _, w := range ways {
			for _, what := range []string{"", "/receipt", "/scan"} {
				for name, header := range conditions {
					for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut} {
						if method == http.MethodPut && what != "" {
							continue
						}
						theirs, other, none := w.shown(t, h, method, "orders/b"+what, header), w.shown(t, h, method, "orders/c"+what, header), w.shown(t, h, method, "orders/z"+what, header)
						about := fmt.Sprintf("%s: %s %s under %s, hidden: %v", w.name, method, what, name, hidden)
						if theirs != other || hidden && theirs != none {
							t.Errorf("%s: one of another's\n%s\nanother one\n%s\nand none\n%s", about, theirs, other, none)
						}
						if want := map[bool]string{false: "403", true: "404"}[hidden]; !strings.HasPrefix(theirs, want) {
							t.Errorf("%s: %s", about, theirs)
						}
						compared++
					}
				}
			}
			// A list holds others' orders: GET is refused, and HEAD says nothing of them.
			for name, header := range conditions {
				if r, body := w.send(t, h, http.MethodGet, "orders", header); r.StatusCode != 403 {
					t.Errorf("%s: a list under %s: %d %s", w.name, name, r.StatusCode, body)
				}
				r, _ := w.send(t, h, http.MethodHead, "orders", header)
				if r.StatusCode != 200 || r.ContentLength > 0 || r.Header.Get("Etag") != "" || r.Header.Get("Last-Modified") != "" || r.Header.Get("X-Total-Count") != "" || r.Header.Get("Content-Type") == "" {
					t.Errorf("%s: HEAD of a list under %s: %d, %d bytes, %v", w.name, name, r.StatusCode, r.ContentLength, r.Header)
				}
			}
		}
	}
	t.Logf("figure answers about others' objects under conditions, told apart 0/%d", compared)
}

// TestConditionsAndRangesOfOnesOwn shows what is left of them: a reply that must be
// looked at is asked for whole; where nothing has to be seen, conditions and ranges are
// HTTP's own, but no part of a JSON text leaves unseen (output.filter).
func TestConditionsAndRangesOfOnesOwn(t *testing.T) {
	s := shelf{"a": "alice", "b": "bob"}
	h, ways := s.open(t, false)
	whole := `{"id":"a","customer_id":"alice","note":""}`
	for _, w := range ways {
		for name, header := range conditions {
			for _, what := range []string{"orders/a", "orders/a/receipt"} {
				r, body := w.send(t, h, http.MethodGet, what, header)
				if r.StatusCode == 200 && body != whole || strings.Contains(body, "12.3") || strings.Contains(body, "4\"}") || r.StatusCode == 206 {
					t.Errorf("%s: GET %s under %s: %d %s", w.name, what, name, r.StatusCode, body)
				}
				if r.StatusCode != 200 || r.Header.Get("Content-Range") != "" {
					t.Errorf("%s: GET %s under %s: %d %v", w.name, what, name, r.StatusCode, r.Header)
				}
				r, body = w.send(t, h, http.MethodHead, what, header)
				if length := r.Header.Get("Content-Length"); body != "" || r.StatusCode == 200 && length != "" && length != fmt.Sprint(len(whole)) {
					t.Errorf("%s: HEAD %s under %s: %d, %s bytes are promised and GET sends %d", w.name, what, name, r.StatusCode, length, len(whole))
				}
			}
		}
		for name, want := range map[string]int{"none": 200, "Range": 206, "If-None-Match of any": 304, "If-Match": 412, "Range that nothing reaches": 416, "If-Range of another": 200} {
			if r, body := w.send(t, h, http.MethodGet, "people/alice/scan", conditions[name]); r.StatusCode != want || want == 206 && body != "aaaaaaaaaa" {
				t.Errorf("%s: a scan under %s: %d, %d bytes", w.name, name, r.StatusCode, len(body))
			}
		}
		for from := range 50 { // a member that nobody may read is within
			header := http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", from, from+9)}}
			if r, body := w.send(t, h, http.MethodGet, "people/alice", header); r.StatusCode != 502 || strings.Contains(body, "2.3") {
				t.Errorf("%s: bytes from %d: %d %s", w.name, from, r.StatusCode, body)
			}
		}
	}
}

// open opens a house in front of the shelf.
func (s shelf) open(t *testing.T, hidden bool) (*house, []watching) {
	t.Helper()
	up := httptest.NewServer(s)
	t.Cleanup(up.Close)
	api := "upstream: " + up.URL + "\n" + `issuer: ${ISSUER}
audience: https://api.example.com/orders
hosts: [api.example.com]
objects: {order: {id: path.orderId, owner: response.customer_id, allow: {owner: [read, update, list]}, list: {each: "response[*]"}}, person: {id: path.personId, owner: path.personId}}
controls:
  ` + wide + "\n"
	if hidden {
		api = strings.Replace(api, "allow:", "on_deny: 404, allow:", 1)
	}
	h := open(t, options{api: api, description: conditional})
	return h, h.ways(t, s)
}

// send asks for an order, or what is below it, as alice.
func (w *watching) send(t *testing.T, h *house, method, what string, header http.Header) (*http.Response, string) {
	t.Helper()
	var in io.Reader
	if method == http.MethodPut {
		in = strings.NewReader(`{"note":"mine"}`)
	}
	q, err := http.NewRequestWithContext(t.Context(), method, w.url+"/v1/"+what, in)
	if err != nil {
		t.Fatal(err)
	}
	q.Host, q.Header = hostName, header.Clone()
	q.Header.Set("Authorization", "Bearer "+h.alice())
	q.Header.Set("Accept-Encoding", "identity")
	if in != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	r, err := w.client.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, string(body)
}

// shown is what is seen of an answer, in one text.
func (w *watching) shown(t *testing.T, h *house, method, what string, header http.Header) string {
	t.Helper()
	r, body := w.send(t, h, method, what, header)
	var b strings.Builder
	fmt.Fprintf(&b, "%d, %d bytes are promised\n", r.StatusCode, r.ContentLength)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(r.Header[name], ", "))
	}
	return own.ReplaceAllString(b.String()+body, "$1 as ever")
}
