package policy

import "github.com/gatehouse-api/gatehouse/internal/cedar"

// Denies reports whether the policies deny the caller whatever the object is like, so
// that nobody need ask for it. False says nothing. The object's facts are not looked at.
func (t *Template) Denies(f *Facts) bool {
	if t.typ == apiType || len(t.Relations) > 0 {
		return false
	}
	q := cedar.Request{Principal: f.Subject.entity.UID, Action: t.action}
	f.template, f.built = t, false
	if t.context {
		context, err := t.contextOf(f)
		if err != nil {
			return false
		}
		q.Context = context
	}
	left, err := t.rules.Residual(q, f)
	if err != nil {
		return false // a policy that no condition can say: the object must be seen
	}
	is, known := left.Expr().(cedar.Literal)
	return known && is == cedar.Literal{Value: cedar.Boolean(false)}
}
