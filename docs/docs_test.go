package docs_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/engine/paper"
	"backstop/rules"
)

var update = flag.Bool("update", false, "write the generated tables into the pages")

// generated are the tables that stand between `<!-- name -->` and `<!-- end -->`, by page.
var generated = map[string]map[string]func(t *testing.T) string{
	"rules.md": {
		"words":      func(*testing.T) string { return wordTable(func(w rules.WordDoc) bool { return !isCall(w) }) },
		"functions":  func(*testing.T) string { return wordTable(isCall) },
		"file":       func(*testing.T) string { return fieldTable(rules.FileFields()) },
		"rule":       func(*testing.T) string { return fieldTable(rules.RuleFields()) },
		"guardrails": func(*testing.T) string { return fieldTable(rules.GuardrailFields()) },
		"codes":      func(*testing.T) string { return codeTable() },
		"kinds":      func(*testing.T) string { return kindTable() },
		"actions":    func(*testing.T) string { return actionTables() },
		"reasons":    func(*testing.T) string { return reasonList() },
	},
	"settings.md": {"settings": settingTable},
	"paper.md":    {"faults": faultList},
}

func TestTablesAreOfTheSource(t *testing.T) {
	for page, tables := range generated {
		have := readPage(t, page)
		want := have
		for name, table := range tables {
			want = replaceTable(t, page, want, name, table(t))
		}
		switch {
		case want == have:
		case *update:
			if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		default:
			t.Errorf("%s: a table has fallen behind the source: go test ./docs -update", page)
		}
	}
}

func replaceTable(t *testing.T, page, text, name, table string) string {
	t.Helper()
	before, rest, begins := strings.Cut(text, "<!-- "+name+" -->\n")
	_, after, ends := strings.Cut(rest, "<!-- end -->")
	if !begins || !ends {
		t.Fatalf("%s: no <!-- %s --> … <!-- end -->", page, name)
	}
	return before + "<!-- " + name + " -->\n\n" + table + "\n<!-- end -->" + after
}

func isCall(w rules.WordDoc) bool { return strings.HasSuffix(w.Name, ")") }

