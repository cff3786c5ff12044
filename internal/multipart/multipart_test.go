package multipart_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	standard "mime/multipart"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/multipart"
	"github.com/gatehouse-api/gatehouse/internal/race"
)

const boundary = "XbX"

// form writes a body as clients do; every "\n" of the text is a line end.
func form(text string) []byte { return []byte(strings.ReplaceAll(text, "\n", "\r\n")) }

const good = `--XbX
Content-Disposition: form-data; name="title"

hello
--XbX
content-disposition: form-data; name=file; filename="a b.png"
Content-Type: image/png
Content-Transfer-Encoding: binary
Content-Length: 3
X-Kind: photo

abc
--XbX
Content-Disposition: form-data; name="empty"


--XbX--
`

func TestPartsAreReadWhereTheyLie(t *testing.T) {
	var f multipart.Form
	if err := f.Parse(form(good), boundary, multipart.Limits{}); err != nil {
		t.Fatal(err)
	}
	if len(f.Parts) != 3 {
		t.Fatalf("%d parts", len(f.Parts))
	}
	p := f.Parts[1]
	if p.Name != "file" || p.Filename != "a b.png" || !p.File || p.Type != "image/png" || string(p.Content) != "abc" || len(p.Fields) != 1 || p.Fields[0] != (multipart.Field{Name: "X-Kind", Value: "photo"}) {
		t.Errorf("%+v", p)
	}
	if p := f.Parts[0]; p.Name != "title" || p.File || p.Type != "" || string(p.Content) != "hello" {
		t.Errorf("%+v", p)
	}
	if p := f.Parts[2]; p.Name != "empty" || len(p.Content) != 0 {
		t.Errorf("%+v", p)
	}
}

