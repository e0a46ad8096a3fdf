package rules

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
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
	o := testOptions()
	o.Read = func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(filepath.Dir(path), name)) }
	return Parse(filepath.Base(path), src, o)
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

// Every slug that the package reports by is declared once, and every declared one is reported.
func TestCodesAreDeclared(t *testing.T) {
	t.Parallel()
	form := regexp.MustCompile(`"([a-z]+(?:-[a-z]+)*)"`)
	used := map[string]bool{}
	for _, path := range files(t, "*.go") {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "codes_") {
			continue
		}
		for _, m := range form.FindAllStringSubmatch(string(src), -1) {
			used[m[1]] = true
		}
		for _, m := range calls.FindAllStringSubmatch(string(src), -1) {
			if _, ok := codeOfSlug[m[1]]; !ok {
				t.Errorf("%s reports %s, which no table of codes_*.go declares", path, m[1])
			}
		}
	}
	ids, ranges := map[string]bool{}, map[Severity]string{SeverityError: "123", SeverityWarning: "567"}
	for i, c := range Codes() {
		switch {
		case !regexp.MustCompile(`^BS\d{3}$`).MatchString(c.ID), !strings.Contains(ranges[c.Severity], c.ID[2:3]):
			t.Errorf("%s is no %s", c.ID, c.Severity)
		case ids[c.ID], i > 0 && c.ID <= Codes()[i-1].ID:
			t.Errorf("%s is taken, or out of order", c.ID)
		case !used[c.Slug]:
			t.Errorf("nothing reports %s %s", c.ID, c.Slug)
		case c.Title == "" || strings.HasSuffix(c.Title, ".") || !strings.HasSuffix(c.Explanation, "."):
			t.Errorf("%s: a title has no full stop, an explanation has one", c.ID)
		}
		ids[c.ID] = true
	}
}

var calls = regexp.MustCompile(`(?:fail|failAt|failNode|warnAt|warnNode|warnStep|add)\((?:[^"\n]|"[^"\n]*\$)*?"([a-z]+(?:-[a-z]+)*)",`)

// Every problem has a code, a place and something to do about it, and every code is seen in some file.
func TestCodesAreCovered(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{"too-large": true, "risk-without-limit": true, "risk-without-on-error": true, "no-test": true} // TestTooLarge, TestExamplesOfCodes
	for _, path := range append(files(t, "testdata/bad/*.yaml"), files(t, "testdata/good/*.yaml")...) {
		_, problems := parseFile(t, path)
		for _, p := range problems {
			c, ok := CodeNamed(p.Code)
			seen[c.Slug] = true
			if !ok || p.Message == "" || p.Hint == "" || p.Line < 1 || p.Column < 1 || p.Width < 1 || p.File == "" {
				t.Errorf("%s: incomplete problem %+v", path, p)
			}
			if ok && p.Severity != c.Severity {
				t.Errorf("%s: %s is a %s", path, p.Code, c.Severity)
			}
		}
	}
	for _, c := range Codes() {
		if !seen[c.Slug] {
			t.Errorf("no file under testdata gives %s %s", c.ID, c.Slug)
		}
	}
}
