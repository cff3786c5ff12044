package main

import (
	"strings"
	"testing"
	"time"

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
    WAIVED
`
	for name, c := range map[string]struct {
		required, fields, more, waived    string
		owner, admin, role, ended, lifted bool
	}{
		"nothing said":        {owner: true, admin: true},
		"all said":            {required: `,"required":["owner"]`, fields: `, fields: {write: {"role:admin": [is_admin]}}`},
		"everybody is staff":  {more: ", authenticated: [addStaff]", owner: true, admin: true, role: true},
		"a role for cats":     {more: ", fan: [getCat]", owner: true, admin: true, lifted: true},
		"a role for getting":  {more: ", fan: [\"get*\"]", owner: true, admin: true},
		"a reason is given":   {waived: `controls: {object: {settable: {updateCat.is_admin: {because: "cats rule", owner: me@example.com, until: ` + time.Now().AddDate(0, 1, 0).Format(time.DateOnly) + `}}}}`, owner: true},
		"a reason that ended": {waived: `controls: {object: {settable: {updateCat.is_admin: {because: "cats rule", owner: me@example.com, until: 2024-01-01}}}}`, ended: true},
	} {
		text := strings.NewReplacer("FIELDS", c.fields, "MORE", c.more, "WAIVED", c.waived).Replace(written)
		_, out := examinedAs(t, strings.Replace(described, "REQUIRED", c.required, 1), text)
		for says, want := range map[string]bool{
			"is_admin may be sent by every caller of updateCat": c.admin, "role may be sent by every caller of addStaff": c.role,
			"owner is not required in the reply of getCat": c.owner, "name may be sent": false, "the waiver ended on 2024-01-01": c.ended,
			"fan reaches objects of others, inside its tenant, by getCat": c.lifted,
		} {
			level := config.LevelError
			if strings.Contains(says, "required") || strings.Contains(says, "reaches") {
				level = config.LevelNote
			}
			found := strings.Contains(findings(out, level), says)
			if found != want {
				t.Errorf("%s: %q: %v, want %v\n%+v", name, says, found, want, out.Findings)
			}
		}
	}
}