// input.openapi, input.content-type: each line is a way in which two parsers of
// uploads were seen to disagree.
func TestWhatTwoParsersWouldReadDifferentlyIsRefused(t *testing.T) {
	part := func(head, content string) string { return "--XbX\n" + head + "\n\n" + content + "\n--XbX--\n" }
	named := func(rest string) string { return part(`Content-Disposition: form-data; name="a"`+rest, "x") }
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"data before the first delimiter":   {"hello\n" + named(""), multipart.ErrPreamble},
		"a line end before it":              {"\n" + named(""), multipart.ErrPreamble},
		"nothing":                           {"", multipart.ErrPreamble},
		"no part":                           {"--XbX--\n", multipart.ErrDisposition},
		"data after the end":                {named("") + "more", multipart.ErrEpilogue},
		"a second form":                     {named("") + named(""), multipart.ErrEpilogue},
		"no end":                            {strings.TrimSuffix(named(""), "--XbX--\n"), multipart.ErrEnd},
		"an end that is cut short":          {strings.TrimSuffix(named(""), "--\n"), multipart.ErrDelimiter},
		"white space behind a delimiter":    {strings.Replace(named(""), "--XbX\n", "--XbX \n", 1), multipart.ErrDelimiter},
		"a longer delimiter":                {part(`Content-Disposition: form-data; name="a"`, "x\n--XbXY\n"), multipart.ErrDelimiter},
		"a delimiter within a line":         {part(`Content-Disposition: form-data; name="a"`, "x --XbX"), multipart.ErrDelimiter},
		"a delimiter in a field":            {part("X: --XbX\nContent-Disposition: form-data; name=\"a\"", "x"), multipart.ErrDelimiter},
		"no fields":                         {"--XbX\n\nx\n--XbX--\n", multipart.ErrDisposition},
		"no name":                           {part("Content-Disposition: form-data", "x"), multipart.ErrDisposition},
		"an empty name":                     {part(`Content-Disposition: form-data; name=""`, "x"), multipart.ErrDisposition},
		"two names":                         {named(`; name="b"`), multipart.ErrDuplicate},
		"two names, one in capitals":        {named(`; NAME="b"`), multipart.ErrDuplicate},
		"two file names":                    {named(`; filename="a.jpg"; filename="a.php"`), multipart.ErrDuplicate},
		"two file names, one extended":      {named(`; filename="a.jpg"; filename*=UTF-8''a.php`), multipart.ErrExtended},
		"an extended file name":             {named(`; filename*=UTF-8''a.php`), multipart.ErrExtended},
		"a continued file name":             {named(`; filename*0="a."; filename*1="php"`), multipart.ErrExtended},
		"an escape in a file name":          {named(`; filename="a\".php"`), multipart.ErrDisposition},
		"a path":                            {named(`; filename="../a.php"`), multipart.ErrFilename},
		"a path of Windows":                 {named(`; filename="C:a.php"`), multipart.ErrFilename},
		"a name that turns around":          {named("; filename=\"a\u202Egpj.exe\""), multipart.ErrFilename},
		"an unclosed quote":                 {part(`Content-Disposition: form-data; name="a`, "x"), multipart.ErrDisposition},
		"an unknown parameter":              {named(`; size=1`), multipart.ErrDisposition},
		"a parameter that is none":          {named(`;`), multipart.ErrDisposition},
		"something behind a quote":          {named(`x; filename="a"`), multipart.ErrDisposition},
		"another disposition":               {part(`Content-Disposition: attachment; name="a"`, "x"), multipart.ErrDisposition},
		"two dispositions":                  {part("Content-Disposition: form-data; name=\"a\"\ncontent-disposition: form-data; name=\"b\"", "x"), multipart.ErrDuplicate},
		"two content types":                 {named("\nContent-Type: image/png\nContent-Type: text/html"), multipart.ErrDuplicate},
		"a field twice":                     {named("\nX-A: 1\nx-a: 2"), multipart.ErrDuplicate},
		"a folded field":                    {named("\nX-A: 1\n b"), multipart.ErrField},
		"a field without a colon":           {named("\nX-A"), multipart.ErrField},
		"white space before a colon":        {named("\nX-A : 1"), multipart.ErrField},
		"quoted-printable":                  {named("\nContent-Transfer-Encoding: quoted-printable"), multipart.ErrTransfer},
		"base64":                            {named("\nContent-Transfer-Encoding: base64"), multipart.ErrTransfer},
		"a length that is another":          {named("\nContent-Length: 2"), multipart.ErrLength},
		"a length in another spelling":      {named("\nContent-Length: +1"), multipart.ErrLength},
		"multipart within multipart":        {named("\nContent-Type: Multipart/mixed; boundary=Y"), multipart.ErrNested},
		"many fields":                       {named(strings.Repeat("\nX: 1", 17)), multipart.ErrDuplicate},
		"a long header":                     {named("\nX: " + strings.Repeat("y", 8<<10)), multipart.ErrHeader},
		"a header that does not end":        {"--XbX\n" + strings.Repeat("y", 9<<10) + "\n--XbX--\n", multipart.ErrHeader},
		"NUL in a name":                     {part("Content-Disposition: form-data; name=\"a\x00b\"", "x"), multipart.ErrField},
		"NUL in a field":                    {named("\nX: \x00"), multipart.ErrField},
		"a name that is not UTF-8":          {part("Content-Disposition: form-data; name=\"a\xFF\"", "x"), multipart.ErrField},
		"more parts than there may be":      {strings.Repeat("--XbX\nContent-Disposition: form-data; name=a\n\n\n", 65) + "--XbX--\n", multipart.ErrParts},
		"a body of another boundary":        {strings.ReplaceAll(named(""), "XbX", "YbY"), multipart.ErrPreamble},
		"a header section without an end":   {"--XbX\nContent-Disposition: form-data; name=\"a\"\n--XbX--\n", multipart.ErrField},
		"an empty part without a line more": {"--XbX\nContent-Disposition: form-data; name=\"a\"\n\n--XbX--\n", multipart.ErrField},
	} {
		var f multipart.Form
		if err := f.Parse(form(c.body), boundary, multipart.Limits{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	var f multipart.Form
	if err := f.Parse([]byte(strings.ReplaceAll(good, "\n", "\n")), boundary, multipart.Limits{}); err == nil {
		t.Error("bare line feeds are taken for line ends")
	}
	if err := f.Parse(form(strings.Repeat("--XbX\nContent-Disposition: form-data; name=a\n\n\n", 64)+"--XbX--"), boundary, multipart.Limits{}); err != nil {
		t.Errorf("64 parts: %v", err)
	}
}

func TestABoundaryIsSaidOnceAndAsItIs(t *testing.T) {
	for value, want := range map[string]string{
		"multipart/form-data; boundary=XbX":                        "XbX",
		`Multipart/Form-Data; charset=utf-8; Boundary="a b:c"`:     "a b:c",
		"multipart/form-data;boundary=----WebKitFormBoundaryABC":   "----WebKitFormBoundaryABC",
		"multipart/form-data; boundary=" + strings.Repeat("a", 70): strings.Repeat("a", 70),
		"multipart/form-data; boundary=" + strings.Repeat("a", 71): "",
		"multipart/form-data; boundary=a; boundary=b":              "",
		"multipart/form-data; boundary=a; BOUNDARY=b":              "",
		"multipart/form-data; boundary*=a":                         "",
		"multipart/form-data; boundary*0=a; boundary*1=b":          "",
		"multipart/form-data; boundary=a; boundary*0=b":            "",
		"multipart/form-data":                                      "",
		"multipart/form-data; boundary=":                           "",
		`multipart/form-data; boundary=""`:                         "",
		`multipart/form-data; boundary="a "`:                       "",
		`multipart/form-data; boundary="a\"b"`:                     "",
		"multipart/form-data; boundary=a;":                         "",
		"multipart/form-data; boundary=a, multipart/form-data":     "",
		"multipart/form-data; boundary=-----":                      "",
		"multipart/mixed; boundary=a":                              "",
		"multipart/form-data; boundary=\x61\xC3\xA9":               "",
		`multipart/form-data; x="; boundary=a"; boundary=b`:        "b",
		`multipart/form-data; x=y boundary=a`:                      "",
		"application/json; x=multipart/form-data; boundary=a":      "",
		"multipart/form-data ; boundary=a":                         "a",
		`multipart/form-data; boundary="a";boundary="a"`:           "",
		`multipart/form-data; boundary='a'`:                        "'a'",
		`multipart/form-data; boundary="a?b"`:                      "a?b",
		`multipart/form-data; boundary="a~b"`:                      "",
		"multipart/form-data; boundary=a\tb":                       "",
	} {
		got, err := multipart.Boundary(value)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v; want %q", value, got, err, want)
		}
	}
}

func TestAFormThatIsUsedAgainDoesNotAllocate(t *testing.T) {
	var f multipart.Form
	body := form(good)
	if n := testing.AllocsPerRun(100, func() {
		if err := f.Parse(body, boundary, multipart.Limits{}); err != nil {
			t.Fatal(err)
		}
	}); n != 0 && !race.Enabled {
		t.Errorf("%v allocations", n)
	}
}

// FuzzParse holds what is accepted against mime/multipart: the same parts, with
// the same names, file names and contents.
func FuzzParse(f *testing.F) {
	f.Add(form(good), "multipart/form-data; boundary=XbX")
	f.Add(form("--XbX\nContent-Disposition: form-data; name=\"ü\"; filename=\"ü.txt\"\n\n\n--X\n--XbX--"), `multipart/form-data; boundary="XbX"`)
	f.Add(form("--a b\nContent-Disposition: form-data; name=\"a%22\"\nX: y\n\n\n\n--a b--\n"), `multipart/form-data; charset=utf-8; boundary="a b"`)
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		if err := agrees(body, contentType); err != nil {
			t.Error(err)
		}
	})
}

