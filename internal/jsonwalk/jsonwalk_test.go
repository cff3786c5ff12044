package jsonwalk_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

const corpus = "../../../shared/corpora/json-parsing"

// Every n_ file of JSONTestSuite is refused, every y_ file accepted but for the
// duplicate names, and no i_ file crashes the reader (input.json-strict, R22).
func TestTheParsingCorpusIsReadAsRFC8259Says(t *testing.T) {
	files, err := filepath.Glob(corpus + "/*.json")
	if err != nil || len(files) == 0 {
		t.Skip("corpora/json-parsing is missing")
	}
	count := map[byte]int{}
	var refused []string
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d jsonwalk.Doc
		name := filepath.Base(file)
		err = d.Parse(b, jsonwalk.Limits{AllowNUL: true})
		count[name[0]]++
		switch {
		case name[0] == 'n' && err == nil:
			t.Errorf("%s: accepted", name)
		case name[0] == 'y' && errors.Is(err, jsonwalk.ErrDuplicate):
			refused = append(refused, name)
		case name[0] == 'y' && err != nil:
			t.Errorf("%s: %v", name, err)
		case err == nil && !json.Valid(b):
			t.Errorf("%s: accepted what encoding/json refuses", name)
		}
	}
	if want := []string{"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}; !slices.Equal(refused, want) {
		t.Errorf("refused for duplicate names: %v, want %v", refused, want)
	}
	if count['y'] != 95 || count['n'] != 188 || count['i'] != 35 {
		t.Errorf("ran y=%d n=%d i=%d, want 95, 188, 35", count['y'], count['n'], count['i'])
	}
}

func TestEveryAmbiguityHasAnErrorOfItsOwn(t *testing.T) {
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	var keys strings.Builder
	for i := range 4097 {
		keys.WriteString(`,"k` + strconv.Itoa(i) + `":1`)
	}
	for _, c := range []struct {
		in   string
		want error
	}{
		{``, jsonwalk.ErrEmpty},
		{"  ", jsonwalk.ErrEmpty},
		{`{`, jsonwalk.ErrSyntax},
		{`{'a':1}`, jsonwalk.ErrSyntax},
		{`{"a":1,}`, jsonwalk.ErrSyntax},
		{`/* */ 1`, jsonwalk.ErrSyntax},
		{`NaN`, jsonwalk.ErrLiteral},
		{`Infinity`, jsonwalk.ErrLiteral},
		{`True`, jsonwalk.ErrLiteral},
		{`-Infinity`, jsonwalk.ErrNumber},
		{`01`, jsonwalk.ErrNumber},
		{`+1`, jsonwalk.ErrNumber},
		{`.5`, jsonwalk.ErrNumber},
		{`"\x41"`, jsonwalk.ErrEscape},
		{"\"a\nb\"", jsonwalk.ErrControl},
		{"\"a\x00b\"", jsonwalk.ErrControl},
		{"\xEF\xBB\xBF{}", jsonwalk.ErrBOM},
		{"\xFF\xFE{\x00}\x00", jsonwalk.ErrBOM},
		{"\"\xff\"", jsonwalk.ErrUTF8},
		{"\"\xed\xa0\x80\"", jsonwalk.ErrUTF8},
		{"\"\xc0\xaf\"", jsonwalk.ErrUTF8},
		{`"\ud800"`, jsonwalk.ErrSurrogate},
		{`"\udc00\ud800"`, jsonwalk.ErrSurrogate},
		{`{"\ud800":1}`, jsonwalk.ErrSurrogate},
		{`"a\u0000b"`, jsonwalk.ErrNUL},
		{`{"a":1}{"b":2}`, jsonwalk.ErrTrailing},
		{`{"a":1} trailing`, jsonwalk.ErrTrailing},
		{"{}\x00", jsonwalk.ErrTrailing},
		{`{"role":1,"role":1}`, jsonwalk.ErrDuplicate},
		{`{"role":1,"ro\u006ce":2}`, jsonwalk.ErrDuplicate},
		{`{"":1,"":2}`, jsonwalk.ErrDuplicate},
		{`{"a":1,"b":1,"c":1,"d":1,"e":1,"f":1,"g":1,"h":1,"i":1,"\u0062":1}`, jsonwalk.ErrDuplicate},
		{deep, jsonwalk.ErrDepth},
		{`{"x":1` + keys.String() + `}`, jsonwalk.ErrKeys},
		{strings.Repeat("1", 129), jsonwalk.ErrDigits},
		{`1e401`, jsonwalk.ErrExponent},
		{`1e-99999999999999999999`, jsonwalk.ErrExponent},
	} {
		var d jsonwalk.Doc
		err := d.Parse([]byte(c.in), jsonwalk.Limits{})
		if !errors.Is(err, c.want) {
			t.Errorf("%.60q: %v, want %v", c.in, err, c.want)
		}
		if err != nil && d.Len() != 0 {
			t.Errorf("%.60q: nodes are left after an error", c.in)
		}
	}
}

