package market

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"gopkg.in/yaml.v3"
)

//go:embed calendar.yaml
var builtin []byte

// Default is the built-in calendar.
func Default() *Calendar { return builtinCalendar() }

var builtinCalendar = sync.OnceValue(func() *Calendar {
	c, err := parse(builtin, &Calendar{})
	if err != nil { // TestTheBuiltInCalendarReads keeps this from ever being shipped
		panic("market: the built-in calendar: " + err.Error())
	}
	return c
})

// fileBytesMax bounds a calendar file; the built-in one has two kilobytes.
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
	c, err := Parse(data)
	if err != nil {
		return nil, fmt.Errorf("calendar: %s: %w", path, err)
	}
	return c, nil
}

// Parse reads a calendar in the form of calendar.yaml that stands over the built-in one: a segment it names is
// replaced whole (its hours and, where it gives any, its exchanges), the rest stays, and its holidays are added.
func Parse(data []byte) (*Calendar, error) { return parse(data, Default()) }

// The form of the file. Unknown fields are mistakes.
type file struct {
	Segments map[string]struct {
		Exchanges []string `yaml:"exchanges"`
		Hours     []struct {
			From          string `yaml:"from"`
			Open          string `yaml:"open"`
			Close         string `yaml:"close"`
			USWinterClose string `yaml:"us_winter_close"`
			SquareOff     string `yaml:"square_off"`
		} `yaml:"hours"`
	} `yaml:"segments"`
	Holidays []struct {
		Date string            `yaml:"date"`
		Name string            `yaml:"name"`
		Open map[string]string `yaml:"open"`
	} `yaml:"holidays"`
}

func parse(data []byte, under *Calendar) (*Calendar, error) {
	var f file
	d := yaml.NewDecoder(bytes.NewReader(data))
	d.KnownFields(true)
	if err := d.Decode(&f); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if err := d.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one document")
	}
	c := &Calendar{byName: map[string]*segment{}, holidays: map[day]holiday{}}
	if err := c.takeSegments(&f, under); err != nil {
		return nil, err
	}
	for _, s := range c.segments {
		for _, e := range s.exchanges {
			if c.byName[e] != nil {
				return nil, fmt.Errorf("exchange %s stands in two segments, %s and %s", e, c.byName[e].name, s.name)
			}
			c.byName[e] = s
		}
	}
	if c.byName[defaultExchange] == nil {
		return nil, fmt.Errorf("no segment has the exchange %s, which stands in for unknown ones", defaultExchange)
	}
	for d, h := range under.holidays {
		c.holidays[d] = h
	}
	if err := c.takeHolidays(&f); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *Calendar) takeSegments(f *file, under *Calendar) error {
	for _, old := range under.segments {
		if _, replaced := f.Segments[old.name]; !replaced {
			c.segments = append(c.segments, old)
		}
	}
	for name, written := range f.Segments {
		s := &segment{name: name, exchanges: written.Exchanges}
		if len(s.exchanges) == 0 {
			for _, old := range under.segments {
				if old.name == name {
					s.exchanges = old.exchanges
				}
			}
		}
		if len(s.exchanges) == 0 || len(written.Hours) == 0 {
			return fmt.Errorf("segment %s: exchanges and hours are needed", name)
		}
		for i, row := range written.Hours {
			h, err := readHours(row.Open, row.Close)
			if err == nil {
				err = h.refine(row.From, row.USWinterClose, row.SquareOff)
			}
			if err == nil && i > 0 && h.from <= s.hours[i-1].from {
				err = errors.New("from must be later than in the row before")
			}
			if err != nil {
				return fmt.Errorf("segment %s: row %d of hours: %w", name, i+1, err)
			}
			s.hours = append(s.hours, h)
		}
		c.segments = append(c.segments, s)
	}
	slices.SortFunc(c.segments, func(a, b *segment) int { return strings.Compare(a.name, b.name) })
	return nil
}

func (c *Calendar) takeHolidays(f *file) error {
	for _, written := range f.Holidays {
		d, err := readDay(written.Date)
		if err != nil {
			return fmt.Errorf("holiday %q: %w", written.Name, err)
		}
		h := holiday{name: written.Name, open: map[string]hours{}}
		for name, span := range written.Open {
			if !slices.ContainsFunc(c.segments, func(s *segment) bool { return s.name == name }) {
				return fmt.Errorf("holiday %s: no segment is called %q", written.Date, name)
			}
			from, to, _ := strings.Cut(span, "-")
			if h.open[name], err = readHours(strings.TrimSpace(from), strings.TrimSpace(to)); err != nil {
				return fmt.Errorf("holiday %s: %s: %w", written.Date, name, err)
			}
		}
		c.holidays[d] = h
	}
	return nil
}

// readHours reads a session without the rest.
func readHours(from, to string) (h hours, err error) {
	if h.open, err = readTime(from); err != nil {
		return hours{}, err
	}
	if h.close, err = readTime(to); err != nil {
		return hours{}, err
	}
	if h.close <= h.open {
		return hours{}, fmt.Errorf("close %s must be later than open %s", to, from)
	}
	h.from = math.MinInt64
	return h, nil
}

// beforeClose ends a square_off that is told from the close.
const beforeClose = " before close"

func (h *hours) refine(from, winter, off string) (err error) {
	if from != "" {
		if h.from, err = readDay(from); err != nil {
			return err
		}
	}
	if winter != "" {
		if h.winterClose, err = readTime(winter); err != nil {
			return err
		}
		if h.winterClose <= h.open {
			return fmt.Errorf("us_winter_close %s must be later than open", winter)
		}
	}
	distance, relative := strings.CutSuffix(off, beforeClose)
	switch {
	case off == "": // at the close
	case relative:
		d, err := time.ParseDuration(distance)
		if err != nil || d <= 0 || d%time.Second != 0 {
			return fmt.Errorf("square_off %q: write it as \"25m before close\"", off)
		}
		h.squareOff.beforeClose = int64(d / time.Second)
	default:
		h.squareOff.at, err = readTime(off)
	}
	return err
}

// readTime reads HH:MM, up to 24:00, as seconds from midnight.
func readTime(s string) (int64, error) {
	if s == "24:00" {
		return secondsADay, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil || len(s) != len("15:04") {
		return 0, fmt.Errorf("%q is no time of day: write it as \"09:15\"", s)
	}
	return int64(t.Hour())*3600 + int64(t.Minute())*60, nil
}

func readDay(s string) (day, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return 0, fmt.Errorf("%q is no day: write it as 2026-11-24", s)
	}
	return day(t.Unix() / secondsADay), nil // midnight in UTC: it divides without a rest
}
