package config

import (
	"encoding"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// reader decodes trees into values and reports what does not fit.
type reader struct {
	*report
	dir     string // of the file: what relative paths start from
	now     time.Time
	waivers []Waived
	self    bool     // our own authorization server is configured
	files   []string // that controls read
}

// raw is a part of the file that is read later, when more is known.
type raw struct{ *yaml.Node }

var (
	typeRaw      = reflect.TypeFor[raw]()
	typeDuration = reflect.TypeFor[time.Duration]()
	typeWaiver   = reflect.TypeFor[gatehouse.Waiver]()
	typePrefix   = reflect.TypeFor[netip.Prefix]()
	typeFile     = reflect.TypeFor[gatehouse.File]()
	typeText     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// into decodes n into what v points to. Reflection ends here: nothing of it is
// left when the first request comes.
func (r *reader) into(n *yaml.Node, v any, key string) {
	r.value(n, reflect.ValueOf(v).Elem(), key)
}

func (r *reader) value(n *yaml.Node, v reflect.Value, key string) {
	t := v.Type()
	switch {
	case t == typeRaw:
		v.Set(reflect.ValueOf(raw{n}))
		return
	case n.Tag == "!!null":
		r.wrong(n, key, "nothing is written here", sample(t))
		return
	case t == typeWaiver:
		if w := r.waiver(n, key); w != nil {
			v.Set(reflect.ValueOf(*w))
		}
		return
	case t.Kind() == reflect.Pointer:
		p := reflect.New(t.Elem())
		r.value(n, p.Elem(), key)
		v.Set(p)
		return
	case n.Kind == yaml.ScalarNode && reflect.PointerTo(t).Implements(typeText):
		r.text(n, v, key)
		return
	}
	r.plainValue(n, v, key)
}

func (r *reader) plainValue(n *yaml.Node, v reflect.Value, key string) {
	switch v.Kind() {
	case reflect.Struct:
		if r.is(n, yaml.MappingNode, v, key) {
			r.structure(n, v, key)
		}
	case reflect.Map:
		if r.is(n, yaml.MappingNode, v, key) {
			r.mapping(n, v, key)
		}
	case reflect.Slice:
		if r.is(n, yaml.SequenceNode, v, key) {
			out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
			for i, c := range n.Content {
				r.value(c, out.Index(i), fmt.Sprintf("%s[%d]", key, i))
			}
			v.Set(out)
		}
	default:
		if r.is(n, yaml.ScalarNode, v, key) {
			r.scalar(n, v, key)
		}
	}
}

// text lets the type itself read a scalar.
func (r *reader) text(n *yaml.Node, v reflect.Value, key string) {
	err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(r.referred(n.Value)))
	if err == nil {
		return
	}
	if f, ok := errors.AsType[*gatehouse.Fault](err); ok {
		r.add(r.place(n.Line, n.Column), key, f.Says, f.Fix)
		return
	}
	says := err.Error()
	if v.Type() == typePrefix {
		says = "expected a network, found text"
	}
	r.wrong(n, key, says, sample(v.Type()))
}

func (r *reader) structure(n *yaml.Node, v reflect.Value, key string) {
	fields := map[string]reflect.Value{}
	known(v, fields)
	for k, val := range pairs(n) {
		f, ok := fields[k.Value]
		if !ok {
			r.unknown(k, val, key, fields)
			continue
		}
		r.value(val, f, join(key, k.Value))
	}
}

// known lists the keys of a struct: the fields with a yaml tag, those of
// embedded structs included.
func known(v reflect.Value, into map[string]reflect.Value) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			known(v.Field(i), into)
		case f.IsExported() && name != "" && name != "-":
			into[name] = v.Field(i)
		}
	}
}

func (r *reader) unknown(k, val *yaml.Node, key string, fields map[string]reflect.Value) {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	r.unknownKey(k, val, key, names)
}

// unknownKey refuses a key that nobody reads and names the nearest known one.
func (r *reader) unknownKey(k, val *yaml.Node, key string, names []string) {
	fix := "one of: " + strings.Join(names, ", ")
	if near := words.Nearest(k.Value, names); near != "" {
		r.meant[join(key, near)] = true
		fix = near + ":"
		if val.Kind == yaml.ScalarNode && !secretKey(near) {
			fix += " " + val.Value
		}
	} else if len(names) == 0 {
		fix = "nothing here: there is nothing to set"
	}
	r.add(r.place(k.Line, k.Column), key, fmt.Sprintf("unknown key %q", k.Value), fix)
}