func TestLimitsHoldToTheByte(t *testing.T) {
	var d jsonwalk.Doc
	for _, c := range []struct {
		in  string
		lim jsonwalk.Limits
		ok  bool
	}{
		{`[1,2]`, jsonwalk.Limits{Bytes: 5}, true},
		{`[1,2]`, jsonwalk.Limits{Bytes: 4}, false},
		{`[1,2]`, jsonwalk.Limits{Values: 3}, true},
		{`[1,2]`, jsonwalk.Limits{Values: 2}, false},
		{`{"a":1,"b":2}`, jsonwalk.Limits{Keys: 2}, true},
		{`{"a":1,"b":2}`, jsonwalk.Limits{Keys: 1}, false},
		{`[[1]]`, jsonwalk.Limits{Depth: 2}, true},
		{`[[1]]`, jsonwalk.Limits{Depth: 1}, false},
		{`[[],[],[1]]`, jsonwalk.Limits{Depth: 2}, true},
		{strings.Repeat("1", 128), jsonwalk.Limits{}, true},
		{`1e400`, jsonwalk.Limits{}, true},
	} {
		if err := d.Parse([]byte(c.in), c.lim); (err == nil) != c.ok {
			t.Errorf("%.20s %+v: %v", c.in, c.lim, err)
		}
	}
}

func TestNumbersCompareByTheirDigits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"1", "1.0", 0}, {"100", "1e2", 0}, {"0.01", "1e-2", 0}, {"-0", "0.000", 0}, {"1", "2", -1}, {"-1", "-2", 1},
		{"9007199254740993", "9007199254740992", 1}, {"9223372036854775808", "9223372036854775807", 1},
		{"1e400", "1e399", 1}, {"-1e400", "1e-400", -1}, {"0.1", "0.09999999999999999999999", 1}, {"1e-400", "0", 1}, {"12", "1.2e1", 0}, {"0.0012", "12e-4", 0},
	} {
		a, _ := jsonwalk.ParseDecimal([]byte(c.a))
		b, _ := jsonwalk.ParseDecimal([]byte(c.b))
		if a.Compare(&b) != c.want || b.Compare(&a) != -c.want {
			t.Errorf("%s against %s: %d, want %d", c.a, c.b, a.Compare(&b), c.want)
		}
	}
	for _, c := range []struct {
		v, m string
		want bool
	}{
		{"1234567890123456789", "10", false}, {"1234567890123456780", "10", true}, {"0.0075", "0.0001", true}, {"0.00751", "0.0001", false},
		{"4.5", "1.5", true}, {"35", "1.5", false}, {"0", "7", true}, {"1e308", "0.5", true}, {"7", "70", false}, {"-14", "7", true}, {"1e400", "3", false},
	} {
		v, _ := jsonwalk.ParseDecimal([]byte(c.v))
		m, _ := jsonwalk.ParseDecimal([]byte(c.m))
		if v.MultipleOf(&m) != c.want {
			t.Errorf("%s multiple of %s: not %v", c.v, c.m, c.want)
		}
	}
	if v, _ := jsonwalk.ParseDecimal([]byte("1.50")); v.Integer() {
		t.Error("1.50 is not an integer")
	}
	if _, ok := jsonwalk.ParseDecimal([]byte("1 ")); ok {
		t.Error("a number with a space is no number")
	}
}

