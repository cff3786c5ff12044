package jose

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJSONIsReadStrictly(t *testing.T) {
	for text, ok := range map[string]bool{
		`{}`: true, ` { "a" : [ 1 , -0.5e+10 , true , null , "x" , {} ] } `: true, `{"a":"\ud83d\ude00\/\b"}`: true,
		``: false, `[]`: false, `"a"`: false, `{}{}`: false, `{}x`: false, "{}\x00": false, "\ufeff{}": false, `{"a":1,}`: false, `{,"a":1}`: false, `{"a" 1}`: false,
		`{"a":01}`: false, `{"a":+1}`: false, `{"a":1.}`: false, `{"a":.1}`: false, `{"a":1e}`: false, `{"a":-}`: false, `{"a":NaN}`: false, `{"a":tru}`: false, `{"a":'x'}`: false,
		`{"a":1,"a":2}`: false, `{"a":1,"\u0061":2}`: false, `{"b":{"a":1,"a":2}}`: false, `{"b":[{"a":1,"a":2}]}`: false, `{"a":{"a":1}}`: true,
		"{\"a\":\"\n\"}": false, `{"a":"\x"}`: false, `{"a":"\u00g0"}`: false, `{"a":"\u+123"}`: false, `{"a":"\ud800"}`: false, `{"a":"\udc00"}`: false, `{"a":"\ud800\ud800"}`: false, `{"a":"\ud800x"}`: false,
		"{\"a\":\"\xff\"}": false, `{"a":"`: false, `{"a":"\`: false, `{"a`: false, `{`: false, `{"a":[1 2]}`: false, `{"a":[1,]}`: false, `{"a":[,1]}`: false, `{"a":/**/1}`: false,
		`{"a":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`: true, `{"a":` + strings.Repeat("[", 16) + strings.Repeat("]", 16) + `}`: false,
		`{"a":[` + strings.Repeat("1,", 254) + `1]}`: true, `{"a":[` + strings.Repeat("1,", 255) + `1]}`: false,
	} {
		if _, err := ParseObject(text); (err == nil) != ok || (err != nil && !errors.Is(err, ErrMalformed)) {
			t.Errorf("%.60q: %v", text, err)
		}
	}
}

func TestMembersAreReadByType(t *testing.T) {
	o, err := ParseObject(`{"s":"a\u0062\n","e":"","n":12,"f":12.9,"neg":-1,"exp":1e3,"big":253402300800,"zero":0,"l":["a","b"],"m":["a",1],"nil":null,"o":{"p":"q"}}`)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"s": "ab\n", "e": "", "absent": ""} {
		if got, err := o.Text(name); err != nil || got != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for _, name := range []string{"n", "l", "nil", "o"} {
		if _, err := o.Text(name); !errors.Is(err, ErrClaim) {
			t.Errorf("%s is a text", name)
		}
	}
	for name, want := range map[string]int64{"n": 12, "f": 12, "zero": 0} {
		if got, ok, err := o.Seconds(name); err != nil || !ok || got != want {
			t.Errorf("%s: %d, %v", name, got, err)
		}
	}
	for _, name := range []string{"neg", "exp", "big", "s", "nil", "l"} {
		if _, _, err := o.Seconds(name); !errors.Is(err, ErrClaim) {
			t.Errorf("%s is a date", name)
		}
	}
	if l, err := o.Texts("l", false); err != nil || len(l) != 2 || l[1] != "b" {
		t.Errorf("%q, %v", l, err)
	}
	if l, err := o.Texts("s", true); err != nil || len(l) != 1 || l[0] != "ab\n" {
		t.Errorf("%q, %v", l, err)
	}
	for name, single := range map[string]bool{"s": false, "m": true, "nil": true, "n": true, "o": true} {
		if _, err := o.Texts(name, single); !errors.Is(err, ErrClaim) {
			t.Errorf("%s is a list", name)
		}
	}
	if p, err := o.Object("o"); err != nil || !p.Has("p") || o.Has("p") {
		t.Errorf("%v", err)
	}
	if _, err := o.Object("l"); err == nil {
		t.Error("a list is an object")
	}
}

// Everything that is read here is JSON for encoding/json too, with the same
// members; the corpus holds what parsers disagree about.
func TestWhatIsReadIsJSON(t *testing.T) {
	files, _ := filepath.Glob("../../../shared/corpora/json-parsing/*.json")
	more, _ := filepath.Glob("../../../shared/corpora/json-parsing/*/*.json")
	files = append(files, more...)
	if len(files) == 0 {
		t.Skip("the corpus json-parsing is missing")
	}
	for _, file := range files {
		value, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := `{"v":` + string(value) + `}`
		_, err = ParseObject(text)
		name := filepath.Base(file)
		if strings.HasPrefix(name, "n_") && err == nil {
			t.Errorf("%s is accepted", name)
		}
		if err == nil && !json.Valid([]byte(text)) {
			t.Errorf("%s is accepted and not JSON", name)
		}
		if strings.HasPrefix(name, "y_") && err != nil && !strings.Contains(name, "duplicate") {
			t.Errorf("%s is refused: %v", name, err)
		}
	}
	t.Logf("%d files", len(files))
	if len(files) < 300 {
		t.Errorf("%d files", len(files))
	}
}

// FuzzParse: whatever comes, Parse does not panic, and what it accepts is
// canonical: three parts of strict base64url over JSON objects.
func FuzzParse(f *testing.F) {
	f.Add(compact(`{"alg":"ES256","kid":"k","typ":"at+jwt"}`, `{"sub":"alice","aud":["a"],"exp":1.5}`, []byte{1, 2, 3}))
	f.Add(compact(`{"alg":"RS256"}`, `{"a":"\ud83d\ude00","b":{"c":[1,-2e3,null]}}`, []byte{0}))
	f.Add(compact(`{"alg":"none"}`, `{}`, nil))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		parsed, err := Parse(token)
		if err != nil {
			return
		}
		parts := strings.Split(token, ".")
		if len(parts) != 3 || !Supported(parsed.Algorithm) {
			t.Fatalf("accepted %q", token)
		}
		for i, p := range parts {
			raw, err := strict.DecodeString(p)
			if err != nil || strict.EncodeToString(raw) != p || len(raw) == 0 {
				t.Fatalf("part %d of %q is not canonical", i, token)
			}
			if i < 2 && !json.Valid(raw) {
				t.Fatalf("part %d of %q is not JSON", i, token)
			}
		}
	})
}

// FuzzParseObject: the standard library is the oracle for what is JSON.
func FuzzParseObject(f *testing.F) {
	f.Add(`{"a":"\ud83d\ude00","b":{"c":[1,-2e3,null,true]},"d":""}`)
	f.Fuzz(func(t *testing.T, text string) {
		o, err := ParseObject(text)
		if err != nil {
			return
		}
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatalf("%q is accepted: %v", text, err)
		}
		n := 0
		o.Names(func(name string) {
			n++
			if _, ok := want[name]; !ok {
				t.Fatalf("%q: name %q", text, name)
			}
			var s string
			if got, err := o.Text(name); err == nil && (json.Unmarshal(want[name], &s) != nil || s != got) {
				t.Fatalf("%q: %s is %q, want %q", text, name, got, s)
			}
		})
		if n != len(want) {
			t.Fatalf("%q: %d members, want %d", text, n, len(want))
		}
	})
}
