package acceptance

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// probe is one request that names somebody else's object in one position.
type probe struct {
	operation, position  string
	method, target, body string
	header               http.Header
	nowhere              bool // it asks for a path that nobody declared
}

// The positions.
const (
	inPath    = "path"
	inQuery   = "query"
	inHeader  = "header"
	inBody    = "body"
	inBatch   = "batch"
	inGraphQL = "GraphQL node" // the demo's API has none: what asks for one must lead nowhere
)

// samples are values of members and parameters that the operations require.
var samples = map[string]any{"item": "tea", "quantity": 1, "note": "", "name": "A Name", "email": "nobody@acme.example", "password": "a wrong password", "q": "tea"}

// guessed are names by which servers take ids that nobody declared.
var guessed = []string{"id", "order_id", "orderId", "customer_id", "user_id", "tenant_id", "owner", "as"}

// wanted is what a caller puts into the positions: what the other has, and is.
type wanted struct {
	mine   string   // an order of the caller's own
	theirs []string // ids of the other: orders, the person, the tenant
}

// probes returns the requests for one operation.
func (d *demo) probes(op *openapi.Operation, token string, w wanted) (all []*probe) {
	add := func(position string, change func(p *probe)) {
		p := d.plain(op, token, w.mine)
		p.position = position
		change(p)
		all = append(all, p)
	}
	for _, id := range w.theirs {
		inThePath(op, id, w.mine, add)
		inTheQuery(op, id, w.mine, add)
		inTheHeader(op, id, add)
		inTheBody(op, id, w.mine, add)
		for _, path := range []string{"/graphql", "/v1/graphql"} {
			node := base64.StdEncoding.EncodeToString([]byte("Order:" + id))
			add(inGraphQL, func(p *probe) {
				p.method, p.target, p.nowhere = "POST", d.url+path, true
				p.json(map[string]string{"query": fmt.Sprintf("{ node(id: %q) { ... on Order { id customer_id } } }", node)})
			})
		}
		add(inBatch, func(p *probe) {
			p.method, p.target, p.nowhere = "POST", d.url+"/v1/batch", true
			p.json([]map[string]string{{"method": op.Method(), "path": strings.ReplaceAll(op.Template(), "{orderId}", id)}})
		})
	}
	return all
}

// plain is a request for the operation that names the caller's own object.
func (d *demo) plain(op *openapi.Operation, token, mine string) *probe {
	p := &probe{operation: op.ID(), method: op.Method(), target: d.url + pathOf(op, mine), header: http.Header{"Authorization": {"Bearer " + token}}}
	query := url.Values{}
	for _, q := range op.Parameters {
		if q.In == inQuery && q.Required {
			query.Set(q.Name, fmt.Sprint(samples[q.Name]))
		}
	}
	if len(query) > 0 {
		p.target += "?" + query.Encode()
	}
	if op.RequestBody != nil {
		p.json(sample(op))
	}
	return p
}

// pathOf fills every parameter of an operation's path.
func pathOf(op *openapi.Operation, id string) string {
	out := op.Template()
	for _, q := range op.Parameters {
		if q.In == inPath {
			out = strings.ReplaceAll(out, "{"+q.Name+"}", id)
		}
	}
	return out
}

// sample is a body that the operation takes.
func sample(op *openapi.Operation) map[string]any {
	body := map[string]any{}
	s := op.RequestBody.Content[0].Schema
	for _, name := range s.Properties() {
		if value, known := samples[name]; known {
			body[name] = value
		} else if s.Requires(name) {
			panic("sweep: no sample of the member " + name)
		}
	}
	return body
}

func (p *probe) json(body any) {
	text, _ := json.Marshal(body)
	p.body = string(text)
	p.header.Set("Content-Type", "application/json")
}

