package acceptance

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/all"
)

var update = flag.Bool("update", false, "write the generated pages anew")

// TestThePageOfControlsIsFresh derives docs/controls.md from the catalogue: the
// kinds, what they cover and promise, and the keys with their defaults.
func TestThePageOfControlsIsFresh(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Controls\n\nWritten from the catalogue by `go test ./acceptance -run TestThePageOfControls -update`; do not edit.\n\n" +
		"Every block takes `mode: enforce` or `shadow`, `off: {because, owner, until}` where the control can be switched off, and\n" +
		"`on_error: {open: {because, owner, until}}`. What follows are the keys of each control's own block, with their defaults.\n")
	for _, k := range all.Kinds {
		fmt.Fprintf(&b, "\n## %s\n\nCovers", k.Name)
		for i, c := range k.Covers {
			fmt.Fprintf(&b, "%s `%s`", map[bool]string{true: ",", false: ""}[i > 0], c)
		}
		b.WriteString(".")
		if k.Mandatory {
			b.WriteString(" Cannot be switched off.")
		}
		if k.Mode == gatehouse.Shadow {
			b.WriteString(" In shadow until `mode: enforce` is written.")
		}
		b.WriteString("\n")
		c := k.New()
		var s gatehouse.Sheet
		c.Explain(&s)
		if len(s.Facts) > 0 {
			b.WriteString("\nWith nothing configured:\n\n")
		}
		for _, f := range s.Facts {
			fmt.Fprintf(&b, "- %s (`%s`)\n", f.Says, f.Covers)
		}
		if rows := keys(reflect.ValueOf(c).Elem(), ""); len(rows) > 0 {
			b.WriteString("\n| key | type | default |\n|---|---|---|\n" + strings.Join(rows, ""))
		}
	}
	const page = "../docs/controls.md"
	if *update {
		if err := os.WriteFile(page, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Error("docs/controls.md is stale: go test ./acceptance -run TestThePageOfControls -update")
	}
}

// keys lists the configuration keys of a struct, nested ones with dots.
func keys(v reflect.Value, prefix string) (rows []string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if !f.IsExported() || name == "" || name == "-" {
			continue
		}
		fv := v.Field(i)
		if f.Type.Kind() == reflect.Struct && !reflect.PointerTo(f.Type).Implements(textual) && f.Type != reflect.TypeFor[time.Time]() {
			rows = append(rows, keys(fv, prefix+name+".")...)
			continue
		}
		rows = append(rows, fmt.Sprintf("| `%s%s` | %s | %s |\n", prefix, name, typeName(f.Type), defaultOf(fv)))
	}
	return rows
}

var textual = reflect.TypeFor[interface{ UnmarshalText([]byte) error }]()

func typeName(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[*gatehouse.Waiver]():
		return "waiver"
	case t == reflect.TypeFor[time.Duration]():
		return "duration"
	case reflect.PointerTo(t).Implements(textual):
		return strings.ToLower(t.Name())
	}
	switch t.Kind() {
	case reflect.Slice:
		return "list of " + typeName(t.Elem())
	case reflect.Map:
		return "map of " + typeName(t.Elem())
	case reflect.Pointer:
		return typeName(t.Elem())
	case reflect.Struct:
		return "block"
	case reflect.String:
		return "text"
	case reflect.Int, reflect.Int64:
		return "number"
	}
	return t.Kind().String()
}

func defaultOf(v reflect.Value) string {
	switch {
	case v.IsZero(), v.Kind() == reflect.Pointer:
		return ""
	case v.Kind() == reflect.Map && v.Len() == 0, v.Kind() == reflect.Slice && v.Len() == 0:
		return ""
	}
	if m, ok := v.Interface().(interface{ MarshalText() ([]byte, error) }); ok {
		if b, err := m.MarshalText(); err == nil {
			return "`" + string(b) + "`"
		}
	}
	return fmt.Sprintf("`%v`", v.Interface())
}
