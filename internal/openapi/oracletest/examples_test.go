package oracletest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// examples returns the examples of a media type and of its schema.
func (d *description) examples(m object) (out []any) {
	add := func(v any, there bool) {
		if there {
			out = append(out, v)
		}
	}
	v, ok := m["example"]
	add(v, ok)
	list, _ := m["examples"].(object)
	for _, e := range list {
		v, ok := d.follow(e)["value"]
		add(v, ok)
	}
	s := d.follow(m["schema"])
	v, ok = s["example"]
	add(v, ok)
	more, _ := s["examples"].([]any)
	return append(out, more...)
}

// ofMembers calls f for the schemas of members and elements that hold examples,
// with the product's and the plain form of each.
func (d *description) ofMembers(s *openapi.Schema, raw any, depth int, seen map[*openapi.Schema]bool, f func(*openapi.Schema, object)) {
	if s == nil || depth > 6 || seen[s] {
		return
	}
	seen[s] = true
	m := d.follow(raw)
	if items := m["items"]; items != nil {
		f(s.Items(), object{"schema": items})
		d.ofMembers(s.Items(), items, depth+1, seen, f)
	}
	properties, _ := m["properties"].(object)
	for _, name := range sortedKeys(properties) {
		if p := s.Property(name); p != nil {
			f(p, object{"schema": properties[name]})
			d.ofMembers(p, properties[name], depth+1, seen, f)
		}
	}
}

// Every example of a description that the judge accepts is accepted by us, in
// the direction that it goes: as a request or as a reply.
func TestExamplesThatTheJudgeAcceptsAreAccepted(t *testing.T) {
	for _, c := range descriptions {
		t.Run(c.file, func(t *testing.T) {
			if race.Enabled && c.bodies > 200 {
				t.Skip("too slow under the race detector")
			}
			d := read(t, c.file)
			n := tally{}
			seen := map[*openapi.Schema]bool{}
			members := func(name string, m *openapi.MediaType, raw object, way openapi.Direction) {
				d.ofMembers(m.Schema, raw["schema"], 0, seen, func(s *openapi.Schema, raw object) {
					d.exemplary(t, n, name, &openapi.MediaType{Type: m.Type, Schema: s}, raw, way)
				})
			}
			for _, op := range d.doc.Operations {
				_, of := d.operation(op)
				if op.RequestBody != nil {
					for _, m := range op.RequestBody.Content {
						raw := d.media(d.follow(of["requestBody"])["content"], m.Type)
						d.exemplary(t, n, op.ID(), &m, raw, openapi.Request)
						members(op.ID(), &m, raw, openapi.Request)
					}
				}
				responses, _ := of["responses"].(object)
				for _, r := range op.Responses {
					for _, m := range r.Content {
						name, raw := fmt.Sprint(op.ID(), " ", r.Status), d.media(d.follow(responses[r.Status])["content"], m.Type)
						d.exemplary(t, n, name, &m, raw, openapi.Reply)
						members(name, &m, raw, openapi.Reply)
					}
				}
			}
			t.Logf("figure %s:%v", c.file, n)
			if n["accepted"] != c.examples {
				t.Errorf("%d examples were accepted, want %d", n["accepted"], c.examples)
			}
		})
	}
}

func (d *description) exemplary(t *testing.T, n tally, name string, m *openapi.MediaType, raw object, way openapi.Direction) {
	examples := d.examples(raw)
	if m.Schema == nil || len(examples) == 0 {
		return
	}
	judge, _, err := d.judged[way].compile(raw["schema"])
	if err != nil {
		t.Errorf("%s: the judge: %v", name, err)
		return
	}
	var doc jsonwalk.Doc
	for _, e := range examples {
		n["examples"]++
		body, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		why, _ := ours(t, m.Schema, &doc, body, openapi.Options{Direction: way, Undeclared: openapi.Allow})
		switch valid := judge.Validate(e) == nil; {
		case valid && why != "":
			t.Errorf("%s: the judge accepts, we refuse with %s: %.300s", name, why, body)
		case !valid && why == "":
			t.Errorf("%s: the judge refuses, we accept: %.300s", name, body)
		case valid:
			n["accepted"]++
			if way == openapi.Request {
				if why, _ := ours(t, m.Schema, &doc, body, openapi.Options{}); why != "" {
					n["requests accepted but for undeclared members"]++
				}
			}
		default:
			n["refused by both"]++
		}
	}
}
