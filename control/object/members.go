package object

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

var notSettable = &gatehouse.Answer{Status: 403, Reason: "object.not_settable", Public: "You may not set this member"}

// member is a member of the object that not every role may see, or set.
type member struct {
	path  *jsonwalk.Path
	roles []string // who does not see it; who alone may set it
}

// members are those of one operation.
type members struct {
	*rule
	hidden, guarded []member
}

// membersOf compiles what roles may see and set.
func membersOf(o *policy.Object, b *gatehouse.Build, k string, r *rule) ([]gatehouse.Step, error) {
	if o.Fields == nil || b.Public != nil {
		return nil, nil
	}
	m := &members{rule: r}
	var err error
	if m.hidden, err = rolesBy(o.Fields.Read.Hide, k+".fields.read.hide"); err != nil {
		return nil, err
	}
	if m.guarded, err = rolesBy(o.Fields.Write, k+".fields.write"); err != nil {
		return nil, err
	}
	var steps []gatehouse.Step
	if len(m.guarded) > 0 && (r.action == policy.Create || r.action == policy.Update) {
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Authorize, Need: gatehouse.Body, Enforce: m.settable})
	}
	if len(m.hidden) > 0 && r.action != policy.Delete {
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Inspect, Need: gatehouse.ReplyBody, Last: true, Enforce: m.hide, Each: m.hideItem})
	}
	return steps, nil
}

// rolesBy turns members by role into roles by member.
func rolesBy(byRole map[string][]string, key string) (list []member, err error) {
	roles := map[string][]string{}
	for who, names := range byRole {
		role, ok := strings.CutPrefix(who, "role:")
		if !ok || role == "" {
			return nil, &gatehouse.Fault{Key: key + "." + who, Says: "members are seen and set by roles", Fix: "role:support"}
		}
		for _, name := range names {
			roles[name] = append(roles[name], role)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(roles)) {
		p, err := jsonwalk.CompilePath(name)
		if err != nil || name == "" || strings.HasSuffix(name, "]") {
			return nil, &gatehouse.Fault{Key: key, Says: fmt.Sprintf("%q is no member", name), Fix: "margin, or lines[*].cost"}
		}
		list = append(list, member{p, roles[name]})
	}
	return list, nil
}

// settable refuses a body with a member that the caller's roles may not set, whatever
// its value.
func (m *members) settable(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if !x.Request.HasBody {
		return gatehouse.Pass, nil
	}
	d, err := jsonwalk.Of(&x.Request.Parsed, x.Request.Body, limits)
	if err != nil || x.Request.BodyTooLarge {
		return gatehouse.Deny(notJudgeable), nil
	}
	for i := range m.guarded {
		g := &m.guarded[i]
		if x.Principal != nil && slices.ContainsFunc(g.roles, x.Principal.HasRole) {
			continue
		}
		if d.Kind(0) != jsonwalk.Array {
			if present(g.path, d, 0) {
				return gatehouse.Deny(notSettable), nil
			}
			continue
		}
		for c, end := 1, d.Next(0); c < end; c = d.Next(c) {
			if present(g.path, d, c) {
				return gatehouse.Deny(notSettable), nil
			}
		}
	}
	return gatehouse.Pass, nil
}

func present(p *jsonwalk.Path, d *jsonwalk.Doc, from int) bool {
	found := false
	p.Each(d, from, func(n int) bool {
		found = found || n != jsonwalk.Missing
		return true
	})
	return found
}

// hide cuts what the caller's roles do not see.
func (m *members) hide(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	res := &x.Response
	if !m.any(x) || res.Own || len(res.Body) == 0 {
		return gatehouse.Pass, nil
	}
	d, err := jsonwalk.Of(&res.Parsed, res.Body, limits)
	if err != nil || res.BodyTooLarge || res.Fields.Encoded() {
		return gatehouse.Deny(unverifiable).Because(notJSON), nil
	}
	cut := m.cutting()
	defer m.buffers.Put(cut)
	each := m.each
	if each == nil || res.Status >= 300 {
		m.gather(x, d, 0, cut)
	} else {
		each.Each(d, 0, func(n int) bool {
			if n != jsonwalk.Missing {
				m.gather(x, d, n, cut)
			}
			return true
		})
	}
	if len(cut.nodes) == 0 {
		return gatehouse.Pass, nil
	}
	slices.Sort(cut.nodes)
	cut.out = d.AppendWithout(cut.out[:0], slices.Compact(cut.nodes))
	res.Body = append(res.Body[:0], cut.out...)
	res.Changed()
	return hidden, nil
}

// hideItem is hide for an item of a sequence.
func (m *members) hideItem(_ context.Context, x *gatehouse.Exchange, item *gatehouse.Item) (gatehouse.Verdict, error) {
	if !m.any(x) || len(item.Data) == 0 {
		return gatehouse.Pass, nil
	}
	res := &x.Response
	if res.Parsed != nil {
		res.Parsed.Reset() // the item before stood in the same memory
	}
	d, err := jsonwalk.Of(&res.Parsed, item.Data, limits)
	if err != nil {
		return gatehouse.Deny(unverifiable).Because(notJSON), nil
	}
	cut := m.cutting()
	defer m.buffers.Put(cut)
	m.gather(x, d, 0, cut)
	slices.Sort(cut.nodes)
	if len(cut.nodes) > 0 {
		cut.out = d.AppendWithout(cut.out[:0], slices.Compact(cut.nodes))
		item.Data = append(item.Data[:0:len(item.Data)], cut.out...)
	}
	res.Parsed.Reset()
	return gatehouse.Pass, nil
}

// any reports whether anything is hidden from the caller.
func (m *members) any(x *gatehouse.Exchange) bool {
	for i := range m.hidden {
		if x.Principal == nil || slices.ContainsFunc(m.hidden[i].roles, x.Principal.HasRole) {
			return true
		}
	}
	return false
}

// gather notes what is hidden from the caller of the object at a node.
func (m *members) gather(x *gatehouse.Exchange, d *jsonwalk.Doc, from int, cut *cutting) {
	for i := range m.hidden {
		h := &m.hidden[i]
		if x.Principal != nil && !slices.ContainsFunc(h.roles, x.Principal.HasRole) {
			continue
		}
		h.path.Each(d, from, func(n int) bool {
			if n != jsonwalk.Missing && n != 0 {
				cut.nodes = append(cut.nodes, n)
			}
			return true
		})
	}
}
