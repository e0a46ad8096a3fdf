package rules

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; -update writes it anew\n--- got\n%s\n--- want\n%s", path, got, want)
	}
}

func parseFile(t *testing.T, path string) (*Set, Problems) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return Parse(filepath.Base(path), src, testOptions())
}

func files(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: no files (%v)", pattern, err)
	}
	return paths
}

// Each bad file is refused, with exactly the problems beside it.
func TestBad(t *testing.T) {
	t.Parallel()
	for _, path := range files(t, "testdata/bad/*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			set, problems := parseFile(t, path)
			if len(problems.Errors()) == 0 || set != nil {
				t.Errorf("accepted, with %v", problems)
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".want", problems.Error()+"\n")
		})
	}
}

// Each good file is accepted, with the warnings beside it.
func TestGood(t *testing.T) {
	t.Parallel()
	for _, path := range files(t, "testdata/good/*.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			set, problems := parseFile(t, path)
			if set == nil {
				t.Errorf("refused: %v", problems.Errors())
			}
			if strings.HasPrefix(filepath.Base(path), "warn") && len(problems) == 0 {
				t.Error("no warnings")
			}
			golden(t, strings.TrimSuffix(path, ".yaml")+".want", problems.Error()+"\n")
		})
	}
}

// Every code that the package can report is reported by some file, and has a hint or a message that says all.
func TestCodesAreCovered(t *testing.T) {
	t.Parallel()
	var declared []string
	form := regexp.MustCompile(`(?:fail|failAt|failNode|warnAt|warnNode|warnStep|add|refuse)\((?:[^"\n]|"[^"\n]*\$)*?"([a-z]+(?:-[a-z]+)*)",`)
	for _, path := range files(t, "*.go") {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		for _, m := range form.FindAllStringSubmatch(string(src), -1) {
			declared = append(declared, m[1])
		}
	}
	slices.Sort(declared)
	declared = slices.Compact(declared)
	seen := map[string]bool{"too-large": true} // TestTooLarge
	for _, path := range append(files(t, "testdata/bad/*.yaml"), files(t, "testdata/good/*.yaml")...) {
		_, problems := parseFile(t, path)
		for _, p := range problems {
			seen[p.Code] = true
			if p.Message == "" || p.Hint == "" || p.Line < 1 || p.Column < 1 || p.Width < 1 || p.File == "" {
				t.Errorf("%s: incomplete problem %+v", path, p)
			}
		}
	}
	for _, code := range declared {
		if !seen[code] {
			t.Errorf("no file under testdata gives %s", code)
		}
	}
	if len(declared) < 40 {
		t.Errorf("only %d codes found in the source: %v", len(declared), declared)
	}
}