func agrees(body []byte, contentType string) error {
	b, err := multipart.Boundary(contentType)
	if err != nil {
		return nil
	}
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["boundary"] != b {
		return fmt.Errorf("the boundary is %q here and %q there, %v", b, params["boundary"], err)
	}
	var f multipart.Form
	if f.Parse(body, b, multipart.Limits{}) != nil {
		return nil
	}
	r := standard.NewReader(bytes.NewReader(body), b)
	for i, p := range f.Parts {
		q, err := r.NextPart()
		if err != nil {
			return fmt.Errorf("part %d: %v", i, err)
		}
		content, err := io.ReadAll(q)
		switch {
		case err != nil:
			return fmt.Errorf("part %d: %v", i, err)
		case q.FormName() != p.Name:
			return fmt.Errorf("part %d is %q here and %q there", i, p.Name, q.FormName())
		case q.FileName() != p.Filename:
			return fmt.Errorf("part %d has the file name %q here and %q there", i, p.Filename, q.FileName())
		case q.Header.Get("Content-Type") != p.Type:
			return fmt.Errorf("part %d is of type %q here and %q there", i, p.Type, q.Header.Get("Content-Type"))
		case !bytes.Equal(content, p.Content):
			return fmt.Errorf("part %d has the content %q here and %q there", i, p.Content, content)
		}
	}
	if _, err := r.NextPart(); err != io.EOF {
		return fmt.Errorf("after the last part: %v", err)
	}
	return nil
}