func TestPathsFindWhatTheyNameAndSayWhatIsMissing(t *testing.T) {
	const in = `{"customer_id":"c1","items":[{"owner":{"id":"a"}},{"owner":{"id":"b"}},{"owner":7},{}],"none":[],"a.b":1}`
	for _, c := range []struct{ path, want string }{
		{"customer_id", `"c1"`}, {"items[*].owner.id", `"a" "b" - -`}, {"items.owner", "-"}, {"customer_id[*]", "-"}, {"none[*].id", ""}, {"nope", "-"},
	} {
		p, err := jsonwalk.CompilePath(c.path)
		if err != nil {
			t.Fatal(err)
		}
		var d jsonwalk.Doc
		if err := d.Parse([]byte(in), jsonwalk.Limits{}); err != nil {
			t.Fatal(err)
		}
		var got []string
		p.Each(&d, 0, func(n int) bool {
			if n == jsonwalk.Missing {
				got = append(got, "-")
			} else {
				got = append(got, string(d.Raw(n)))
			}
			return true
		})
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", c.path, got, c.want)
		}
	}
	for _, bad := range []string{"a..b", "a[0]", "a[", ".a", "a.", "a b", "[*]x"} {
		if _, err := jsonwalk.CompilePath(bad); !errors.Is(err, jsonwalk.ErrPath) {
			t.Errorf("%q: %v, want ErrPath", bad, err)
		}
	}
	if p, err := jsonwalk.CompilePath("[*].id"); err != nil || !p.Many() {
		t.Errorf("a root array: %v", err)
	}
}

func TestMembersAreCutAndTheRestStaysAsSent(t *testing.T) {
	var d jsonwalk.Doc
	if err := d.Parse([]byte(`{ "a" : 1 , "b":[1, {"x":2,"y":3}, 3] ,"c\u0041":{"z":null}}`), jsonwalk.Limits{}); err != nil {
		t.Fatal(err)
	}
	x := d.Member(0, "b") + 3
	for _, c := range []struct {
		cut  []int
		want string
	}{
		{nil, `{ "a" : 1 , "b":[1, {"x":2,"y":3}, 3] ,"c\u0041":{"z":null}}`},
		{[]int{1}, `{"b":[1, {"x":2,"y":3}, 3],"c\u0041":{"z":null}}`},
		{[]int{x}, `{"a":1,"b":[1,{"y":3},3],"c\u0041":{"z":null}}`},
		{[]int{1, x, x + 1, d.Member(0, "cA")}, `{"b":[1,{},3]}`},
		{[]int{d.Member(0, "b"), x}, `{"a":1,"c\u0041":{"z":null}}`},
	} {
		if got := string(d.AppendWithout(nil, c.cut)); got != c.want {
			t.Errorf("without %v: %s, want %s", c.cut, got, c.want)
		}
	}
	if got := d.Pointer(x); got != "/b/1/x" {
		t.Errorf("pointer %q", got)
	}
}

func TestPointersDoNotShowNamesThatMayBeValues(t *testing.T) {
	var d jsonwalk.Doc
	if err := d.Parse([]byte(`{"m":{"alice@example.com":{"n":1}}}`), jsonwalk.Limits{}); err != nil {
		t.Fatal(err)
	}
	if got := d.Pointer(3); got != "/m/*/n" {
		t.Errorf("pointer %q", got)
	}
}

func TestUniqueComparesValuesNotBytes(t *testing.T) {
	for in, want := range map[string]bool{
		`[1,1.0]`: false, `[1,"1",true,[1],{"a":1}]`: true, `[{"a":1,"b":2},{"b":2,"a":1}]`: false,
		`[1,2,3,4,5,6,7,8,9,10]`: true, `[1,2,3,4,5,6,7,8,9,10e-1]`: false, `["a","b","c","d","e","f","g","h","i","\u0061"]`: false,
		`[[1],[2],[3],[4],[5],[6],[7],[8],{"a":[1]},{"a":[1.0]}]`: false, `[]`: true,
	} {
		var d jsonwalk.Doc
		if err := d.Parse([]byte(in), jsonwalk.Limits{}); err != nil {
			t.Fatal(err)
		}
		if d.Unique(0) != want {
			t.Errorf("%s: unique is not %v", in, want)
		}
	}
}