func wordTable(of func(rules.WordDoc) bool) string {
	var b strings.Builder
	b.WriteString("| word | type | example | meaning |\n| --- | --- | --- | --- |\n")
	for _, w := range rules.WordList() {
		if !of(w) {
			continue
		}
		kind := w.Type
		if w.Unit != "" {
			kind += ", " + w.Unit
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", code(w.Name), kind, code(w.Example), w.Doc)
	}
	return b.String()
}

func fieldTable(table []rules.Param) string {
	var b strings.Builder
	b.WriteString("| field | what you write | example | without it |\n| --- | --- | --- | --- |\n")
	var later []string
	for _, p := range table {
		if slices.Contains(p.Later, "") {
			later = append(later, code(p.Name))
			continue
		}
		var words []string
		for _, w := range p.Enum {
			if slices.Contains(p.Later, w) {
				later = append(later, code(p.Name+": "+w))
			} else {
				words = append(words, code(w))
			}
		}
		doc, without := p.Doc, p.Default
		if len(words) > 1 {
			doc = strings.Join(words, ", ") + ": " + doc
		}
		if p.Unit != "" {
			doc += " (" + p.Unit + ")"
		}
		if p.Required {
			without = "(required)"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", code(p.Name), doc, code(p.Example), without)
	}
	return b.String() + notYet(later)
}

func codeTable() string {
	var b strings.Builder
	b.WriteString("| code | | what it says |\n| --- | --- | --- |\n")
	for _, c := range rules.Codes() {
		fmt.Fprintf(&b, "| [%s](check.md#%s-%s) | %s | %s |\n", c.ID, strings.ToLower(c.ID), c.Slug, c.Severity, c.Title)
	}
	return b.String()
}

func kindTable() string {
	var b strings.Builder
	b.WriteString("| kind | of | when |\n| --- | --- | --- |\n")
	var later []string
	for _, k := range order.Kinds() {
		if !k.Built {
			later = append(later, code(string(k.Kind)))
			continue
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", code(string(k.Kind)), k.Of, k.Doc)
	}
	return b.String() + notYet(later)
}

func actionTables() string {
	var b strings.Builder
	var later []string
	for _, s := range actions.Builtin() {
		if s.Later {
			later = append(later, code(s.Name))
			continue
		}
		fmt.Fprintf(&b, "### %s\n\n%s.\n\n", s.Name, strings.ToUpper(s.Doc[:1])+s.Doc[1:])
		b.WriteString(paramTable(s))
	}
	return b.String() + notYet(later)
}

func paramTable(s rules.Spec) string {
	var b strings.Builder
	var later []string
	for _, p := range s.Params {
		if slices.Contains(p.Later, "") {
			later = append(later, code(p.Name))
			continue
		}
		if b.Len() == 0 {
			b.WriteString("| parameter | type | default | meaning |\n| --- | --- | --- | --- |\n")
		}
		kind, fallback := string(p.Type), code(p.Default)
		if p.Required {
			fallback = "(required)"
		}
		if p.Unit != "" {
			kind += ", " + p.Unit
		}
		var words []string
		for _, w := range p.Enum {
			if slices.Contains(p.Later, w) {
				later = append(later, code(p.Name+": "+w))
			} else {
				words = append(words, code(w))
			}
		}
		if words != nil {
			kind = strings.Join(words, ", ")
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", code(p.Name), kind, fallback, p.Doc)
	}
	if b.Len() == 0 {
		b.WriteString("No parameters.\n")
	}
	b.WriteString("\n")
	if s.Short != "" {
		fmt.Fprintf(&b, "Short form: `- %s: \"…\"` fills %s.\n\n", s.Name, code(s.Short))
	}
	var results []string
	for _, r := range s.Results {
		results = append(results, fmt.Sprintf("`action.%s` (%s)", r.Name, r.Doc))
	}
	if results != nil {
		fmt.Fprintf(&b, "Gives: %s.\n\n", strings.Join(results, ", "))
	}
	if later != nil {
		b.WriteString(notYet(later)[1:] + "\n")
	}
	return b.String()
}

func reasonList() string {
	var words []string
	for _, c := range actions.Reasons() {
		words = append(words, code(string(c)))
	}
	return strings.Join(words, ", ") + ".\n"
}

func faultList(t *testing.T) string {
	_, err := paper.ParseFaults("?")
	if err == nil {
		t.Fatal("? is a fault")
	}
	_, list, ok := strings.Cut(err.Error(), "there are ")
	if !ok {
		t.Fatalf("no list of faults in %q", err)
	}
	var words []string
	for name := range strings.SplitSeq(list, ", ") {
		words = append(words, code(name))
	}
	return strings.Join(words, ", ") + ".\n"
}

func notYet(names []string) string {
	if names == nil {
		return ""
	}
	return "\nNot in this version: " + strings.Join(names, ", ") + ".\n"
}

func code(text string) string {
	if text == "" {
		return ""
	}
	return "`" + text + "`"
}

// settingTable reads the literals of settingTable in cmd/backstop/config.go: a main package can't be imported.
func settingTable(t *testing.T) string {
	var b strings.Builder
	b.WriteString("| in backstop.yaml | variable | flag | default | meaning |\n| --- | --- | --- | --- | --- |\n")
	file := parseGo(t, "../cmd/backstop/config.go")
	words := map[string]string{}
	rows := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for i, name := range spec.Names {
			if i >= len(spec.Values) {
				break
			}
			if text, ok := textOf(spec.Values[i], nil); ok {
				words[name.Name] = text
			}
			list, ok := spec.Values[i].(*ast.CompositeLit)
			if name.Name != "settingTable" || !ok {
				continue
			}
			for _, e := range list.Elts {
				var cells [5]string
				for j, v := range e.(*ast.CompositeLit).Elts[:5] {
					if cells[j], ok = textOf(v, words); !ok {
						t.Fatalf("setting %d, field %d: not a text", rows, j)
					}
				}
				flag := ""
				if cells[2] != "" {
					flag = "--" + cells[2]
				}
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", code(cells[0]), code(cells[1]), code(flag), code(cells[3]), cells[4])
				rows++
			}
		}
		return true
	})
	if rows < 10 {
		t.Fatalf("only %d settings found in config.go", rows)
	}
	return b.String()
}

func textOf(e ast.Expr, names map[string]string) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		return text, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		text, ok := names[e.Name]
		return text, ok
	}
	return "", false
}

// head is how a message of Backstop's own begins.
var head = regexp.MustCompile(`^([A-Z]{3,}(?: [A-Z]{2,})*) [%(]`)

