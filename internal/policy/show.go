package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// Shown returns the policies that can speak of an object, or of a type or field of the
// GraphQL schema, generated ones and those
// written by hand, or of everything where object is ""; with the schema before them
// where it is asked for.
func (p *Policy) Shown(object string, schema bool) string {
	var b strings.Builder
	if schema {
		b.WriteString(p.Schema.Text + "\n")
	}
	file := ""
	for _, r := range p.set.Policies() {
		if object != "" && !p.speaks(r, object) {
			continue
		}
		if r.File != file {
			if b.Len() > 0 {
				b.WriteString("\n")
			}
			file = r.File
			if file == p.Generated.Name {
				fmt.Fprintf(&b, "// from the configuration\n")
			} else {
				fmt.Fprintf(&b, "// %s\n", printed(file))
			}
		}
		b.WriteString(Alone(r.Text) + "\n")
	}
	return b.String()
}

// speaks reports whether a policy can speak of an action on the object.
func (p *Policy) speaks(r *cedar.Policy, object string) bool {
	if slices.Contains(p.Fields(), object) && (slices.Contains(p.Field(object).rules.Policies(), r) ||
		slices.ContainsFunc(p.Demanded(object), func(name string) bool { return slices.Contains(p.named[name].rules.Policies(), r) })) {
		return true
	}
	for a := Read; a <= Create; a++ {
		if t := p.Template(object, a); t != nil && slices.Contains(t.rules.Policies(), r) {
			return true
		}
	}
	return false
}

// Alone returns a policy's text without the comments behind it, which are those of
// the next one.
func Alone(text string) string {
	text = strings.TrimSpace(text)
	for {
		i := strings.LastIndexByte(text, '\n')
		if i < 0 || !strings.HasPrefix(strings.TrimSpace(text[i:]), "//") {
			return text
		}
		text = strings.TrimSpace(text[:i])
	}
}
