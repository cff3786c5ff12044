package secret

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const canary = "c4n4ry-value"

func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAReferenceToAFileIsResolved(t *testing.T) {
	for content, want := range map[string]string{canary: canary, canary + "\n": canary, canary + "\r\n": canary, canary + "\n\n": canary + "\n"} {
		var s Text
		if err := s.UnmarshalText([]byte("file:" + file(t, content))); err != nil {
			t.Fatal(err)
		}
		if s.Reveal() != want || s.Scheme() != "file" || s.IsZero() {
			t.Errorf("%q gives %q by %q", content, s.Reveal(), s.Scheme())
		}
	}
}

func TestAReferenceToTheEnvironmentSaysSo(t *testing.T) {
	t.Setenv("GATEHOUSE_TEST_SECRET", canary)
	var s Text
	if err := s.UnmarshalText([]byte("env:GATEHOUSE_TEST_SECRET")); err != nil {
		t.Fatal(err)
	}
	if s.Reveal() != canary || s.Scheme() != "env" {
		t.Errorf("got %q by %q", s.Reveal(), s.Scheme())
	}
}

func TestEverythingElseIsRefusedAndNotRepeated(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for in, want := range map[string]error{
		canary:                     ErrLiteral,
		"":                         ErrLiteral,
		"pem:" + canary:            ErrLiteral,
		"kms:" + canary:            ErrUnavailable,
		"vault:" + canary:          ErrUnavailable,
		"env:GATEHOUSE_TEST_UNSET": nil,
		"file:" + missing:          os.ErrNotExist,
		"file:" + file(t, ""):      nil,
		"file:" + file(t, "\n"):    nil,
		"file:" + file(t, string(make([]byte, maxBytes+1))): nil,
	} {
		var s Text
		err := s.UnmarshalText([]byte(in))
		if err == nil || (want != nil && !errors.Is(err, want)) {
			t.Errorf("%.40q gives %v", in, err)
			continue
		}
		if strings.Contains(err.Error(), canary) {
			t.Errorf("the error repeats the text: %v", err)
		}
		if !s.IsZero() || s.Reveal() != "" {
			t.Errorf("%.40q leaves a value behind", in)
		}
	}
}

func TestASecretNeverPrints(t *testing.T) {
	s := Text{scheme: "file", value: canary}
	type holder struct{ Key Text }
	h := holder{s}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%T"} {
		fmt.Fprintf(&out, verb+" "+verb+" "+verb+"\n", s, &s, h)
	}
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", s, "holder", h)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "key", s, "holder", h)
	j, err := json.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(j)
	m, _ := s.MarshalText()
	out.Write(m)
	if strings.Contains(out.String(), canary) || strings.Contains(out.String(), fmt.Sprintf("%x", canary)) {
		t.Errorf("the secret is in:\n%s", out.String())
	}
	if string(j) != `{"Key":"[secret]"}` {
		t.Errorf("JSON is %s", j)
	}
}
