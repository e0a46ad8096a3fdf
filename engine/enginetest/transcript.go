package enginetest

import (
	"fmt"
	"strings"

	"backstop/engine/journal"
)

// A transcript tells one story of what may go wrong and what Backstop does about it: comments in plain words, and
// directives with what was answered to each. It is read by people, and played by machines:
//
//	# A comment says what is about to happen, and why.
//	directive word key=value
//	its input, line by line
//	----
//	what came of it
//
// A blank line ends what came of it. engine/testdata/README.md lists the directives.

// Transcript is one story as written.
type Transcript struct {
	name  string
	parts []part
}

// part is a directive with its answer, or the text between two.
type part struct {
	text   string   // comments and blank lines, as they stand
	words  []string // of a directive; nil: text
	line   int
	input  []string
	output []string
}

// ParseTranscript reads a story. An error names the line.
func ParseTranscript(name string, source []byte) (*Transcript, error) {
	t := &Transcript{name: name}
	lines := strings.Split(strings.TrimSuffix(string(source), "\n"), "\n")
	for i := 0; i < len(lines); {
		if lines[i] == "" || strings.HasPrefix(lines[i], "#") {
			t.parts = append(t.parts, part{text: lines[i]})
			i++
			continue
		}
		p := part{line: i + 1, words: strings.Fields(lines[i])}
		for i++; i < len(lines) && lines[i] != "----"; i++ {
			p.input = append(p.input, lines[i])
		}
		if i == len(lines) {
			return nil, fmt.Errorf("%s:%d: %s has no ---- after it", name, p.line, p.words[0])
		}
		for i++; i < len(lines) && lines[i] != ""; i++ {
			p.output = append(p.output, lines[i])
		}
		t.parts = append(t.parts, p)
	}
	return t, nil
}

// Bytes is the story as a file.
func (t *Transcript) Bytes() []byte {
	var b strings.Builder
	for _, p := range t.parts {
		if p.words == nil {
			b.WriteString(p.text + "\n")
			continue
		}
		b.WriteString(strings.Join(p.words, " ") + "\n")
		for _, line := range append(append(append([]string{}, p.input...), "----"), p.output...) {
			b.WriteString(line + "\n")
		}
	}
	return []byte(b.String())
}

// Shelf opens the journal of a named data folder, as often as it is asked: what was written is there again.
type Shelf func(folder string) (journal.Store, error)

// Play tells the story anew over journals of the shelf, and gives it with what came of each directive this time.
// An error is a directive that can't be followed, or a lane that broke.
func (t *Transcript) Play(shelf Shelf) (*Transcript, error) {
	p := newPlayer(shelf)
	defer p.close()
	told := &Transcript{name: t.name}
	for _, part := range t.parts {
		if part.words != nil {
			output, err := p.follow(part)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %s: %w", t.name, part.line, strings.Join(part.words, " "), err)
			}
			part.output = output
		}
		told.parts = append(told.parts, part)
	}
	return told, nil
}
