package config_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/config"
)

// ops.reload: a changed file is noticed, also when another takes its place.
func TestAChangedFileIsNoticedOnceItHasSettled(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "gatehouse.yaml")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(path, "a")
	ctx, cancel := context.WithCancel(context.Background())
	changes, done := make(chan struct{}, 16), make(chan struct{})
	go func() {
		defer close(done)
		config.Watch(ctx, []string{path}, func() { changes <- struct{}{} })
	}()
	expect := func(what string) {
		t.Helper()
		select {
		case <-changes:
		case <-time.After(5 * time.Second):
			t.Fatalf("%s was not noticed", what)
		}
	}
	time.Sleep(50 * time.Millisecond) // let the watcher take its first look
	write(path, "ab")
	expect("a longer file")

	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "new")
	write(other, "ba")
	if err := os.Chtimes(other, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	expect("another file of the same size and time")

	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changes:
		t.Error("a vanished file was taken for a change")
	case <-time.After(1200 * time.Millisecond):
	}
	cancel()
	<-done
}