func TestEveryMessageStandsOnItsPage(t *testing.T) {
	var heads []string
	for _, pattern := range []string{"../engine/lane/*.go", "../engine/*.go", "../cmd/backstop/reload.go", "../cmd/backstop/morning.go", "../cmd/backstop/serve.go"} {
		for _, text := range literals(t, pattern) {
			if m := head.FindStringSubmatch(text); m != nil && !slices.Contains(heads, m[1]) {
				heads = append(heads, m[1])
			}
		}
	}
	page := readPage(t, "messages.md")
	var told []string
	for _, m := range regexp.MustCompile(`(?m)^## ([A-Z]{3,}(?: [A-Z]{2,})*)$`).FindAllStringSubmatch(page, -1) {
		told = append(told, m[1])
	}
	for _, h := range heads {
		if !slices.Contains(told, h) {
			t.Errorf("messages.md has no heading %q", h)
		}
	}
	for _, h := range told {
		if !slices.Contains(heads, h) {
			t.Errorf("messages.md has %q, which nothing says any more", h)
		}
	}
	if len(heads) < 10 {
		t.Errorf("only %d messages found: %v", len(heads), heads)
	}
}

// literals are all texts of the Go files of a pattern, tests left out.
func literals(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatal(pattern, err)
	}
	var out []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		ast.Inspect(parseGo(t, name), func(n ast.Node) bool {
			if e, ok := n.(*ast.BasicLit); ok && e.Kind == token.STRING {
				if text, err := strconv.Unquote(e.Value); err == nil {
					out = append(out, text)
				}
			}
			return true
		})
	}
	return out
}