func TestABuiltDocumentReadsLikeAParsedOne(t *testing.T) {
	var d jsonwalk.Doc
	d.Begin()
	d.Open(jsonwalk.Object)
	d.Named(d.Open(jsonwalk.Array), []byte("ids"))
	d.Scalar(jsonwalk.Number, []byte("1"))
	d.Scalar(jsonwalk.String, []byte("x"))
	d.Close()
	d.Named(d.Scalar(jsonwalk.True, []byte("true")), []byte("on"))
	d.Close()
	var e jsonwalk.Doc
	if err := e.Parse([]byte(`{"on":true,"ids":[1.0,"x"]}`), jsonwalk.Limits{}); err != nil {
		t.Fatal(err)
	}
	if !d.Equal(0, &e, 0) || !e.Equal(0, &d, 0) {
		t.Error("they differ")
	}
}

func TestOneBodyIsParsedOnce(t *testing.T) {
	var slot interface{ Reset() }
	body := []byte(`{"a":1}`)
	d, err := jsonwalk.Of(&slot, body, jsonwalk.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	body[2] = 'b' // would show if it were parsed again
	if e, _ := jsonwalk.Of(&slot, body, jsonwalk.Limits{}); e != d || e.Len() != 2 {
		t.Error("not the same document")
	}
	slot.Reset()
	if _, err := jsonwalk.Of(&slot, []byte(`{`), jsonwalk.Limits{}); err == nil {
		t.Error("a reset slot kept the old document")
	}
}

func TestNothingIsAllocatedInSteadyState(t *testing.T) {
	body := []byte(`{"id":1,"name":"caf\u00e9 \ud83d\ude00","a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"list":[1,2.5,"x",null,true,{"k":"v"}],"n":-1.5e3}`)
	path, _ := jsonwalk.CompilePath("list[*].k")
	var slot interface{ Reset() }
	n := 0
	if got := testing.AllocsPerRun(200, func() {
		d, err := jsonwalk.Of(&slot, body, jsonwalk.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		path.Each(d, 0, func(int) bool { n++; return true })
		d.Unique(d.Member(0, "list"))
		d.Reset()
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}

func FuzzWhatIsAcceptedIsValidJSONAndReadTheSame(f *testing.F) {
	for _, s := range []string{`{"a":[1,2.5e3,"x\u0041\ud83d\ude00",null,true]}`, `[]`, `"é"`, `-0`, `{"a":{"b":{}}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var d jsonwalk.Doc
		if d.Parse(b, jsonwalk.Limits{}) != nil {
			return
		}
		if !json.Valid(b) {
			t.Fatalf("accepted what encoding/json refuses: %q", b)
		}
		var e jsonwalk.Doc
		if err := e.Parse(d.AppendWithout(nil, nil), jsonwalk.Limits{}); err != nil || !d.Equal(0, &e, 0) {
			t.Fatalf("copy differs: %q %v", b, err)
		}
		var s string
		if d.Kind(0) == jsonwalk.String && (json.Unmarshal(b, &s) != nil || s != string(d.Text(0))) {
			t.Fatalf("text %q, encoding/json reads %q", d.Text(0), s)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	body := []byte(strings.Repeat(`{"id":12345,"name":"a string of usual length","tags":["a","b"],"ok":true},`, 8))
	body = append(append([]byte{'['}, body[:len(body)-1]...), ']')
	var d jsonwalk.Doc
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if err := d.Parse(body, jsonwalk.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func TestWhatIsAttachedIsNotCopied(t *testing.T) {
	var d jsonwalk.Doc
	file := []byte("\x00\xFF file")
	for range 2 { // a document is used again
		d.Begin()
		root := d.Open(jsonwalk.Object)
		i := d.Attach(file)
		d.Named(i, []byte("a"))
		j := d.Scalar(jsonwalk.String, []byte("text"))
		d.Named(j, []byte("b"))
		d.Close()
		if got := d.Text(i); &got[0] != &file[0] || len(got) != len(file) || !d.Attached(i) || d.Attached(j) || d.Kind(i) != jsonwalk.String {
			t.Errorf("%q, attached %v", got, d.Attached(i))
		}
		if string(d.Name(i)) != "a" || d.Member(root, "b") != j || string(d.Text(j)) != "text" {
			t.Errorf("%q, %d, %q", d.Name(i), d.Member(root, "b"), d.Text(j))
		}
	}
}
