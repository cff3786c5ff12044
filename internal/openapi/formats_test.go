package openapi

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

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
		if of.wrongAccept != 0 || of.wrongReject != 0 {
			t.Errorf("%s: %+v", file, of)
		}
	}
	t.Logf("figure other optional cases judged right %d/162, wrongly accepted %d/0, refused at load %d", n.right, n.wrongAccept, n.unsupported)
	if total := n.right + n.wrongReject + n.wrongAccept + n.unsupported; total != 162 {
		t.Errorf("%d cases, want 162", total)
	}
}
