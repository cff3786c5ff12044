package gatehouse

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAWrittenFieldIsOneLineUntilItChanges(t *testing.T) {
	f := Written("vary", "Origin")
	if got := f.Line(); got != "vary: Origin\r\n" {
		t.Errorf("the line is %q", got)
	}
	for name, change := range map[string]func(*Field){
		"another value": func(f *Field) { f.Value = "Accept" },
		"a part of it":  func(f *Field) { f.Value = f.Value[:3] },
		"another name":  func(f *Field) { f.Name = "very" },
		"its last part": func(f *Field) { f.Value = f.Value[3:] },
	} {
		g := f
		if change(&g); g.Line() != "" {
			t.Errorf("%s: the line is still %q", name, g.Line())
		}
	}
	for _, bad := range [][2]string{{"", "a"}, {"a b", "c"}, {"a:", "b"}, {"a", "b\r\nc: d"}, {"a", "\x00"}, {"a", "\x7f"}} {
		if f := Written(bad[0], bad[1]); f.Line() != "" || f.Name != bad[0] || f.Value != bad[1] {
			t.Errorf("%q became the line %q", bad, f.Line())
		}
	}
}

func TestANumberFieldIsALine(t *testing.T) {
	var x Exchange
	for n, want := range map[int64]string{0: "age: 0\r\n", -7: "age: -7\r\n", 1 << 40: "age: 1099511627776\r\n"} {
		var f Field
		if x.WriteNumber(&f, "age", n); f.Line() != want || f.Name != "age" {
			t.Errorf("%d: %q", n, f.Line())
		}
	}
}

func TestATextFieldIsALine(t *testing.T) {
	var x Exchange
	var f Field
	if x.WriteText(&f, "a", "b", "", "c d"); f.Line() != "a: bc d\r\n" || f.Name != "a" || f.Value != "bc d" {
		t.Errorf("%q: %q, the line %q", f.Name, f.Value, f.Line())
	}
}

// What a preset sets is what setting its fields one by one leaves, in whatever list.
func TestAPresetIsSetAsItsFieldsAre(t *testing.T) {
	names := []string{"a", "b", "c", "dd", "ee", "ff", "ggg"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var had Fields
		for range random.IntN(6) {
			had.Add(names[random.IntN(len(names))], "was")
		}
		var list []Field
		for _, i := range random.Perm(len(names))[:random.IntN(5)] {
			list = append(list, Field{Name: names[i], Value: "is"})
		}
		got, want := slices.Clone(had), slices.Clone(had)
		got.SetAll(NewPreset(list...))
		for _, f := range list {
			want.Set(f.Name, f.Value)
		}
		same := slices.EqualFunc(got, want, func(a, b Field) bool { return a.Name == b.Name && a.Value == b.Value })
		if !same {
			t.Fatalf("%v and the preset %v: %v; want %v", had, list, got, want)
		}
	}
}
