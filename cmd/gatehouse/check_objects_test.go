package main

import (
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/config"
)

// authz.property authz.object-response: check tells what the rules for objects leave
// open, and says nothing where they do not.
func TestCheckTellsWhatTheRulesForObjectsLeaveOpen(t *testing.T) {
	const described = `{"openapi":"3.1.0","info":{"title":"Cats","version":"1"},"paths":{
	"/cats/{catId}":{"parameters":[{"name":"catId","in":"path","required":true,"schema":{"type":"string","maxLength":9}}],
		"get":{"operationId":"getCat","responses":{"200":{"description":"a cat","content":{"application/json":{"schema":{"type":"object"REQUIRED,"properties":{"owner":{"type":"string"}}}}}}}},
		"patch":{"operationId":"updateCat","requestBody":{"content":{"application/json":{"schema":{"type":"object","properties":{"name":{"type":"string","maxLength":9},"is_admin":{"type":"boolean"}}}}}},"responses":{"200":{"description":"a cat"}}}},
	"/staff":{"post":{"operationId":"addStaff","requestBody":{"content":{"application/json":{"schema":{"type":"object","properties":{"role":{"type":"string","maxLength":9}}}}}},"responses":{"201":{"description":"somebody"}}}}}}`
	const written = `apis:
  cats:
    openapi: api.json
    upstream: http://127.0.0.1:9000
    audience: https://cats.example.com
    issuer: https://login.example.com
    objects: {cat: {id: path.catId, owner: response.owner FIELDS}}
    roles: {hr: [addStaff] MORE}
`
	for name, c := range map[string]struct {
		required, fields, more string
		owner, admin, role     bool
	}{
		"nothing said":       {owner: true, admin: true},
		"all said":           {required: `,"required":["owner"]`, fields: `, fields: {write: {"role:admin": [is_admin]}}`},
		"everybody is staff": {more: ", authenticated: [addStaff]", owner: true, admin: true, role: true},
	} {
		text := strings.NewReplacer("FIELDS", c.fields, "MORE", c.more).Replace(written)
		_, out := examinedAs(t, strings.Replace(described, "REQUIRED", c.required, 1), text)
		for says, want := range map[string]bool{
			"is_admin may be sent by every caller of updateCat": c.admin, "role may be sent by every caller of addStaff": c.role,
			"owner is not required in the reply of getCat": c.owner, "name may be sent": false,
		} {
			found := strings.Contains(findings(out, config.LevelWarning)+findings(out, config.LevelNote), says)
			if found != want {
				t.Errorf("%s: %q: %v, want %v\n%+v", name, says, found, want, out.Findings)
			}
		}
	}
}
