// Package keyfile keeps a secret key in a file of the state folder: made once, by
// whoever comes first, and read by its owner alone.
package keyfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Size is the length of a key in bytes.
const Size = 32

// ErrUntrusted says that a key file cannot be trusted.
var ErrUntrusted = errors.New("keyfile: the key file is not 32 bytes that only its owner can read")

// Open reads the key file, and makes it, and its folder, when it is not there. It
// returns an error that wraps [ErrUntrusted] for one that others may read.
func Open(path string) ([]byte, error) {
	key := make([]byte, Size)
	_, _ = rand.Read(key) // never fails
	err := create(path, key)
	if errors.Is(err, fs.ErrExist) {
		key, err = read(path)
	}
	if err != nil {
		return nil, fmt.Errorf("keyfile: opening %s: %w", path, err)
	}
	return key, nil
}

// create writes the file whole or not at all: of several processes one makes it.
func create(path string, key []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err := f.Write(key); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path)
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	key, err := os.ReadFile(path)
	switch {
	case err != nil:
		return nil, err
	case info.Mode().Perm()&0o077 != 0 || len(key) != Size:
		return nil, ErrUntrusted
	}
	return key, nil
}
