package relations

import (
	"errors"
	"strings"
	"testing"
)

const sound = `model
  schema 1.1
type user
type group
  relations
    define member: [user, group#member]
type folder
  relations
    define viewer: [user, user:*, group#member]
type doc
  relations
    define parent: [folder]
    define blocked: [user]
    define owner: [user]
    define editor: [user] or owner
    define viewer: (editor or viewer from parent) but not blocked # a comment
`

func TestWhatIsWrongWithAModelIsSaidWithItsPlace(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"schema 1.1", "schema 1.2", `m.fga:2:10: schema "1.2" is not read; write: schema 1.1`},
		{"model\n", "module x\n", `m.fga:1:1: models of several modules are not read; put all types into one file that begins with: model`},
		{"define owner: [user]", "define owner: [usr]", `m.fga:14:20: there is no type "usr"; is "user" meant?`},
		{"or owner", "or ownr", `m.fga:15:30: the type "doc" has no relation "ownr"; is "owner" meant?`},
		{"from parent", "from owner", `m.fga:16:31: no type that "owner" leads to has a relation "viewer"; define it there: define viewer: ...`},
		{"from parent", "from editor", `m.fga:16:31: "editor" after from is not held by tuples alone; define editor as a list of types and nothing else`},
		{"[folder]", "[folder:*]", `m.fga:12:21: "parent" stands after a from: folder:* cannot lead on to an object; write the type alone: folder`},
		{"define owner: [user]", "define owner: [user with office_hours]", `m.fga:14:25: conditions are not read; take the condition out: what depends on time, network or attributes is for a Cedar policy (policies/*.cedar), beside context.rel`},
		{"type user\n", "type user\ncondition x(a: int) { a < 1 }\n", `m.fga:4:1: conditions are not read; take the condition out: what depends on time, network or attributes is for a Cedar policy (policies/*.cedar), beside context.rel`},
		{"[user] or owner", "[user] or owner and blocked", `m.fga:15:36: "and" stands beside another operator; put parentheses around what belongs together, such as: (a or b) but not c`},
		{"but not blocked", "but blocked", `m.fga:16:55: expected "not", found "blocked"; write: but not`},
		{"viewer from parent)", "viewer from parent", `m.fga:16:50: "but" stands beside another operator; put parentheses around what belongs together, such as: (a or b) but not c`},
		{"define owner: [user]", "define owner: editor", `m.fga:14:12: the relation "owner" of "doc" is defined by itself through other relations; give one of them a list of types, or take one out`},
		{"define member: [user, group#member]", "define member: [group#member]", `m.fga:6:12: nobody can hold the relation "member" of "group": it leads to no list of types; give it, or what it is made of, a list of types`},
		{"define owner: [user]", "define owner: owner", `m.fga:14:19: the relation "owner" is defined by itself; take it out`},
		{"type folder", "type group", `m.fga:7:6: the type "group" is there twice; put the relations of both into one`},
		{"define blocked: [user]", "define owner: [user]", `m.fga:14:12: the relation "owner" of "doc" is defined twice; join both with or`},
		{"[user, user:*,", "[user, user,", `m.fga:9:27: user is there twice; take it out`},
		{"define owner: [user]", "define this: [user]", `m.fga:14:12: "this" is reserved; choose another name`},
		{"[user] or owner", "[user] or [group]", `m.fga:15:30: the relation "editor" has two lists of types; put the types into one list, or the second list into a relation of its own`},
		{"[user] or owner", "owner or [user]", `m.fga:15:29: a list of types stands behind something else in the relation "editor"; write the list first, or into a relation of its own`},
		{"define owner: [user]", "define owner:\n      [user]", `m.fga:15:7: "[" goes on in another line; write it into one line`},
		{"define owner: [user]\n", "define owner: [user] ", `m.fga:14:30: "define" stands behind something else; begin a new line`},
		{"model\n", "model ", `m.fga:1:9: "schema" stands behind something else; begin a new line`},
		{"type user\n", "type user type other\n", `m.fga:3:11: "type" stands behind something else; begin a new line`},
		{"type user\n", "type\nuser\n", `m.fga:4:1: "user" goes on in another line; write it into one line`},
		{"define owner: [user]", "define owner: []", `m.fga:14:20: expected the name of a type, found "]"; write a name: letters, digits, _ and -`},
	} {
		_, err := ParseModel("m.fga", strings.Replace(sound, c.old, c.new, 1))
		if e, ok := errors.AsType[*Error](err); !ok || e.Error() != c.want {
			t.Errorf("%s -> %s:\n got %v\nwant %s", c.old, c.new, err, c.want)
		}
	}
	if _, err := ParseModel("m.fga", sound); err != nil {
		t.Error(err)
	}
	_, err := ParseModel("m.fga", "model\n  schema 1.1\ntype doc\n  relations\n    define x: [usr]\n")
	if e, ok := errors.AsType[*Error](err); !ok || !strings.HasSuffix(e.Shown(), "\n      define x: [usr]\n                 ^") {
		t.Errorf("%v", err)
	}
}

