package openapi

import (
	"github.com/gatehouse-api/gatehouse/internal/events"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// sequence reads how the items of a media type that is a sequence are described:
//
//   - itemSchema (3.2) describes one item. For an event stream the item is the
//     event: what its member data says by contentSchema describes the JSON that an
//     event carries, and where data has none an event may carry text. An itemSchema
//     that says nothing about data describes that JSON itself.
//   - schema describes one item too; but one that takes arrays alone describes the
//     whole sequence (3.2), and its items are the items.
func (l *loader) sequence(t *MediaType, m at, in resource) error {
	framing := events.Of(t.Type)
	if framing == events.None {
		return nil
	}
	item := m.get("itemSchema")
	if !item.ok() {
		s := t.Schema // one that takes arrays alone is of the whole sequence
		if s != nil && s.Types() == TypeArray && s.Items() != nil {
			s = s.Items()
		}
		t.item(s, framing)
		return nil
	}
	if framing == events.Stream {
		found := carried{loader: l}
		if err := found.look(item, in, 16); err != nil {
			return err
		}
		if found.data {
			t.Item, t.Text = found.schema(), found.text
			return nil
		}
	}
	s, err := l.entry(item, in)
	if err == nil {
		t.item(s, framing)
	}
	return err
}

// item notes the schema of an item. In an event stream a string is the text of an
// event as it stands.
func (t *MediaType) item(s *Schema, framing events.Framing) {
	t.Text = s == nil || framing == events.Stream && s.Types()&^TypeString == 0
	if !t.Text {
		t.Item = s
	}
}

// carried collects what the events of a stream may carry.
type carried struct {
	*loader
	data    bool // the member data is described
	text    bool // in one way it is text
	schemas []*Schema
}

// look looks for the member data in a schema of events and in what it applies in
// place.
func (c *carried) look(a at, in resource, depth int) error {
	a, in, err := c.follow(a, in)
	if err != nil || depth == 0 {
		return err
	}
	if data := a.get("properties").get("data"); data.ok() {
		data, in, err := c.follow(data, in)
		if err != nil {
			return err
		}
		c.data = true
		if content := data.get("contentSchema"); content.ok() {
			s, err := c.entry(content, in)
			if err != nil {
				return err
			}
			c.schemas = append(c.schemas, s)
		} else {
			c.text = true
		}
	}
	for _, list := range [...]string{"allOf", "anyOf", "oneOf"} {
		if err := a.get(list).each(func(_ string, b at) error { return c.look(b, in, depth-1) }); err != nil {
			return err
		}
	}
	return nil
}

// schema returns the schema of the JSON that events carry, or nil.
func (c *carried) schema() *Schema {
	switch len(c.schemas) {
	case 0:
		return nil
	case 1:
		return c.schemas[0]
	}
	s := &Schema{shared: c.shared, types: AnyType, inPlace: &inPlace{anyOf: c.schemas}}
	c.compiled = append(c.compiled, s)
	return s
}

// Judge judges one item of a sequence and appends it to dst without what must be
// cut. It reports whether something was; when nothing was, dst is as it was. The
// violation is the first, as in [Schema.Filter], or has the keyword "json" where the
// item is no JSON although it must be. It does not allocate for items that are as
// described.
func (m *MediaType) Judge(dst, item []byte, d *jsonwalk.Doc, lim jsonwalk.Limits, o Options) (out []byte, cut bool, v Violation) {
	if m.Item == nil {
		return dst, false, Violation{}
	}
	if out, cut, ok := m.Item.Cut(dst, item, lim, o); ok {
		return out, cut, Violation{}
	}
	if err := d.Parse(item, lim); err != nil {
		if m.Text {
			return dst, false, Violation{}
		}
		return dst, false, Violation{Keyword: "json"}
	}
	out, n, v := m.Item.Filter(dst, d, o)
	return out, n > 0, v
}
