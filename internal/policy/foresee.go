package policy

import "github.com/gatehouse-api/gatehouse/internal/cedar"

// Denies reports whether the policies deny the caller whatever the object is like, so
// that nobody need ask for it. False says nothing. The object's facts are not looked at.
func (t *Template) Denies(f *Facts) bool {
	if t.typ == apiType || len(t.Relations) > 0 {
		return false
	}
	q := cedar.Request{Principal: f.Subject.entity.UID, Action: t.action}
	f.about(t)
	context, err := t.contextOf(f)
	if err != nil {
		return false
	}
	q.Context = context.Record
	k := f.Subject.knows(t)
	if k.context == context {
		return k.denies
	}
	k.context, k.denies = context, t.never(q, f)
	if !f.built && !t.scene.Needs("now") {
		f.Subject.learn(k)
	}
	return k.denies
}

// never reports whether the policies deny every object. One that no condition can say
// must be seen.
func (t *Template) never(q cedar.Request, f *Facts) bool {
	left, err := t.rules.Residual(q, f)
	if err != nil {
		return false
	}
	is, known := left.Expr().(cedar.Literal)
	return known && is == cedar.Literal{Value: cedar.Boolean(false)}
}
