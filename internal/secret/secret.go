// Package secret keeps secrets out of configuration files, logs and answers. A
// secret is written as a reference, is read once at load, and shows itself to
// nobody but the code that asks for it by name.
package secret

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
)

// maxBytes is the most bytes that are read of a file: 64 KiB.
const maxBytes = 64 << 10

const shown = "[secret]"

// ErrLiteral is returned for a secret that stands in the configuration itself.
var ErrLiteral = errors.New("secret: a secret must not stand in the configuration")

// ErrUnavailable is returned for a scheme that this release cannot resolve.
var ErrUnavailable = errors.New("secret: scheme not available in this release")

// Text is a secret that was resolved from a reference. The zero Text is empty.
// It prints as "[secret]" through every verb of package fmt, log/slog and JSON.
type Text struct {
	scheme string
	value  string
}

// UnmarshalText resolves a reference: "file:PATH" (one trailing line end is
// removed) or "env:NAME", which is for development and must be refused in
// production by who reads [Text.Scheme]. A literal gives [ErrLiteral]; "kms:"
// and "vault:" give [ErrUnavailable]. The errors never hold the text itself,
// since it may be the secret.
func (t *Text) UnmarshalText(text []byte) error {
	scheme, rest, found := strings.Cut(string(text), ":")
	switch {
	case found && scheme == "file":
		return t.fromFile(rest)
	case found && scheme == "env":
		return t.fromEnvironment(rest)
	case found && (scheme == "kms" || scheme == "vault"):
		return fmt.Errorf("%w: %s:; write: file:PATH", ErrUnavailable, scheme)
	}
	return fmt.Errorf("%w; write: file:PATH, or env:NAME in development", ErrLiteral)
}

func (t *Text) fromFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("secret: reading: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBytes+1))
	if err != nil {
		return fmt.Errorf("secret: reading: %w", err)
	}
	if len(data) > maxBytes {
		return fmt.Errorf("secret: file %s is larger than %d bytes", path, maxBytes)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if value == "" {
		return fmt.Errorf("secret: file %s is empty", path)
	}
	*t = Text{scheme: "file", value: value}
	return nil
}

func (t *Text) fromEnvironment(name string) error {
	value := os.Getenv(name)
	if value == "" {
		return fmt.Errorf("secret: environment variable %s is not set", name)
	}
	*t = Text{scheme: "env", value: value}
	return nil
}

// Reveal returns the secret. It is the only way to it, so that a search for
// this name finds every use.
func (t Text) Reveal() string { return t.value }

// Scheme returns where the secret came from, "file" or "env", or "" for the
// zero Text.
func (t Text) Scheme() string { return t.scheme }

// IsZero reports whether nothing was configured.
func (t Text) IsZero() bool { return t.scheme == "" }

// String returns "[secret]".
func (t Text) String() string { return shown }

// GoString returns "[secret]".
func (t Text) GoString() string { return shown }

// Format writes "[secret]" for every verb, those that look into structs included.
func (t Text) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, shown) }

// MarshalText returns "[secret]".
func (t Text) MarshalText() ([]byte, error) { return []byte(shown), nil }

// MarshalJSON returns "[secret]" as a JSON string.
func (t Text) MarshalJSON() ([]byte, error) { return []byte(`"` + shown + `"`), nil }

// LogValue returns "[secret]" for log/slog.
func (t Text) LogValue() slog.Value { return slog.StringValue(shown) }
