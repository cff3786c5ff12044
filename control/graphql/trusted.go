package graphql

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// trusted are the documents that an operator vouches for, by the SHA-256 of their
// text. nil is none.
type trusted struct {
	byHash map[hash]*document
	byName map[string]*document // by the name that a manifest gives one, where it is another
}

// document is one trusted document.
type document struct {
	text  string
	bytes []byte // the same
}

// The bounds of trusted documents.
const (
	maxManifest  = 64 << 20
	maxDocuments = 10_000
)

// loadTrusted reads trusted documents from a manifest or a folder.
func loadTrusted(path gatehouse.File) (*trusted, error) {
	if path == "" {
		return nil, nil
	}
	fault := func(says, fix string) error {
		return &gatehouse.Fault{Key: "documents", Says: says, Fix: fix}
	}
	info, err := os.Stat(string(path))
	if err != nil {
		return nil, fault("the documents cannot be read: "+cause(err).Error(), "the path of a JSON manifest, or of a folder of .graphql files")
	}
	t := &trusted{byHash: map[hash]*document{}, byName: map[string]*document{}}
	if info.IsDir() {
		err = t.folder(string(path))
	} else {
		err = t.manifest(string(path))
	}
	switch {
	case err != nil:
		return nil, fault(filepath.Base(string(path))+": "+err.Error(), `{"<sha256>": "query ..."}, Apollo's manifest of persisted queries, or a folder of .graphql files`)
	case len(t.byHash) == 0:
		return nil, fault(filepath.Base(string(path))+" holds no document", "at least one document")
	case len(t.byHash) > maxDocuments:
		return nil, fault(fmt.Sprintf("there are more than %d documents", maxDocuments), "fewer")
	}
	return t, nil
}

func (t *trusted) folder(path string) error {
	files, err := filepath.Glob(filepath.Join(path, "*.graphql"))
	if err != nil {
		return err
	}
	slices.Sort(files)
	for _, f := range files {
		text, err := readFile(f, maxManifest)
		if err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(f), err)
		}
		t.add("", string(text))
	}
	return nil
}

// manifest reads {"name": "document"}, or the operations of Apollo's manifest.
func (t *trusted) manifest(path string) error {
	text, err := readFile(path, maxManifest)
	if err != nil {
		return err
	}
	var d jsonwalk.Doc
	if err := d.Parse(text, jsonwalk.Limits{Bytes: maxManifest, Keys: maxDocuments}); err != nil {
		return err
	}
	if d.Kind(0) != jsonwalk.Object {
		return fmt.Errorf("it is no object")
	}
	if ops := d.Member(0, "operations"); ops != jsonwalk.Missing && d.Kind(ops) == jsonwalk.Array {
		for c, end := ops+1, d.Next(ops); c < end; c = d.Next(c) {
			id, body := d.Member(c, "id"), d.Member(c, "body")
			if d.Kind(c) != jsonwalk.Object || id == jsonwalk.Missing || body == jsonwalk.Missing || d.Kind(id) != jsonwalk.String || d.Kind(body) != jsonwalk.String {
				return fmt.Errorf("an operation lacks its id or its body")
			}
			if err := t.claim(string(d.Text(id)), string(d.Text(body))); err != nil {
				return err
			}
		}
		return nil
	}
	for c, end := 1, d.Next(0); c < end; c = d.Next(c) {
		if d.Kind(c) != jsonwalk.String {
			return fmt.Errorf("a document is a text")
		}
		if err := t.claim(string(d.Name(c)), string(d.Text(c))); err != nil {
			return err
		}
	}
	return nil
}

// claim adds a document under the name that is claimed for it. A name that looks like
// a SHA-256 must be the document's own.
func (t *trusted) claim(name, text string) error {
	bare := strings.TrimPrefix(name, "sha256:")
	if b, err := hex.DecodeString(bare); err == nil && len(b) == sha256.Size {
		if hash(b) != hash(sha256.Sum256([]byte(text))) {
			return fmt.Errorf("the document %.12s... has another SHA-256", bare)
		}
		name = ""
	}
	if name != "" && t.byName[name] != nil {
		return fmt.Errorf("two documents are called %q", name)
	}
	t.add(name, text)
	return nil
}

func (t *trusted) add(name, text string) {
	d := &document{text: text, bytes: []byte(text)}
	t.byHash[hash(sha256.Sum256(d.bytes))] = d
	if name != "" {
		t.byName[name] = d
	}
}

// has reports whether a text is one of the trusted documents.
func (t *trusted) has(text []byte) bool { return t.byHash[hash(sha256.Sum256(text))] != nil }

// named returns the document of a name: its SHA-256 in hexadecimal digits, with or
// without "sha256:" in front, or what the manifest calls it.
func (t *trusted) named(name []byte) *document {
	if t == nil {
		return nil
	}
	bare := strings.TrimPrefix(string(name), "sha256:")
	var h hash
	if len(bare) == 2*len(h) {
		if _, err := hex.Decode(h[:], []byte(bare)); err == nil {
			return t.byHash[h]
		}
	}
	return t.byName[string(name)]
}