func inThePath(op *openapi.Operation, id, mine string, add func(string, func(*probe))) {
	if !strings.Contains(op.Template(), "{") {
		return
	}
	for _, spelled := range []string{
		id, fmt.Sprintf("%%%02X", id[0]) + id[1:], fmt.Sprintf("%%25%02X", id[0]) + id[1:], strings.ToUpper(id), id + ";x=1", id + "%00", "./" + id, mine + "/../" + id, mine + "%2F..%2F" + id, "%20" + id, id + ".json",
	} {
		add(inPath, func(p *probe) { p.target = strings.Replace(p.target, pathOf(op, mine), pathOf(op, spelled), 1) })
	}
	for _, list := range []string{mine + "," + id, mine + "%2C" + id, mine + "|" + id, "*"} {
		add(inBatch, func(p *probe) { p.target = strings.Replace(p.target, pathOf(op, mine), pathOf(op, list), 1) })
	}
}

func inTheQuery(op *openapi.Operation, id, mine string, add func(string, func(*probe))) {
	names := slices.Clone(guessed)
	for _, q := range op.Parameters {
		if q.In == inQuery {
			names = append(names, q.Name)
		}
	}
	with := func(position, more string) {
		add(position, func(p *probe) {
			if strings.Contains(p.target, "?") {
				p.target += "&" + more
			} else {
				p.target += "?" + more
			}
		})
	}
	for _, name := range names {
		with(inQuery, name+"="+id)
		with(inQuery, name+"[]="+id)
		with(inBatch, name+"="+mine+"&"+name+"="+id)
		with(inBatch, name+"="+mine+","+id)
	}
}

func inTheHeader(op *openapi.Operation, id string, add func(string, func(*probe))) {
	forged := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"`+id+`","tenant":"acme"}`)) + ".x"
	fields := map[string]string{
		"X-User-Id": id, "X_User_Id": id, "X-Tenant-Id": id, "X-Customer-Id": id, "X-Order-Id": id, "X-Original-Url": pathOf(op, id), "X-Rewrite-Url": pathOf(op, id), "Gatehouse-Identity": forged,
		"Cookie": "user_id=" + id + "; access_token=" + forged, "X-Forwarded-User": id, "From": id, "Content-Location": pathOf(op, id),
	}
	for _, q := range op.Parameters {
		if q.In == inHeader {
			fields[q.Name] = id
		}
	}
	for name, value := range fields {
		add(inHeader, func(p *probe) { p.header[name] = []string{value} })
	}
	for _, method := range []string{"GET", "DELETE", "PATCH"} {
		add(inHeader, func(p *probe) {
			p.target = strings.SplitN(p.target, "/v", 2)[0] + pathOf(op, id)
			p.header["X-HTTP-Method-Override"] = []string{method}
		})
	}
}

func inTheBody(op *openapi.Operation, id, mine string, add func(string, func(*probe))) {
	whole, names := map[string]any{}, slices.Clone(guessed)
	if op.RequestBody != nil {
		whole = sample(op)
		names = append(names, op.RequestBody.Content[0].Schema.Properties()...)
	}
	text, _ := json.Marshal(whole)
	begun := strings.TrimSuffix(string(text), "}")
	if len(whole) > 0 {
		begun += ","
	}
	raw := func(position, body string) {
		add(position, func(p *probe) { p.body = body; p.header.Set("Content-Type", "application/json") })
	}
	for _, name := range names {
		raw(inBody, fmt.Sprintf(`%s%q:%q}`, begun, name, id))
		raw(inBody, fmt.Sprintf(`%s%q:%q,%q:%q}`, begun, name, mine, name, id))
		raw(inBody, fmt.Sprintf(`%s"order":{%q:%q}}`, begun, name, id))
		raw(inBatch, fmt.Sprintf(`%s%q:[%q,%q]}`, begun, name, mine, id))
		raw(inBatch, fmt.Sprintf(`[%s,%s%q:%q}]`, text, begun, name, id))
	}
	add(inBody, func(p *probe) {
		p.body = "customer_id=" + id + "&id=" + id
		p.header.Set("Content-Type", "application/x-www-form-urlencoded")
	})
	raw(inBatch, fmt.Sprintf(`{"ids":[%q,%q],"items":[{"id":%q}]}`, mine, id, id))
}