func parseGo(t *testing.T, name string) *ast.File {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// TestControlEndpoints: what control.go serves stands on the page, and the page names nothing else.
func TestControlEndpoints(t *testing.T) {
	source, err := os.ReadFile("../engine/paper/control.go")
	if err != nil {
		t.Fatal(err)
	}
	var served []string
	for _, m := range regexp.MustCompile(`(?m)^\s+(?:post|get)\("([a-z_/]+)"`).FindAllSubmatch(source, -1) {
		served = append(served, string(m[1]))
	}
	page := readPage(t, "paper.md")
	for _, name := range served {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("paper.md does not list the control endpoint `%s`", name)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^paper ([a-z_/]+)`).FindAllStringSubmatch(page, -1) {
		if !slices.Contains(served, m[1]) {
			t.Errorf("paper.md calls %s, which nobody serves", m[1])
		}
	}
	if len(served) < 20 {
		t.Errorf("only %d endpoints found", len(served))
	}
}

var (
	fence = regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$")
	link  = regexp.MustCompile(`\]\(([^)#]+?)(?:#[^)]*)?\)`)
)

// TestExamples: every rules file on a page is free of errors and warnings, every price script can be read, and
// every link leads somewhere.
func TestExamples(t *testing.T) {
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	o := rules.Options{Specs: actions.Builtin(), Channels: []string{rules.SettingsChannel}}
	for _, c := range actions.Reasons() {
		o.Reasons = append(o.Reasons, string(c))
	}
	examples := 0
	for _, page := range pages {
		text := readPage(t, page)
		for _, m := range fence.FindAllStringSubmatch(text, -1) {
			switch {
			case page == "check.md": // wrong ones too: TestExamplesOfCodes of rules proves both
			case m[1] == "yaml" && strings.HasPrefix(m[2], "version:"):
				examples++
				for _, problem := range checked(m[2], o) {
					t.Errorf("%s: %s\n%s", page, problem, m[2])
				}
			case m[1] == "prices":
				examples++
				if _, err := paper.ParseScript(m[2]); err != nil {
					t.Errorf("%s: %v", page, err)
				}
			}
		}
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(m[1]); err != nil {
				t.Errorf("%s: the link %s leads nowhere", page, m[1])
			}
		}
	}
	if examples < 2 {
		t.Errorf("only %d examples found", examples)
	}
}

// checked are the problems of a rules file, warnings too.
func checked(text string, o rules.Options) []string {
	o.Env = func(string) (string, bool) { return "1", true }
	_, problems := rules.Parse("rules.yaml", []byte(text), o)
	var out []string
	for _, p := range problems {
		out = append(out, fmt.Sprintf("line %d: %s (%s)", p.Line, p.Message, p.Hint))
	}
	return out
}

// Citations of kite.md, as comments and pages write them: `docs/kite.md 3.9`, with more behind it after a comma, "and", "or"
// or "to". A comment may break its line anywhere in one.
var (
	citation  = regexp.MustCompile(`docs/kite\.md (\d+\.\d+(?:(?: \([a-z-]+\))?(?:,|,? (?:and|or|to)) \d+\.\d+)*)`)
	section   = regexp.MustCompile(`\d+\.\d+`)
	brokenAt  = regexp.MustCompile(`\n[ \t]*(?://+|#+)?[ \t]*`)
	trap      = regexp.MustCompile(`[Tt]raps? ?(\d+(?:(?:,|,? and) \d+)*)`)
	reference = regexp.MustCompile(`\[([^\[\]]+)\](?:\[([^\[\]]+)\])?([(:]?)`)
)

// TestFactsOfKite: every section of kite.md that is cited anywhere is there, and every section is cited or says that it is
// background. The same holds for the numbered traps, of which engine/kite speaks.
func TestFactsOfKite(t *testing.T) {
	page := readPage(t, "kite.md")
	sections := map[string]bool{} // true: background, cited or not
	var chapter, last int
	for _, m := range regexp.MustCompile(`(?m)^##(#?) (\d+)(?:\.(\d+))? (.*)$`).FindAllStringSubmatch(page, -1) {
		c, _ := strconv.Atoi(m[2])
		if m[1] == "" {
			chapter, last = chapter+1, 0
			if c != chapter {
				t.Errorf("kite.md: chapter %q comes behind %d", m[2], chapter-1)
			}
			continue
		}
		last++
		if name := m[2] + "." + m[3]; name != fmt.Sprintf("%d.%d", chapter, last) {
			t.Errorf("kite.md: section %s is out of order", name)
		} else {
			sections[name] = strings.HasSuffix(m[4], "(background)")
		}
	}
	traps := map[string]bool{}
	_, list, _ := strings.Cut(page, "### 8.4 Traps\n")
	list, _, _ = strings.Cut(list, "\n### ")
	for _, m := range regexp.MustCompile(`(?m)^(\d+)\. `).FindAllStringSubmatch(list, -1) {
		traps[m[1]] = false
	}
	if len(sections) < 30 || len(traps) < 10 {
		t.Fatalf("only %d sections and %d traps found", len(sections), len(traps))
	}
	cited, trapped := map[string]bool{}, map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == ".git" || entry.Name() == "node_modules"):
			return filepath.SkipDir
		case entry.IsDir(), path == filepath.Join("..", "docs", "docs_test.go"):
			return nil
		case !slices.Contains([]string{".go", ".md", ".mjs", ".yaml", ".yml", ".txt"}, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		joined := brokenAt.ReplaceAllString(string(text), " ")
		for _, m := range citation.FindAllStringSubmatch(joined, -1) {
			for _, name := range cites(m[1]) {
				if cited[name] = true; !has(sections, name) {
					t.Errorf("%s cites docs/kite.md %s, which is no section of it", path, name)
				}
			}
		}
		if filepath.Dir(path) != filepath.Join("..", "engine", "kite") {
			return nil
		}
		for _, m := range trap.FindAllStringSubmatch(joined, -1) {
			for _, n := range regexp.MustCompile(`\d+`).FindAllString(m[1], -1) {
				if trapped[n] = true; !has(traps, n) {
					t.Errorf("%s speaks of trap %s, which docs/kite.md 8.4 has not", path, n)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, background := range sections {
		if cited[name] == background {
			t.Errorf("kite.md: section %s is cited: %t, is background: %t", name, cited[name], background)
		}
	}
	for n := range traps {
		if !trapped[n] {
			t.Errorf("kite.md: nothing speaks of trap %s of 8.4", n)
		}
	}
}

// cites are the sections of one citation. Of "3.1 to 3.3" 3.2 is meant too.
func cites(list string) []string {
	names := section.FindAllString(list, -1)
	for _, m := range regexp.MustCompile(`(\d+)\.(\d+) to (\d+)\.(\d+)`).FindAllStringSubmatch(list, -1) {
		from, _ := strconv.Atoi(m[2])
		to, _ := strconv.Atoi(m[4])
		for n := from + 1; n < to; n++ {
			names = append(names, fmt.Sprintf("%s.%d", m[1], n))
		}
	}
	return names
}

func has(set map[string]bool, name string) bool {
	_, ok := set[name]
	return ok
}

// TestSourcesOfKite: every source that kite.md names in brackets has an address, and every address is named.
func TestSourcesOfKite(t *testing.T) {
	page := regexp.MustCompile("`[^`\n]*`").ReplaceAllString(readPage(t, "kite.md"), "")
	defined, named := map[string]bool{}, map[string]bool{}
	for _, m := range reference.FindAllStringSubmatch(page, -1) {
		switch {
		case m[3] == ":" && m[2] == "" && strings.Contains(page, "\n["+m[1]+"]: https://"):
			defined[m[1]] = true
		case m[3] == "(" && m[2] == "": // a link with its own address
		case m[2] != "":
			named[m[2]] = true
		default:
			named[m[1]] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if !defined[name] {
			t.Errorf("kite.md: [%s] has no address", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(defined)) {
		if !named[name] {
			t.Errorf("kite.md: nothing names [%s]", name)
		}
	}
	if len(defined) < 30 {
		t.Errorf("only %d sources found", len(defined))
	}
}

func readPage(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
