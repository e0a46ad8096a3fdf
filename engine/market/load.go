package market

import (
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

//go:embed calendar.yaml
var builtin []byte

// Default is the built-in calendar.
func Default() *Calendar { return builtinCalendar() }

var builtinCalendar = sync.OnceValue(func() *Calendar {
	c, err := parse("calendar.yaml", builtin, &Calendar{})
	if err != nil { // TestTheBuiltInCalendarReads keeps this from ever being shipped
		panic("market: the built-in calendar: " + err.Error())
	}
	return c
})

// fileBytesMax bounds a calendar file; the built-in one has a few kilobytes.
const fileBytesMax = 1 << 20

// Load reads a calendar file that stands over the built-in one: see Parse.
func Load(path string) (*Calendar, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("calendar: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err != nil {
		return nil, fmt.Errorf("calendar: %w", err)
	}
	if len(data) > fileBytesMax {
		return nil, fmt.Errorf("calendar: %s: over %d bytes", path, fileBytesMax)
	}
	return Parse(path, data)
}

// Parse reads a calendar in the form of calendar.yaml that stands over the built-in one. What it says of a segment
// from a date on, and of a segment on a date, replaces what the built-in one says of that; the rest stays. The error
// is a Mistakes, whose lines name the file, the line and the nearest right word.
func Parse(name string, data []byte) (*Calendar, error) { return parse(name, data, Default()) }

// Mistakes are all that is wrong with a calendar file, in the order of its lines.
type Mistakes []error

// mistakesShown bounds the text of Mistakes.
const mistakesShown = 20

func (m Mistakes) Error() string {
	if len(m) == 1 {
		return m[0].Error()
	}
	shown := m[:min(len(m), mistakesShown)]
	text := fmt.Sprintf("%d mistakes in the calendar:\n%v", len(m), errors.Join(shown...))
	if left := len(m) - len(shown); left > 0 {
		text += fmt.Sprintf("\nand %d more", left)
	}
	return text
}

// Unwrap gives the single mistakes.
func (m Mistakes) Unwrap() []error { return m }
