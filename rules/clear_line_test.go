package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf16"
)

const plainFile = "version: 1\nrules:\n  - name: a\n    on: rejected\n    then:\n      - log: x\n"

func wide(text string, mark, big bool) string {
	var b strings.Builder
	units := utf16.Encode([]rune(text))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	for _, u := range units {
		if big {
			b.Write([]byte{byte(u >> 8), byte(u)})
		} else {
			b.Write([]byte{byte(u), byte(u >> 8)})
		}
	}
	return b.String()
}

// bomb is a list of references to lists of references: nine to the power of its depth.
func bomb(depth int) string {
	var b strings.Builder
	b.WriteString("version: 1\nvars:\n  v0: &v0 [x, x, x, x, x, x, x, x, x]\n")
	for i := range depth {
		fmt.Fprintf(&b, "  v%d: &v%d [%s]\n", i+1, i+1, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*v%d, ", i), 9), ", "))
	}
	return b.String() + "rules: []\n"
}

// No input makes check panic or hang, and each gets a clear line at its place.
func TestHostileFilesAreToldInOneClearLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, src, says string }{
		{"a bomb of references", bomb(40), "3:7: error: YAML reads a leading `&` as a name for later [BS113]"},
		{"a reference to itself", "version: 1\nrules: &r\n  - *r\n", "2:8: error: YAML reads a leading `&` as a name for later [BS113]"},
		{"an anchor", "version: 1\nvars: { a: &a 1 }\nrules: []\n", "2:12: error: YAML reads a leading `&` as a name for later [BS113]"},
		{"a merge key", "version: 1\nrules:\n  - <<: { name: a }\n    on: rejected\n    then: [log: x]\n", "3:5: error: merge keys (<<) are not part of the language [BS113]"},
		{"tabs", strings.ReplaceAll(plainFile, "  ", "\t"), "3:1: error: a tab indents this line: YAML allows spaces only [BS105]"},
		{"a key twice", plainFile + "version: 1\n", "7:1: error: version is written twice here, first on line 1 [BS205]"},
		{"a key twice in a rule", plainFile + "    on: fill\n", "7:5: error: on is written twice here, first on line 4 [BS205]"},
		{"octal", "version: 1\nvars: { lots: 010 }\nrules: []\n", "2:15: error: 010 is not read as the number that it looks like [BS208]"},
		{"octal, new style", "version: 1\nvars: { lots: 0o17 }\nrules: []\n", "2:15: error: 0o17 is not read as the number that it looks like [BS208]"},
		{"underscores", "version: 1\nvars: { lots: 1_000 }\nrules: []\n", "2:15: error: 1_000 is not read as the number that it looks like [BS208]"},
		{"octal in a guardrail", "version: 1\nguardrails: { max_order_quantity: 010 }\nrules: []\n", "2:35: error: 010 is not read as the number that it looks like [BS208]"},
		{"infinite", "version: 1\nvars: { a: .inf }\nrules: []\n", "2:12: error: .inf is not read as the number that it looks like [BS208]"},
		{"10 MB", plainFile + "# " + strings.Repeat("x", 10<<20), "1:1: error: a rules file has at most 4194304 bytes, this one has more [BS102]"},
		{"1 MB of quotes that never close", "version: 1\nrules:\n" + strings.Repeat("  - name: \"r\n    on: fill\n", 20_000), "3:11: error: a quote is opened here and never closed [BS112]"},
		{"1 MB of references", "version: 1\nrules:\n" + strings.Repeat("  - name: *r\n", 70_000), "3:11: error: YAML reads a leading `*` as a sign of its own [BS109]"},
		{"a line of [", strings.Repeat("[", lineLength), "1:1: error: YAML reads a leading `[` as a mapping or list [BS104]"},
		{"1 MB of [", strings.Repeat("[", 1<<20), "1:1: error: a line has at most 8000 characters, this one 1048576 [BS312]"},
		{"lines of -", strings.Repeat(strings.Repeat("- ", 3000)+"\n", 20), "1:83: error: this nests too deep [BS114]"},
		{"lines of a:", strings.Repeat(strings.Repeat("a: ", 2500)+"\n", 20), "1:4: error: YAML reads `: ` as the beginning of a mapping [BS106]"},
		{"a line of (", "version: 1\nrules:\n  - name: a\n    on: fill\n    when: " + strings.Repeat("(", 5000) + "\n", "5:11: error: an expression has at most 4000 characters, this one 5000 [BS312]"},
		{"nesting line by line", "version: 1\nvars:\n" + nested(1000), "error: this nests too deep [BS114]"},
		{"UTF-16, little end first", wide(plainFile, true, false), "1:1: error: the file is UTF-16, not UTF-8 [BS101]"},
		{"UTF-16, big end first", wide(plainFile, true, true), "1:1: error: the file is UTF-16, not UTF-8 [BS101]"},
		{"UTF-16 without a mark", wide(plainFile, false, false), "1:1: error: the file is UTF-16, not UTF-8 [BS101]"},
		{"UTF-32", "\xff\xfe\x00\x00v\x00\x00\x00", "1:1: error: the file is UTF-32, not UTF-8 [BS101]"},
		{"Latin-1", plainFile + "# caf\xe9\n", "7:6: error: the file is not UTF-8: the byte E9 stands here (é in Latin-1) [BS101]"},
		{"NUL", strings.Replace(plainFile, "log: x", "log: x\x00y", 1), "6:15: error: the line holds a character that can't be seen (U+0000) [BS101]"},
		{"NUL at the end", plainFile + "\x00", "7:1: error: the line holds a character that can't be seen (U+0000) [BS101]"},
		{"an escape sequence", strings.Replace(plainFile, "log: x", "log: x\x1b[31m", 1), "6:15: error: the line holds a character that can't be seen (U+001B) [BS101]"},
		{"a space without width", strings.Replace(plainFile, "rejected", "rejected\u200b", 1), "4:17: error: the line holds a character that can't be seen (U+200B) [BS101]"},
		{"text that runs backwards", strings.Replace(plainFile, "log: x", "log: \u202ex", 1), "6:14: error: the line holds a character that can't be seen (U+202E) [BS101]"},
		{"indented with other spaces", strings.Replace(plainFile, "    on", "\u00a0\u00a0\u00a0\u00a0on", 1), "4:1: error: the line holds a character that can't be seen (U+00A0) [BS101]"},
		{"bytes", strings.Repeat("\x80\xff", 1000), "error: the file is not UTF-8: the byte 80 stands here (. in Latin-1) [BS101]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ends(t, c.name, func() {
				set, problems := Parse("f.yaml", []byte(c.src), testOptions())
				text := problems.Error()
				if set != nil || !strings.Contains(text, c.says) {
					t.Errorf("%.2000s\nlacks %s", text, c.says)
				}
			})
		})
	}
}

