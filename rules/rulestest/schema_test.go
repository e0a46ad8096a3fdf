package rulestest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"backstop/rules/rulestest"
)

func compiledSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(rulestest.Schema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("tests.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("tests.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSchemaIsKept(t *testing.T) {
	t.Parallel()
	const page = "../../docs/schema/tests.json"
	want := rulestest.Schema()
	if *rewrite {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, want) {
		t.Errorf("%s has fallen behind the source: go test ./rules/rulestest -update", page)
	}
}

// decoded reads a file as an editor's language server does: a date is a text.
func decoded(t *testing.T, path string) (any, bool) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if yaml.Unmarshal(src, &v) != nil {
		return nil, false
	}
	return plain(v), true
}

func plain(v any) any {
	switch v := v.(type) {
	case time.Time:
		return v.Format(time.DateOnly)
	case map[string]any:
		for k, e := range v {
			v[k] = plain(e)
		}
	case []any:
		for i, e := range v {
			v[i] = plain(e)
		}
	}
	return v
}

// An editor accepts every test file that can be run, and underlines every one that has a mistake in its form.
func TestSchemaOfTestFiles(t *testing.T) {
	t.Parallel()
	s := compiledSchema(t)
	good := 0
	for _, pattern := range []string{"../../*_test.yaml", "../../examples/*/*_test.yaml", "testdata/*_test.yaml", "testdata/failing/*.yaml"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			good++
			v, ok := decoded(t, path)
			if !ok {
				t.Fatalf("%s can't be read", path)
			}
			if err := s.Validate(v); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	bad, _ := filepath.Glob("testdata/bad/*.yaml")
	refused := 0
	for _, path := range bad {
		if filepath.Base(path) == "norules.yaml" { // its form is right
			continue
		}
		if v, ok := decoded(t, path); ok {
			refused++
			if s.Validate(v) == nil {
				t.Errorf("%s is fine for the schema", path)
			}
		}
	}
	if good < 8 || refused < 2 {
		t.Errorf("only %d good files and %d bad ones", good, refused)
	}
}
