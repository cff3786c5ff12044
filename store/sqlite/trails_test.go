package sqlite

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func openAt(t *testing.T, path string, now *time.Time) *Trails {
	t.Helper()
	trails, err := OpenTrails(path, func() time.Time { return *now })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trails.Close() })
	return trails
}

// ops.explain
func TestATrailIsFoundByItsIDAlsoAfterReopening(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "state", "trails.db"), noon
	trails := openAt(t, path, &now)
	if err := trails.Append(t.Context(), []store.Trail{{ID: "a", At: noon, Document: []byte("1")}, {ID: "b", At: noon, Document: []byte("2")}}); err != nil {
		t.Fatal(err)
	}
	trails.Close()
	trails = openAt(t, path, &now)
	got, err := trails.Find(t.Context(), "b")
	if err != nil || string(got.Document) != "2" || !got.At.Equal(noon) {
		t.Errorf("Find = %+v, %v", got, err)
	}
	if _, err := trails.Find(t.Context(), "c"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("unknown id: %v", err)
	}
}

func TestNobodyElseCanReadTheFiles(t *testing.T) {
	dir, now := filepath.Join(t.TempDir(), "state"), noon
	path := filepath.Join(dir, "trails.db")
	trails := openAt(t, path, &now)
	if err := trails.Append(t.Context(), []store.Trail{{ID: "a", At: noon, Document: []byte("1")}}); err != nil {
		t.Fatal(err)
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) < 2 {
		t.Fatalf("no write-ahead log: %v", entries)
	}
	for _, e := range entries {
		if info, _ := e.Info(); info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Errorf("the folder has mode %v", info.Mode())
	}
	trails.Close()
	os.Chmod(path, 0o644)
	if _, err := OpenTrails(path, time.Now); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a file that others can read was opened: %v", err)
	}
	os.Chmod(path, 0o600)
	os.Chmod(dir, 0o777)
	if _, err := OpenTrails(path, time.Now); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("a folder that others can write to was used: %v", err)
	}
}

func TestTheOldestTrailsAreForgotten(t *testing.T) {
	now := noon
	trails := openAt(t, filepath.Join(t.TempDir(), "trails.db"), &now)
	trails.max = 10
	add := func(from, to int) {
		for i := from; i < to; i++ {
			if err := trails.Append(t.Context(), []store.Trail{{ID: strconv.Itoa(i), At: now, Document: []byte("x")}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	there := func(id int) bool {
		_, err := trails.Find(t.Context(), strconv.Itoa(id))
		return err == nil
	}
	add(0, 15)
	if there(4) || !there(5) || !there(14) {
		t.Errorf("of 15 trails with room for 10: 4 %v, 5 %v, 14 %v", there(4), there(5), there(14))
	}
	now = now.Add(MaxTrailAge + time.Second)
	if there(14) {
		t.Error("a trail was found after its time")
	}
	add(15, 16)
	var rows int
	if err := trails.db.QueryRow("SELECT count(*) FROM trail").Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d rows are left, %v; want the new one", rows, err)
	}
}

func TestAFileOfANewerProgramIsRefused(t *testing.T) {
	path, now := filepath.Join(t.TempDir(), "trails.db"), noon
	trails := openAt(t, path, &now)
	if _, err := trails.db.Exec("PRAGMA user_version = 99"); err != nil {
		t.Fatal(err)
	}
	trails.Close()
	if _, err := OpenTrails(path, time.Now); err == nil {
		t.Error("opened for writing")
	}
	if _, err := ReadTrails(path); err == nil {
		t.Error("opened for reading")
	}
}

const childPath = "GATEHOUSE_TEST_TRAILS"

// TestWriteUntilKilled is the child of the test below: it writes and says what
// was acknowledged.
func TestWriteUntilKilled(t *testing.T) {
	path := os.Getenv(childPath)
	if path == "" {
		return // not started by the kill test
	}
	trails, err := OpenTrails(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ {
		batch := make([]store.Trail, 20)
		for i := range batch {
			batch[i] = store.Trail{ID: fmt.Sprintf("%d-%d-%d", os.Getpid(), n, i), At: time.Now(), Document: []byte(strings.Repeat("x", 500))}
		}
		if err := trails.Append(context.Background(), batch); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("ack %d-%d\n", os.Getpid(), n)
	}
}

// ops.explain: what was acknowledged is there after a SIGKILL, and can be read
// while the next process writes.
func TestAcknowledgedTrailsSurviveASigkill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state", "trails.db")
	var acknowledged []string
	for round := range 5 {
		child := exec.Command(os.Args[0], "-test.run=^TestWriteUntilKilled$")
		child.Env = append(os.Environ(), childPath+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if batch, ok := strings.CutPrefix(lines.Text(), "ack "); ok {
				acknowledged = append(acknowledged, batch)
			}
			if n == 10 {
				reader(t, path, acknowledged[len(acknowledged)-1])
			}
			if n == 20+7*round {
				child.Process.Kill()
			}
		}
		child.Wait()
		// Before anyone repairs the file by opening it for writing.
		reader(t, path, acknowledged[len(acknowledged)-1])
	}
	trails, err := OpenTrails(path, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer trails.Close()
	if len(acknowledged) < 100 {
		t.Errorf("only %d batches were acknowledged", len(acknowledged))
	}
	for _, batch := range acknowledged {
		for i := range 20 {
			if _, err := trails.Find(t.Context(), fmt.Sprintf("%s-%d", batch, i)); err != nil {
				t.Fatalf("batch %s was acknowledged and lost: %v", batch, err)
			}
		}
	}
	var verdict string
	if err := trails.db.QueryRow("PRAGMA integrity_check").Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity: %q, %v", verdict, err)
	}
}

func reader(t *testing.T, path, batch string) {
	t.Helper()
	trails, err := ReadTrails(path)
	if err != nil {
		t.Fatalf("reading beside the writer: %v", err)
	}
	defer trails.Close()
	if _, err := trails.Find(t.Context(), batch+"-0"); err != nil {
		t.Errorf("reading beside the writer: batch %s: %v", batch, err)
	}
	if err := trails.Append(t.Context(), []store.Trail{{ID: "x", At: noon}}); err == nil {
		t.Error("a store opened for reading was written to")
	}
}