func nested(depth int) string {
	var b strings.Builder
	for i := range depth {
		b.WriteString(strings.Repeat(" ", i+1) + "a:\n")
	}
	return b.String()
}

// What only looks strange is read.
func TestStrangeFilesAreRead(t *testing.T) {
	t.Parallel()
	for name, src := range map[string]string{
		"a byte order mark":                "\ufeff" + plainFile,
		"line ends of Windows":             strings.ReplaceAll(plainFile, "\n", "\r\n"),
		"line ends of old Macs":            strings.ReplaceAll(plainFile, "\n", "\r"),
		"a text with joiners and an emoji": strings.Replace(plainFile, "log: x", "log: क्\u200dष 👨\u200d👩 ₹5\u00a0000", 1),
		"a directive":                      "%YAML 1.1\n---\n" + plainFile,
		"a long list":                      "version: 1\nvars: { a: [" + strings.Repeat("1,\n  ", 10_000) + "1] }\nrules: []\n",
	} {
		if set, problems := Parse("f.yaml", []byte(src), testOptions()); set == nil || len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}

// A file without an end is not read to its end.
func TestLoadIsBounded(t *testing.T) {
	t.Parallel()
	path := "/dev/zero"
	if runtime.GOOS == "windows" {
		path = filepath.Join(t.TempDir(), "rules.yaml")
		if err := os.WriteFile(path, make([]byte, 2*fileSize), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	set, problems, err := Load(path, testOptions())
	if set != nil || err != nil || len(problems) != 1 || problems[0].Code != "BS102" {
		t.Errorf("%v %v", problems, err)
	}
}
