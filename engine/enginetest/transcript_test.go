package enginetest_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"backstop/engine/enginetest"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/journal/sqlite"
)

var update = flag.Bool("update", false, "write down what the stories of engine/testdata tell now, for people to review")

// inMemory is a shelf whose folders live as long as it does.
func inMemory() enginetest.Shelf {
	folders := map[string]*memory.Store{}
	return func(folder string) (journal.Store, error) {
		if s := folders[folder]; s != nil {
			folders[folder] = s.Reopen()
		} else {
			folders[folder] = memory.New()
		}
		return folders[folder], nil
	}
}

func onDisk(t *testing.T) enginetest.Shelf {
	t.Helper()
	dir := t.TempDir()
	return func(folder string) (journal.Store, error) {
		return sqlite.Open(t.Context(), filepath.Join(dir, folder), sqlite.Options{})
	}
}

// TestTranscripts plays each story of engine/testdata over both stores: what comes of it is what the story tells.
func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			story, err := enginetest.ParseTranscript(file, source)
			if err != nil {
				t.Fatal(err)
			}
			told, err := story.Play(inMemory())
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				if err := os.WriteFile(file, told.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				source = told.Bytes()
			}
			if diff := difference(string(source), string(told.Bytes())); diff != "" {
				t.Errorf("in memory: %s\n(go test ./engine/enginetest -run TestTranscripts -update writes it down)", diff)
			}
			again, err := story.Play(onDisk(t))
			if err != nil {
				t.Fatal(err)
			}
			if diff := difference(string(source), string(again.Bytes())); diff != "" {
				t.Errorf("on disk: %s", diff)
			}
		})
	}
}

// difference is the first line that differs, "" for none.
func difference(want, got string) string {
	w, g := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(w), len(g)) {
		a, b := "(end)", "(end)"
		if i < len(w) {
			a = w[i]
		}
		if i < len(g) {
			b = g[i]
		}
		if a != b {
			return fmt.Sprintf("line %d\n  want %s\n  got  %s", i+1, a, b)
		}
	}
	return ""
}
