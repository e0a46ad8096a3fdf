package rules

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// file reads the whole file, and those that it includes: constants first, since everything else may use them, then
// what the rules remember, then the rules.
func (r *reader) file() {
	r.top = &includes{}
	r.chain = []string{filepath.Clean(r.src.name)}
	if !r.open() {
		if r.root != nil {
			r.silence(r.root)
		}
		return
	}
	for i := len(r.top.all) - 1; i >= 0; i-- { // who includes comes behind what it includes, and is heard first
		r.adopt(r.top.all[i])
		r.top.all[i].set = r.set
	}
	r.readAlerts(r.fieldsOf["alerts"].value)
	all := append(slices.Clone(r.top.all), r)
	state := readMemory(all)
	for _, each := range all {
		each.scope.state = state
		each.readOwnRules()
	}
	for _, each := range all {
		each.lintAcross()
		if each.root != nil {
			each.silence(each.root)
		}
	}
	for _, sub := range r.top.all {
		r.others = append(r.others, sub.finish()...)
		r.set.files = append(r.set.files, sub.src.name)
	}
	for i := 0; i+1 < len(r.top.contents); i += 2 {
		r.set.kept = append(r.set.kept, Source{r.top.contents[i], r.top.contents[i+1]})
	}
	if len(r.top.contents) > 0 {
		r.set.version = versionOf([]byte(r.set.version + "\n" + strings.Join(r.top.contents, "\n")))
	}
}

// open reads what stands before the rules, and what the file includes. It says whether there was a file.
func (r *reader) open() bool {
	root := r.document()
	if root == nil {
		return false
	}
	r.root = root
	r.screen(root, 0)
	if !r.mapping(root, "a rules file", "it begins with version: 1 and rules:") {
		return false
	}
	fields := r.fields(root, "the file", fileTable)
	r.fieldsOf = fields
	r.readVersion(root, fields)
	r.readVars(fields["vars"].value)
	r.readIncludes(fields["include"].value)
	r.scope.env = nil
	if f, ok := fields["channels"]; ok {
		r.readChannels(f.value)
	}
	r.readGuardrails(fields["guardrails"].value)
	r.set.unprotected = UnprotectedDefault
	if f, ok := fields["unprotected_after"]; ok {
		if d, ok := r.duration(f.value, "unprotected_after"); ok {
			r.set.unprotected = d
		}
	}
	return true
}

// readOwnRules reads the rules of this one file.
func (r *reader) readOwnRules() {
	if r.root == nil || r.fieldsOf == nil {
		return
	}
	f, ok := r.fieldsOf["rules"]
	_, includes := r.fieldsOf["include"]
	switch {
	case ok:
		r.readRules(f.value)
	case !r.damaged && !includes:
		r.add(SeverityWarning, place{r.root.Line, r.root.Column}, 1, "no-rules", "the file has no rules", "write them under rules:")
	}
}

func (r *reader) readVersion(root *yaml.Node, fields map[string]pair) {
	f, ok := fields["version"]
	if !ok {
		if !r.damaged {
			r.add(SeverityWarning, place{root.Line, root.Column}, 1, "no-version", "the file does not say its version", "write version: 1 at its top")
		}
		return
	}
	if text, ok := r.plain(f.value, "version"); ok && text != "1" {
		r.failNode(f.value, "wrong-version", "version "+text+" is not known", "this program reads version: 1")
	}
}

// readAlerts finds the channel that is told what Backstop says by itself.
func (r *reader) readAlerts(n *yaml.Node) {
	if n != nil {
		name, ok := r.plain(n, "alerts")
		if ok && name != NoAlerts && !r.isChannel(name) {
			r.failNode(n, "unknown-channel", "there is no channel "+name, didYouMean(name, append(r.channelNames(), NoAlerts)))
			ok = false
		}
		if ok {
			r.set.alerts = name
		}
		return
	}
	switch _, own := r.set.Channel(SettingsChannel); {
	case len(r.set.channels) == 1:
		r.set.alerts = r.set.channels[0].Name
	case own || slices.Contains(r.o.Channels, SettingsChannel):
		r.set.alerts = SettingsChannel
	}
}

// defaultChannel is where a telegram action without `to` goes: alerts, else the only Telegram channel, else the
// one that the settings make. "" where it can't be told.
func (r *reader) defaultChannel() string {
	switch {
	case r.set.alerts != "" && r.set.alerts != NoAlerts:
		return r.set.alerts
	case len(r.set.channels) == 1:
		return r.set.channels[0].Name
	case len(r.set.channels) == 0:
		return SettingsChannel
	}
	if _, own := r.set.Channel(SettingsChannel); own || slices.Contains(r.o.Channels, SettingsChannel) {
		return SettingsChannel
	}
	return ""
}

func (r *reader) readRules(n *yaml.Node) {
	list, ok := r.list(n, "rules", false)
	if !ok {
		return
	}
	for _, e := range list {
		if r.skip[e] || !r.mapping(e, "a rule", "it begins with - name: …") {
			continue
		}
		rule := r.readRule(e)
		if other, twice := r.set.Rule(rule.Name); twice && rule.Name != "" {
			where := "on line " + itoa(r.src.origin(place{other.Pos.Line, 1}).line)
			hint := "names become part of ids: give it another"
			if other.File != rule.File {
				where = fmt.Sprintf("in %s, line %d,", other.File, other.Pos.Line)
			}
			if other.File != rule.File || len(r.chain) > 1 {
				hint += ", or include the file with as: NAME"
			}
			r.fail(place{rule.Pos.Line, rule.Pos.Column}, len([]rune(rule.Name)), "duplicate-name",
				"a rule named "+rule.Name+" stands "+where+" already", hint)
		}
		r.set.rules = append(r.set.rules, rule)
	}
}

// mendPasses bounds how often a text that YAML can read is mended.
const mendPasses = 8

// document decodes the file into nodes. What YAML can't read is told, mended or left out, and read again, so
// that the mistakes behind it are found too. nil: nothing could be read.
func (r *reader) document() *yaml.Node {
	r.mendUnseen()
	if _, err := decode(r.src.text(0, len(r.src.lines))); err != nil {
		r.mendTabs()
	}
	budget := parseBudget
	passes := 0
	for {
		root, err := decode(r.src.text(0, len(r.src.lines)))
		if err == nil {
			if root == nil {
				if !r.damaged {
					r.fail(place{1, 1}, 1, "empty-file", "the file is empty", "a file begins with version: 1 and rules:")
				}
				return nil
			}
			if passes++; passes < mendPasses && r.mendRead(root) {
				continue
			}
			r.oneDocument()
			return root
		}
		if !r.mend(err, &budget) {
			return nil
		}
	}
}

// decode gives the first document's root, nil for none.
func decode(text []byte) (*yaml.Node, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	if doc.Kind != yaml.DocumentNode || len(doc.Content) == 0 {
		return nil, nil
	}
	return doc.Content[0], nil
}

// oneDocument refuses a second document behind `---`: it would be ignored.
func (r *reader) oneDocument() {
	content := false
	for i, line := range r.src.lines {
		text := string(line)
		if text == "---" || strings.HasPrefix(text, "--- ") {
			if content {
				r.fail(place{i + 1, 1}, 3, "second-document", "a second document begins here; it would be ignored", "take the --- line out")
				return
			}
			content = strings.TrimSpace(strings.TrimPrefix(text, "---")) != ""
			continue
		}
		if trimmed := strings.TrimSpace(text); trimmed != "" && !strings.HasPrefix(trimmed, "#") && !strings.HasPrefix(trimmed, "%") {
			content = true
		}
	}
}
