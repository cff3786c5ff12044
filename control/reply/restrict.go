package reply

import (
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// restrict notes the members of replies that not everybody may see.
func (k *check) restrict() {
	for _, r := range k.op.Responses {
		for i := range r.Content {
			m := &r.Content[i]
			var list []openapi.Restriction
			for _, s := range [...]*openapi.Schema{m.Schema, m.Item} {
				if s != nil {
					list = append(list, s.Restricted(openapi.Reply)...)
				}
			}
			if len(list) == 0 {
				continue
			}
			if k.restricted == nil {
				k.restricted = map[*openapi.MediaType][]openapi.Restriction{}
			}
			k.restricted[m] = list
		}
	}
}

// hides reports, by the head, a reply in which something is for other roles and
// that nobody here knows how to read.
func (k *check) hides(x *gatehouse.Exchange, declared *openapi.Response) bool {
	contentType := x.Response.Fields.Get("content-type")
	m := declared.Represented(contentType)
	if contentType == "" && len(declared.Content) > 0 {
		m = &declared.Content[0]
	}
	if m == nil || declared.JSON(contentType) != nil || k.sequence(x) != nil && m.Item != nil {
		return false
	}
	return openapi.Denied(k.restricted[m], k.options(x).Roles)
}

// seen says which members of the endpoint's replies are for whom.
func seen(b *gatehouse.Build) (list []string) {
	if b == nil {
		return nil
	}
	op, ok := b.Operation.(*openapi.Operation)
	if !ok {
		return nil
	}
	k := &check{op: op}
	k.restrict()
	for _, r := range op.Responses {
		for i := range r.Content {
			for _, m := range k.restricted[&r.Content[i]] {
				says := m.Member + " is cut for everybody"
				if len(m.Roles) > 0 {
					says = m.Member + " is cut for everybody but " + strings.Join(m.Roles, " and ")
				}
				if !slices.Contains(list, says) {
					list = append(list, says)
				}
			}
		}
	}
	return list
}
