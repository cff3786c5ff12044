package wire

import (
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

// Row "Path" of ASSURANCE.md section 1.1.

func TestR1_DotSegmentsInEverySpellingAreRefused(t *testing.T) {
	for _, path := range []string{"/.", "/..", "/./", "/../", "/./admin", "/../admin", "/public/../admin", "/public/./admin", "/public/..", "/public/.", "/%2e/admin", "/%2e%2e/admin", "/%2E%2E/admin",
		"/.%2e/admin", "/%2e./admin", "/public/%2e%2e/admin", "/public/%2E./admin", "/public/.%2E", "/public/%2e", "/a/b/../../admin", "/admin/../admin", "/admin/."} {
		refuses(t, PathDotSegment, get(path))
	}
	for _, path := range []string{"/...", "/.a", "/a.", "/a..b", "/..a", "/.well-known/x", "/%2e%2e%2e"} {
		takes(t, get(path))
	}
}

func TestR3_EmptySegmentsAreRefused(t *testing.T) {
	for _, path := range []string{"//admin", "///admin", "/public//admin", "/admin//", "//", "/a///", "//a.test/admin", "//../admin"} {
		refuses(t, PathDoubleSlash, get(path))
	}
	if got := takes(t, get("/admin/")); got.Path != "/admin/" {
		t.Errorf("%q", got.Path)
	}
}

func TestR1_EncodedSlashesAreRefused(t *testing.T) {
	for _, path := range []string{"/%2fadmin", "/%2Fadmin", "/admin%2fx", "/admin%2F", "/public%2f..%2fadmin", "/public/..%2fadmin", "/public%2F%2e%2e%2Fadmin"} {
		refuses(t, PathEncodedSlash, get(path))
	}
}

func TestR1_BackslashesAreRefused(t *testing.T) {
	for _, path := range []string{`/\admin`, `/public\..\admin`, `/admin\x`, "/admin%5cx", "/admin%5Cx", "/%5cadmin", "/public/..%5cadmin", `/public/..\admin`} {
		refuses(t, PathBackslash, get(path))
	}
}

func TestR6_SemicolonsAreRefused(t *testing.T) {
	for _, path := range []string{"/admin;x=1/x", "/admin;", "/;/admin", "/..;/admin", "/public/..;/admin", "/realms;x/master", "/admin%3bx", "/admin%3B"} {
		refuses(t, PathSemicolon, get(path))
	}
}

func TestR4_DoubleEncodingIsRefused(t *testing.T) {
	for _, path := range []string{"/%2561dmin", "/%252fadmin", "/%252e%252e/admin", "/admin%25", "/%25%32%66admin", "/public/%252e%252e%252fadmin"} {
		refuses(t, PathDoubleEncoding, get(path))
	}
}

func TestR1_ControlCharactersAreRefused(t *testing.T) {
	for _, path := range []string{"/admin%00", "/%00admin", "/admin%00.html"} {
		refuses(t, PathNUL, get(path))
	}
	for _, path := range []string{"/admin%0a", "/admin%0d%0aX:y", "/admin%09", "/admin%7f", "/admin%1F", "/admin%c2%85"} {
		refuses(t, PathControl, get(path))
	}
}

func TestR1_MalformedEscapesAreRefused(t *testing.T) {
	for _, path := range []string{"/%", "/admin%", "/admin%2", "/admin%zz", "/%u002fadmin", "/%%32fadmin", "/admin%g0", "/% 61", "/%6"} {
		if strings.Contains(path, " ") {
			refuses(t, RequestLine, get(path))
			continue
		}
		refuses(t, PathEscape, get(path))
	}
}

func TestR1_EscapesThatAreNotUTF8AreRefused(t *testing.T) {
	for _, path := range []string{"/%c0%afadmin", "/%c0%ae%c0%ae/admin", "/%e0%80%afadmin", "/%ff", "/%80", "/%c3", "/%c3x", "/%c3/%a9", "/%ed%a0%80", "/%f4%90%80%80", "/%c1%9cadmin", "/%e2%82"} {
		refuses(t, PathUTF8, get(path))
	}
}

func TestR1_CharactersThatMustBeEscapedAreRefused(t *testing.T) {
	for _, c := range `"<>^` + "`{|}[]" {
		refuses(t, PathCharacter, get("/admin"+string(c)))
	}
}

func TestR1_OtherSpellingsOfAPathBecomeThatPath(t *testing.T) {
	for given, want := range map[string]string{
		"/%61dmin": "/admin", "/%61%64%6d%69%6e": "/admin", "/%61%64%6D%69%6E": "/admin", "/adm%69n/": "/admin/", "/%7Euser": "/~user", "/a%2Db%2e%5f": "/a-b._",
	} {
		if got := takes(t, get(given)); got.Path != want {
			t.Errorf("%q: %q, want %q", given, got.Path, want)
		}
	}
	for _, path := range []string{"/ADMIN", "/Admin", "/admin%20", "/admin.", "/admin&x", "/admin+x", "/xadmin", "/admin,x", "/@admin", "/:admin", "/admin!"} {
		if got := takes(t, get(path)); got.Path == "/admin" {
			t.Errorf("%q became /admin", path)
		}
	}
}

func TestR5_EscapesHaveOneCase(t *testing.T) {
	for given, want := range map[string]string{"/a%20b%3a": "/a%20b%3A", "/caf%c3%a9": "/caf%C3%A9", "/%e2%82%ac%F0%9f%98%80": "/%E2%82%AC%F0%9F%98%80", "/a%3fb%23c": "/a%3Fb%23C"} {
		want = strings.Replace(want, "%23C", "%23c", 1)
		if got := takes(t, get(given)); got.Path != want {
			t.Errorf("%q: %q, want %q", given, got.Path, want)
		}
	}
}

// The canonical form is a fixed point: reading it again changes nothing, and no
// byte of it is one that a second decoding could turn into structure.
func TestACanonicalPathIsAFixedPoint(t *testing.T) {
	for a := range 256 {
		for _, pattern := range []string{"/x%y", "/%", "/%%", "/a/%./b"} {
			path := strings.ReplaceAll(pattern, "%", "%"+string("0123456789abcdef"[a>>4])+string("0123456789abcdef"[a&15]))
			var q gatehouse.Request
			if CanonicalTarget(&q, []byte(path)) != nil {
				continue
			}
			once := strings.Clone(q.Path)
			if err := CanonicalTarget(&q, []byte(once)); err != nil || q.Path != once {
				t.Errorf("%q became %q, then %q (%v)", path, once, q.Path, err)
			}
			if decoded := SegmentDecode(once); strings.ContainsAny(decoded, "\\;%\x00") || strings.Count(decoded, "/") != strings.Count(path, "/") {
				t.Errorf("%q decodes to %q", path, decoded)
			}
		}
	}
}

func TestSegmentsAndQueriesAreDecodedOnce(t *testing.T) {
	if got := SegmentDecode("a%20b+c%C3%A9"); got != "a b+cé" {
		t.Errorf("%q", got)
	}
	var got []string
	for name, value := range QueryPairs("a=1&b%3d=c+d%26&&e&f=g=h&=i") {
		got = append(got, name+"|"+value)
	}
	if s := strings.Join(got, " "); s != "a|1 b=|c d& e| f|g=h |i" {
		t.Errorf("%q", s)
	}
	for range QueryPairs("a=1&b=2") {
		break
	}
}
