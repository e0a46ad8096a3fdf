package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"backstop/engine/order"
)

func TestLoad(t *testing.T) {
	t.Parallel()
	set, problems, err := Load("testdata/good/everything.yaml", testOptions())
	if err != nil || set == nil {
		t.Fatal(problems, err)
	}
	if set.Alerts() != "desk" || set.UnprotectedAfter() != 15*time.Second || len(set.Rules()) != 3 || len(set.Version()) != 12 {
		t.Errorf("%q %v %d %q", set.Alerts(), set.UnprotectedAfter(), len(set.Rules()), set.Version())
	}
	g := set.Guardrails()
	if g.MaxOrderValue != 500000*order.Rupee || g.MaxOrdersPerDay != 200 || g.MaxChain != 2 || g.MaxDailyLoss != 20*order.Rupee ||
		g.TradingHours != (Hours{9*60 + 20, 15 * 60}) || len(g.Instruments) != 2 || g.MaxOrdersPerMinute != 20 || g.MaxOpenPositions != 5 || g.MaxOrderQuantity != 1800 {
		t.Errorf("%+v", g)
	}
	r, ok := set.Rule("stop")
	if !ok || r.Mode != "live" || !r.Concerns("CD5678") || r.Concerns("XX") || r.Cooldown != 90*time.Second || r.By != BySymbol || r.Once != ByNone || !r.HasOnError || !r.Enabled {
		t.Errorf("%+v", r)
	}
	if r, _ := set.Rule("told"); r.Enabled || r.Once != ByOrder || !r.HasOnError || len(r.OnError) != 0 || r.By != ByRule {
		t.Errorf("%+v", r)
	}
	if _, ok := set.Rule("nope"); ok {
		t.Error("a rule that is not there")
	}
	if _, _, err := Load("testdata/nope.yaml", Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	if _, _, err := Load(t.TempDir(), Options{}); err == nil {
		t.Error("a folder")
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	set, problems := parseFile(t, "testdata/good/everything.yaml")
	if set == nil {
		t.Fatal(problems)
	}
	c, ok := set.Channel("desk")
	if !ok || c.Token.Reveal() != "123:token" || c.ChatID != "-42" || c.Kind != "telegram" || !c.Token.IsSet() {
		t.Fatal("the channel's values")
	}
	raw, err := json.Marshal(set.Channels())
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{string(raw), fmt.Sprint(c), fmt.Sprintf("%v %+v %#v %s %q %x %d", c, c, c, c.Token, c.Token, c.Token, c.Token), c.Token.String(), c.Token.GoString()} {
		if strings.Contains(text, "123") || strings.Contains(text, "3132") || strings.Contains(text, "[49 50") {
			t.Errorf("the token shows: %s", text)
		}
	}
	if text, _ := c.Token.MarshalText(); string(text) != hidden {
		t.Error("MarshalText")
	}
	if NewSecret("x").Reveal() != "x" {
		t.Error("NewSecret")
	}
	_, problems = Parse("r.yaml", []byte("version: 1\nchannels: { a: { telegram: { token: \"98765:hush\", chatid: 5 } } }\n"), testOptions())
	if text := problems.Error(); strings.Contains(text, "hush") || !strings.Contains(text, "chatid") {
		t.Errorf("a literal token shows: %s", text)
	}
}

func TestChannelsAndAlerts(t *testing.T) {
	t.Parallel()
	const desk = "channels: { desk: { telegram: { token: x, chat_id: 1 } } }\n"
	const two = "channels: { desk: { telegram: { token: x, chat_id: 1 } }, home: { telegram: { token: y, chat_id: 2 } } }\n"
	const rule = "rules: [{ name: r, on: fill, then: [{ telegram: hi }] }]\n"
	for _, c := range []struct {
		file   string
		made   []string
		alerts string
		to     string
	}{
		{rule, nil, "", "telegram"},
		{rule, []string{"telegram"}, "telegram", "telegram"},
		{desk + rule, nil, "desk", "desk"},
		{desk + rule, []string{"telegram"}, "desk", "desk"},
		{"alerts: none\n" + desk + rule, nil, "none", "desk"},
		{"alerts: none\n" + rule, nil, "none", "telegram"},
		{"alerts: home\n" + two + rule, nil, "home", "home"},
		{two + rule, []string{"telegram"}, "telegram", "telegram"},
		{"alerts: telegram\n" + two + rule, nil, "telegram", "telegram"},
	} {
		o := testOptions()
		o.Channels = c.made
		set, problems := Parse("r.yaml", []byte("version: 1\n"+c.file), o)
		if set == nil {
			t.Errorf("%s: %v", c.file, problems)
			continue
		}
		args, err := set.Rules()[0].Then[0].Evaluate(&Words{})
		if set.Alerts() != c.alerts || err != nil || args.Text("to") != c.to {
			t.Errorf("%s %v: alerts %q, to %q, %v", c.file, c.made, set.Alerts(), args.Text("to"), err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	t.Parallel()
	src := []byte("version: 1\nvars: { a: \"${env.NOPE}\" }\nrules: []\n")
	o := testOptions()
	if set, problems := Parse("r.yaml", src, o); set == nil || len(problems.Warnings()) != 1 || problems.Err() != nil {
		t.Errorf("check: %v", problems)
	}
	o.MissingEnvIsError = true
	if set, problems := Parse("r.yaml", src, o); set != nil || len(problems.Errors()) != 1 || problems.Err() == nil {
		t.Errorf("serve: %v", problems)
	}
	o.Env = nil
	if set, _ := Parse("r.yaml", src, o); set != nil {
		t.Error("no environment at all")
	}
	for text, want := range map[string]any{"20": 20, "2.5": 2.5, "true": true, "false": false, "x": "x", "010": "010", "1e999": "1e999", "": ""} {
		if got := fromEnvironment(text); got != want {
			t.Errorf("%q is %v (%T)", text, got, got)
		}
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	a, _ := parseFile(t, "testdata/good/sample.yaml")
	b, _ := parseFile(t, "testdata/good/crlf.yaml")
	c, _ := parseFile(t, "testdata/good/quiet.yaml")
	if a.Version() != b.Version() || a.Version() == c.Version() {
		t.Error(a.Version(), b.Version(), c.Version())
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	_, problems := Parse("r.yaml", make([]byte, fileSize+1), Options{})
	if len(problems) != 1 || problems[0].Code != "BS102" {
		t.Error(problems)
	}
}

func TestProblemJSON(t *testing.T) {
	t.Parallel()
	_, problems := parseFile(t, "testdata/bad/unknown-kind.yaml")
	raw, err := json.Marshal(problems[0])
	want := `{"file":"unknown-kind.yaml","line":4,"column":10,"severity":"error","code":"BS213","message":"unknown kind filled","hint":"did you mean fill?"}`
	if err != nil || string(raw) != want {
		t.Errorf("%s %v", raw, err)
	}
}

// A large file with mistakes that YAML stops at is told whole.
func TestManyMistakes(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("version: 1\nrules:\n")
	for i := range 300 {
		fmt.Fprintf(&b, "  - name: r%d\n    on: fill\n    when: order.tag == \"a: b\"\n    then:\n      - log: %sx\n", i, []string{"", "*", "\"a\" "}[i%3])
	}
	ends(t, "many mistakes", func() {
		if _, problems := Parse("r.yaml", []byte(b.String()), testOptions()); len(problems) < 300 {
			t.Errorf("%d problems", len(problems))
		}
	})
}

// Every character of a decoded value is found where it stands in the file, whichever way it is written.
func TestLocate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringMatching(`[a-zé]{1,4}`), 1, 8).Draw(t, "words")
		style := rapid.SampledFrom([]string{"plain", "single", "double", "literal", "folded"}).Draw(t, "style")
		sep := func() string {
			if rapid.Bool().Draw(t, "break") {
				return "\n    "
			}
			return " "
		}
		var body strings.Builder
		for i, w := range words {
			if i > 0 {
				body.WriteString(sep())
			}
			body.WriteString(w)
		}
		file := map[string]string{"plain": "k: %s\n", "single": "k: 'it''s %s'\n", "double": "k: \"\\t\\u00e9\\\" %s\"\n", "literal": "k: |\n    %s\n", "folded": "k: >\n    %s\n"}[style]
		s := newSource("x", fmt.Sprintf(file, body.String()))
		root, err := decode(s.text(0, len(s.lines)))
		if err != nil {
			t.Skip(err)
		}
		l := s.locate(root.Content[1])
		for i, r := range l.runes {
			line := s.lines[l.at[i].line-1]
			if r == ' ' || r == '\n' || r == '\t' || r == '"' || r == '\'' || l.at[i].column-1 < len(line) && line[l.at[i].column-1] == '\\' {
				continue
			}
			if l.at[i].column-1 >= len(line) || line[l.at[i].column-1] != r {
				t.Fatalf("%q of %q is not at %v of\n%s", r, root.Content[1].Value, l.at[i], s.text(0, len(s.lines)))
			}
		}
	})
}

// seeds are the files of testdata.
func seeds(t testing.TB) []string {
	var out []string
	for _, pattern := range []string{"testdata/good/*.yaml", "testdata/bad/*.yaml"} {
		paths, _ := filepath.Glob(pattern)
		for _, path := range paths {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(src))
		}
	}
	return out
}

// parsed is what must hold of any input: no panic, places inside the file, and what is accepted evaluates.
func parsed(t interface{ Fatalf(string, ...any) }, src string) {
	set, problems := Parse("f.yaml", []byte(src), testOptions())
	if (set == nil) != (len(problems.Errors()) > 0) {
		t.Fatalf("set %v with %v", set, problems)
	}
	lines := strings.Count(src, "\n") + strings.Count(src, "\r") + 2
	for _, p := range problems {
		if p.Line < 1 || p.Line > lines || p.Column < 1 || p.Code == "" || p.Message == "" {
			t.Fatalf("a problem out of place: %+v in %q", p, src)
		}
		_ = p.String()
	}
	if set == nil {
		return
	}
	w := aFill()
	for _, r := range set.Rules() {
		ok, why, err := r.Match(w)
		if err == nil && ok != (why == "") {
			t.Fatalf("%s: %v with why %q", r.Name, ok, why)
		}
		if x := r.Explain(w); err == nil && x.Error == "" && x.Value != fmt.Sprint(ok) {
			t.Fatalf("%s: Match says %v, Explain\n%s", r.Name, ok, x)
		}
		for _, s := range append(r.Then, r.OnError...) {
			_, _ = s.Enabled(w)
			if args, err := s.Evaluate(w); err == nil {
				if _, err := json.Marshal(args.Map()); err != nil {
					t.Fatalf("%s: %v", s.Action, err)
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range seeds(f) {
		f.Add(s)
	}
	for _, s := range bombs() {
		if len(s) < 3000 {
			f.Add(s)
		}
	}
	f.Fuzz(func(t *testing.T, src string) {
		if len(src) < 20_000 { // longer ones are slow, and bombs has them
			parsed(t, src)
		}
	})
}

// Files made of pieces of real ones, cut, doubled and sprinkled with what YAML and expr treat as special.
func TestNoInputPanics(t *testing.T) {
	t.Parallel()
	all := seeds(t)
	rapid.Check(t, func(t *rapid.T) {
		src := rapid.SampledFrom(all).Draw(t, "file")
		if len(src) > 3000 {
			src = src[:3000]
		}
		for range rapid.IntRange(1, 4).Draw(t, "edits") {
			at := rapid.IntRange(0, len(src)).Draw(t, "at")
			piece := rapid.SampledFrom([]string{"", "\n", "  ", "\t", ": ", " #", "\"", "'", "{", "}", "[", "]", "*a", "&a ", "!x ", "${", "}", "and ", "order.", "vars.", "()", "é",
				"\x00", "\ufeff", "- ", "|", ">", "?", "%", "---\n", "\r\n", "loss(", "5", "\\", "<<: ", "any(group.orders, .", "\U0001F600"}).Draw(t, "piece")
			cut := min(len(src), at+rapid.IntRange(0, 12).Draw(t, "cut"))
			src = src[:at] + piece + src[cut:]
		}
		parsed(t, src)
	})
}

// Expressions made of the language's own pieces.
func TestNoExpressionPanics(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pieces := rapid.SliceOfN(rapid.SampledFrom([]string{"order.status", "order.quantity", "order.price", "group.orders", "order.tags", "event.previous.status", "vars.a", "\"X\"", "5", "2.5", "true",
			"==", "!=", "<", ">=", "and", "or", "not", "in", "+", "-", "*", "/", "%", "**", "(", ")", "[", "]", ",", "?", ":", "loss(", "max(", "any(", "count(", "like(", "#", ".role", "matches", "contains", "|", "now()", "nil", "let"}), 1, 14).Draw(t, "pieces")
		node, _ := yaml.Marshal(strings.Join(pieces, " "))
		parsed(t, "version: 1\nvars: { a: 1 }\nrules:\n  - name: r\n    on: fill\n    when: "+strings.ReplaceAll(strings.TrimSpace(string(node)), "\n", "\n      ")+"\n    then:\n      - log: x\n")
	})
}
