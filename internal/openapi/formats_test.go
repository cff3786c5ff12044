package openapi

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

// optional runs a part of the suite's optional cases and adds them up.
func optional(t *testing.T, pattern string, formats bool) (n tally, byFile map[string]tally) {
	files, _ := filepath.Glob(suite + "tests/draft2020-12/optional/" + pattern)
	if len(files) == 0 {
		t.Skip("corpora/json-schema is missing")
	}
	slices.Sort(files)
	byFile = map[string]tally{}
	for _, path := range files {
		var of tally
		file := strings.TrimSuffix(filepath.Base(path), ".json")
		for _, g := range groups(t, path) {
			runGroup(t, file, g, formats, &of)
		}
		byFile[file] = of
		n.right, n.wrongAccept, n.wrongReject, n.unsupported = n.right+of.right, n.wrongAccept+of.wrongAccept, n.wrongReject+of.wrongReject, n.unsupported+of.unsupported
	}
	return n, byFile
}

// The formats, as assertions (input.format). What differs is stricter by choice:
// addresses with a quoted local part, which programs read differently, and names
// that are not in NFC.
func TestFormatsAreJudgedRight(t *testing.T) {
	n, byFile := optional(t, "format/*.json", true)
	differ := map[string]int{"email": 3, "idn-email": 2}
	for file, of := range byFile {
		if of.wrongAccept != 0 || of.unsupported != 0 || of.wrongReject != differ[file] {
			t.Errorf("%s: %+v, want %d wrongly refused", file, of, differ[file])
		}
	}
	t.Logf("figure formats judged right %d/764, wrongly accepted %d/0", n.right, n.wrongAccept)
	if total := n.right + n.wrongReject + n.wrongAccept; total != 764 || n.right < 759 {
		t.Errorf("%d of %d right, want 759 of 764", n.right, total)
	}
}

// The other optional cases, with patterns of ECMA-262 read for RE2. Formats only
// annotate there.
func TestOptionalCasesAreJudgedRight(t *testing.T) {
	n, byFile := optional(t, "*.json", false)
	for file, of := range byFile {
		if of.wrongAccept != 0 || of.wrongReject != 0 || of.unsupported != unsupportedIn[file] {
			t.Errorf("%s: %+v, want %d unsupported", file, of, unsupportedIn[file])
		}
	}
	t.Logf("figure other optional cases judged right %d/162, wrongly accepted %d/0, refused at load %d", n.right, n.wrongAccept, n.unsupported)
	if total := n.right + n.wrongReject + n.wrongAccept + n.unsupported; total != 162 || n.right < 155 {
		t.Errorf("%d of %d right, want 155 of 162", n.right, total)
	}
}