func (r *reader) mapping(n *yaml.Node, v reflect.Value, key string) {
	t := v.Type()
	if t.Key().Kind() != reflect.String {
		r.wrong(n, key, "this build cannot read the keys of "+t.String(), "a report to the authors of this control")
		return
	}
	m := reflect.MakeMapWithSize(t, len(n.Content)/2)
	for k, val := range pairs(n) {
		e := reflect.New(t.Elem()).Elem()
		r.value(val, e, join(key, k.Value))
		name := reflect.New(t.Key()).Elem()
		if u, ok := name.Addr().Interface().(encoding.TextUnmarshaler); ok {
			if err := u.UnmarshalText([]byte(k.Value)); err != nil {
				r.add(r.place(k.Line, k.Column), key, err.Error(), "another name for "+k.Value)
				continue
			}
		} else {
			name.SetString(k.Value)
		}
		m.SetMapIndex(name, e)
	}
	v.Set(m)
}

// is reports whether n has the shape that v needs, and says so if not.
func (r *reader) is(n *yaml.Node, kind yaml.Kind, v reflect.Value, key string) bool {
	if n.Kind == kind {
		return true
	}
	r.wrong(n, key, "expected "+noun(v.Type())+", found "+found(n), sample(v.Type()))
	return false
}

func (r *reader) wrong(n *yaml.Node, key, says, fix string) {
	switch name := last(key); {
	case name == "" || strings.HasPrefix(fix, "a report"):
	case name == "-":
		fix = "- " + fix
	default:
		fix = name + ": " + fix
	}
	r.add(r.place(n.Line, n.Column), key, says, fix)
}

func (r *reader) scalar(n *yaml.Node, v reflect.Value, key string) {
	bad := func() {
		r.wrong(n, key, "expected "+noun(v.Type())+", found "+found(n), sample(v.Type()))
	}
	if v.Type() == typeDuration {
		d, err := duration(n.Value)
		if n.Tag != "!!str" || err != nil {
			bad()
			return
		}
		v.SetInt(int64(d))
		return
	}
	switch v.Kind() {
	case reflect.String:
		if n.Tag != "!!str" && n.Tag != "!!timestamp" {
			r.wrong(n, key, "expected text, found "+found(n), strconv.Quote(n.Value))
			return
		}
		if v.Type() == typeFile {
			v.SetString(beside(r.dir, n.Value))
			r.files = append(r.files, v.String())
			return
		}
		v.SetString(r.referred(n.Value))
	case reflect.Bool:
		if n.Value != "true" && n.Value != "false" || n.Tag != "!!bool" {
			bad()
			return
		}
		v.SetBool(n.Value == "true")
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		i, err := strconv.ParseInt(n.Value, 10, v.Type().Bits())
		if err != nil || n.Tag != "!!int" || !canonical(n.Value) {
			bad()
			return
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		i, err := strconv.ParseUint(n.Value, 10, v.Type().Bits())
		if err != nil || n.Tag != "!!int" || !canonical(n.Value) {
			bad()
			return
		}
		v.SetUint(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || n.Tag != "!!float" && n.Tag != "!!int" || f != f || f-f != 0 {
			bad()
			return
		}
		v.SetFloat(f)
	default:
		r.wrong(n, key, "this build cannot read a "+v.Type().String(), "a report to the authors of this control")
	}
}

// canonical refuses 010, 0x10, 1_000 and +1: numbers that people and parsers
// read in two ways.
func canonical(s string) bool {
	s = strings.TrimPrefix(s, "-")
	return s == "0" || s != "" && s[0] >= '1' && s[0] <= '9'
}

// duration reads "500ms", "5s", "10m", "1h30m", "24h" and "90d".
func duration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err != nil || n > 36500 || !canonical(days) {
			return 0, fmt.Errorf("config: %q is not a number of days", s)
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 || s == "0" {
		return 0, fmt.Errorf("config: %q is not a duration", s)
	}
	return d, nil
}