func TestTuplesAreReadAsTheyAreWritten(t *testing.T) {
	for _, s := range []string{"doc:1#viewer@user:anne", "doc:1#viewer@group:eng#member", "doc:1#viewer@user:*", "doc:a@example.com#viewer@user:b@example.com"} {
		if got, err := ParseTuple(s); err != nil || got.String() != s {
			t.Errorf("%s: %s, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "doc:1", "doc:1#viewer", "doc:1#viewer@", "doc:1#viewer@user", "doc:*#viewer@user:1", "doc:1#v@user:*#member", "doc:1#v@user:a b", "doc:1#v@user:a:b", "d c:1#v@user:a", "doc:1#@user:a", "doc:1#v@user:a#", ":1#v@user:a", "doc:" + strings.Repeat("x", 300) + "#v@user:a"} {
		if got, err := ParseTuple(s); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q: %v, %v", s, got, err)
		}
	}
	for raw, want := range map[string]string{"*": "%2A", "urn:x#1": "urn%3Ax%231", "a b%": "a%20b%25", "anne@example.com": "anne@example.com", "x*": "x*", "\n": "%0A"} {
		if got := EscapeID(raw); got != want {
			t.Errorf("%q: %q; want %q", raw, got, want)
		}
	}
	m, err := ParseModel("m.fga", sound)
	if err != nil {
		t.Fatal(err)
	}
	for s, want := range map[string]string{
		"doc:1#owner@user:anne":         "",
		"folder:1#viewer@user:*":        "",
		"doc:1#viewer@user:anne":        "nobody is given viewer of doc by a tuple: it is computed",
		"doc:1#owner@group:eng#member":  "owner of doc is for [user], not for group#member",
		"doc:1#owner@user:*":            "owner of doc is for [user], not for user:*",
		"dok:1#owner@user:anne":         `the model has no type "dok"; is "doc" meant?`,
		"doc:1#ownr@user:anne":          `the type doc has no relation "ownr"; is "owner" meant?`,
		"group:1#member@group:1#member": "",
	} {
		tuple, err := ParseTuple(s)
		if err != nil {
			t.Fatal(err)
		}
		err = m.Valid(tuple)
		if (err == nil) != (want == "") || err != nil && (!errors.Is(err, ErrInvalid) || !strings.HasSuffix(err.Error(), want)) {
			t.Errorf("%s: %v; want %s", s, err, want)
		}
	}
}

// FuzzParseModel looks for models that are taken and cannot be asked.
func FuzzParseModel(f *testing.F) {
	f.Add(sound)
	f.Add("model\n schema 1.1\ntype a\n relations\n  define c: [a]\n  define d: [a]\n  define b: [a:*, a#b] and (d or c from d)")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := ParseModel("m.fga", text)
		if err != nil {
			if _, ok := errors.AsType[*Error](err); !ok {
				t.Fatalf("%T without a place: %v", err, err)
			}
			return
		}
		x := NewIndex()
		e, err := New(m, x, Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if err := x.Apply(Change{Revision: 1, Whole: true}); err != nil {
			t.Fatal(err)
		}
		for _, k := range m.Types() {
			for _, r := range m.Relations(k) {
				if a, err := e.Check(t.Context(), Revision{}, Subject{k, "1", ""}, r, Object{k, "1"}); err != nil || a.Held {
					t.Fatalf("%s of %s without a tuple: %v, %v", r, k, a, err)
				}
			}
		}
	})
}
