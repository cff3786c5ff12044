package admin

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

// TokenName is the name of the token's file in the state folder.
const TokenName = "admin.token"

// The length of a token: 32 random bytes in base64url when it is ours, and no
// less than 128 bits in hexadecimal when it is an operator's.
const (
	tokenBytes = 32
	minToken   = 32
	maxToken   = 512
)

// makeToken makes the token's file unless it is there. It appears whole or not
// at all, and no two starts make two tokens.
func makeToken(path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("admin: making the state folder: %w", err)
	}
	secret := make([]byte, tokenBytes)
	if _, err := rand.Read(secret); err != nil {
		return fmt.Errorf("admin: making a token: %w", err)
	}
	// CreateTemp makes the file with mode 0600.
	file, err := os.CreateTemp(filepath.Dir(path), TokenName+".*")
	if err != nil {
		return fmt.Errorf("admin: making a token: %w", err)
	}
	defer os.Remove(file.Name())
	_, err = io.WriteString(file, base64.RawURLEncoding.EncodeToString(secret)+"\n")
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Link(file.Name(), path)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("admin: making a token: %w", err)
	}
	return nil
}

// ReadToken returns the token of a file that nobody but its owner can read.
func ReadToken(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("admin: reading the token: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", fmt.Errorf("admin: reading the token: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", &gatehouse.Fault{Key: "admin.token", Says: "others can read the token: " + path, Fix: "chmod 600 " + path}
	}
	text, err := io.ReadAll(io.LimitReader(file, maxToken+1))
	if err != nil {
		return "", fmt.Errorf("admin: reading the token: %w", err)
	}
	token := strings.TrimSpace(string(text))
	if len(token) < minToken || len(text) > maxToken {
		return "", &gatehouse.Fault{Key: "admin.token", Says: fmt.Sprintf("the token has %d bytes, which is not between %d and %d: %s", len(token), minToken, maxToken, path), Fix: "rm " + path + ", and a new one is made at the next start"}
	}
	return token, nil
}
