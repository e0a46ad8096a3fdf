package rules_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"backstop/actions"
	"backstop/rules"
)

func updating() bool { return flag.Lookup("update").Value.String() == "true" }

// page compares a generated file with the one that is kept, or writes it anew.
func page(t *testing.T, path string, want []byte) {
	t.Helper()
	if updating() {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s has fallen behind the source: go test ./rules -update", path)
	}
}

func compiled(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaIsKept(t *testing.T) {
	t.Parallel()
	page(t, "../docs/schema/rules.json", rules.Schema(actions.Builtin()))
}

// What an editor accepts: every file that the parser accepts.
func TestSchemaTakesGoodFiles(t *testing.T) {
	t.Parallel()
	s := compiled(t, rules.Schema(actions.Builtin()))
	paths, _ := filepath.Glob("../examples/*/rules.yaml")
	paths = append(paths, "../rules.yaml")
	if len(paths) < 4 {
		t.Fatalf("only %v", paths)
	}
	texts := map[string]string{}
	for _, path := range paths {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = string(src)
	}
	for _, c := range rules.Codes() {
		texts[c.ID+" right"] = rules.Example(c.Right)
		if c.Severity == rules.SeverityWarning {
			texts[c.ID+" wrong"] = rules.Example(c.Wrong)
		}
	}
	good, _ := filepath.Glob("testdata/good/*.yaml")
	for _, path := range good {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if set, _ := rules.Parse(path, src, options()); set != nil { // those with actions of tests alone aside
			texts[path] = string(src)
		}
	}
	for name, text := range texts {
		var v any
		if err := yaml.Unmarshal([]byte(text), &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := s.Validate(v); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(texts) < 40 {
		t.Errorf("only %d files", len(texts))
	}
}

// structural are the codes of mistakes that a schema can see.
var structural = map[string]bool{"unknown-field": true, "missing-field": true, "bad-duration": true, "bad-time": true,
	"unknown-kind": true, "unknown-action": true, "exclusive": true, "wrong-version": true, "bad-name": true,
	"empty-value": true, "not-in-this-version": true, "wrong-type": true, "unknown-value": true}

// beyond are files whose mistakes no schema can tell, and what these are.
var beyond = map[string]string{
	"testdata/bad/bad-time-order.yaml":  "which of two times is the later",
	"testdata/bad/dynamic-pattern.yaml": "types within an expression",
	"testdata/bad/wrong-type.yaml":      "types within an expression",
	"testdata/bad/action-words.yaml":    "types within an expression",
	"testdata/bad/block-scalars.yaml":   "types within an expression",
	"BS204":                             "types within an expression",
}

// And what an editor underlines: every file with a structural mistake.
func TestSchemaRefusesBadFiles(t *testing.T) {
	t.Parallel()
	s := compiled(t, rules.Schema(actions.Builtin()))
	bad, _ := filepath.Glob("testdata/bad/*.yaml")
	texts := map[string]string{}
	for _, path := range bad {
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts[path] = string(src)
	}
	for _, c := range rules.Codes() {
		texts[c.ID] = rules.Example(c.Wrong)
	}
	seen := 0
	for name, text := range texts {
		_, problems := rules.Parse(name, []byte(text), options())
		is := false
		for _, p := range problems {
			c, _ := rules.CodeNamed(p.Code)
			is = is || structural[c.Slug]
		}
		var v any
		if !is || yaml.Unmarshal([]byte(text), &v) != nil {
			continue
		}
		seen++
		if _, except := beyond[name]; (s.Validate(v) == nil) != except {
			t.Errorf("%s is beyond the schema: %v; it has %v", name, except, problems.Errors())
		}
	}
	if seen < 15 {
		t.Errorf("only %d files", seen)
	}
}

// Every rules and test file that is shipped names its schema in the first line, by a path that works in a clone.
func TestShippedFilesNameTheirSchema(t *testing.T) {
	t.Parallel()
	seen := 0
	for pattern, schema := range map[string]string{"../rules.yaml": "rules.json", "../examples/*/rules*.yaml": "rules.json",
		"../rules_test.yaml": "tests.json", "../examples/*/*_test.yaml": "tests.json"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.yaml") && schema == "rules.json" {
				continue
			}
			seen++
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(src), "\n")
			named, ok := strings.CutPrefix(first, "# yaml-language-server: $schema=")
			if !ok || filepath.Join(filepath.Dir(path), named) != filepath.Join("..", "docs", "schema", schema) {
				rel, _ := filepath.Rel(filepath.Dir(path), filepath.Join("..", "docs", "schema", schema))
				t.Errorf("%s begins with %q, not with # yaml-language-server: $schema=%s", path, first, filepath.ToSlash(rel))
			}
		}
	}
	if seen < 4 {
		t.Errorf("only %d files", seen)
	}
}