// What the suite has no cases for (input.format).
func TestFormatsOfTheRegistryAreJudgedRight(t *testing.T) {
	for format, c := range map[string]struct{ good, bad string }{
		"base64url":    {"|YQ|YWI|YWJj|YQ==|-_-_", "Y|Y+|YQ=|YQ===|a b"},
		"byte":         {"|YQ==|YWI=|YWJj|+/+/", "YQ|-_-_|YQ=a|====|a b="},
		"char":         {"a|é|\U0001f600", "|ab|éé"},
		"iri":          {"http://[v1.a]/?\ue000#\u00e9|urn:\u20ac", "http://a/\ue000|http://a/#\ue000|http://a/\ufdd0|http://a/\u0085|\u00e9:a|http://[v1.]/|http://[v.a]/"},
		"uri":          {"http://[v1F.a:b]/?q#f|http://[::1]:8/|a+b-c.1:|http://a:b@c:9?d|http:|s:a:b@c", "http://[v1.a/b]/|http://[::1]a/|http://[::1/|http://a]b@c/|http://a@b@c/|http://a:b/|1a:b|:a|http://[vg.a]/|http://a/?\u00e9|http://a/#a#b|http://a/%4"},
		"hostname":     {"a.xn--9n2bp8q", "xn--a|xn--|" + strings.Repeat("a.", 130) + "a"},
		"idn-hostname": {"\u00e4.EXAMPLE", "\u2603.example|a.\u00c4|\u00e4..a|\u00e4.|" + strings.Repeat("\u00e4", 600)},
		"uri-template": {"a{x:12}|{x*}|{+a.b,c*}", "{=a}|{a:}|{a:12345}|{a*b}|{a.}|%4g|{%4}"},
		"regex":        {`a{2,3}?|[a\-z\]]+|(?:a)(?!b)(?<=c)(?<n>d)\k<n>\1|\u{1f600}\x41\u0041\p{Lu}\P{Script=Greek}|{|a{,2}|]|[]|[^]|\/\-\_|[\w-a]|[-a]|[a-]|[é-a]`, `*a|a**|(|)|(?|(?a)|(?<1>a)|(?<>a)|[|[z-a]|\|\c1|\x4|\u004|\u{}|\u{1234567}|\p|\p{}|\k|\k<>|\i|a{3,2}|{1}|^*|(?P<n>a)`},
	} {
		f, known := formatOf(format)
		if !known {
			t.Fatal(format)
		}
		cut := func(s string) []string {
			if format == "regex" || format == "uri-template" { // where | is a letter of some, it is left out
				return strings.FieldsFunc(s, func(r rune) bool { return r == '|' })
			}
			return strings.Split(s, "|")
		}
		for _, s := range cut(c.good) {
			if !f.matches([]byte(s)) {
				t.Errorf("%s refuses %.60q", format, s)
			}
		}
		for _, s := range cut(c.bad) {
			if f.matches([]byte(s)) {
				t.Errorf("%s takes %.60q", format, s)
			}
		}
	}
	for format, c := range map[string]struct{ good, bad []string }{
		"int8":       {[]string{"-128", "127", "1.0"}, []string{"128", "-129", "1.5", "1e3"}},
		"int16":      {[]string{"-32768", "32767"}, []string{"32768", "-32769", "0.5"}},
		"uint8":      {[]string{"0", "255"}, []string{"-1", "256"}},
		"uint16":     {[]string{"65535"}, []string{"-1", "65536"}},
		"double-int": {[]string{"9007199254740992", "-9007199254740992"}, []string{"9007199254740993", "0.5"}},
		"float":      {[]string{"3.4028234663852886e38", "0.1"}, []string{"3.5e38", "-3.5e38"}},
		"double":     {[]string{"3.5e38"}, []string{"1e309"}},
	} {
		s, _ := schemaOf(t, []byte(`{"type":"number","format":"`+format+`"}`), true)
		withPrograms(s)
		for _, n := range c.good {
			if !s.Accepts([]byte(n), jsonwalk.Limits{}, Options{}) {
				t.Errorf("%s refuses %s", format, n)
			}
		}
		for _, n := range c.bad {
			if s.Accepts([]byte(n), jsonwalk.Limits{}, Options{}) {
				t.Errorf("%s takes %s", format, n)
			}
		}
	}
}

// The formats that requests are full of cost no allocation; names with A- and
// U-labels are rare and do.
func TestFormatsDoNotAllocate(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	for name, text := range map[string]string{
		"date": "2026-11-21", "date-time": "2026-11-21T10:00:00.5+01:00", "time": "10:00:00Z", "duration": "P1Y2M3DT4H5M6S", "email": "joe.bloggs@example.com", "idn-email": "δοκιμή@example.com",
		"uuid": "123e4567-e89b-12d3-a456-426614174000", "uri": "https://user@[2001:db8::1]:443/a%20b?c=d#e", "uri-reference": "../a?b#c", "iri": "http://example.com/ä?é", "iri-reference": "ä",
		"uri-template": "/a{/b*}{?c,d:3}", "ipv4": "192.0.2.1", "ipv6": "2001:db8::192.0.2.1", "hostname": "www.example.com", "idn-hostname": "www.example.com", "byte": "YWJj", "base64url": "YWI",
		"json-pointer": "/a/~0b", "relative-json-pointer": "1/a", "regex": `^([a-z]{1,3}\d)+$`, "char": "é",
	} {
		f, _ := formatOf(name)
		b := []byte(text)
		if n := testing.AllocsPerRun(100, func() {
			if !f.matches(b) {
				t.Error(name, "refuses", text)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
