package market

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"
)

// reader reads one calendar file and gathers its mistakes.
type reader struct {
	file     string
	mistakes Mistakes
	cal      *Calendar
	lines    map[string]int // where a segment's day was written in this file
}

// yamlLine finds the line in the YAML reader's own errors.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

func parse(name string, data []byte, under *Calendar) (*Calendar, error) {
	r := &reader{file: name, cal: under.clone(), lines: map[string]int{}}
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF): // an empty file changes nothing
	case err != nil:
		line := 1
		if m := yamlLine.FindStringSubmatch(err.Error()); m != nil && m[1] != "" {
			line, _ = strconv.Atoi(m[1])
		}
		return nil, Mistakes{fmt.Errorf("%s:%d: %s", name, line, yamlLine.ReplaceAllString(err.Error(), ""))}
	case !errors.Is(d.Decode(new(yaml.Node)), io.EOF):
		return nil, Mistakes{fmt.Errorf("%s:%d: more than one document", name, doc.Line)}
	default:
		r.root(doc.Content[0])
	}
	if len(r.mistakes) == 0 {
		r.exchanges()
	}
	if len(r.mistakes) > 0 {
		return nil, r.mistakes
	}
	return r.cal, nil
}

// clone is a copy whose segments may be changed.
func (c *Calendar) clone() *Calendar {
	out := &Calendar{byName: map[string]*segment{}, years: map[int]bool{}}
	maps.Copy(out.years, c.years)
	for _, s := range c.segments {
		n := &segment{name: s.name, exchanges: s.exchanges, hours: slices.Clone(s.hours), odd: map[day]odd{}}
		maps.Copy(n.odd, s.odd)
		out.segments = append(out.segments, n)
	}
	return out
}

func (r *reader) root(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // comments alone
	}
	f := r.fields(n, "the calendar", "years", "segments", "holidays")
	if v, ok := f["years"]; ok {
		r.years(v)
	}
	if v, ok := f["segments"]; ok {
		r.each(v, "segments", r.segment)
	}
	if v, ok := f["holidays"]; ok {
		for _, h := range r.list(v, "holidays") {
			r.holiday(h)
		}
	}
}

func (r *reader) years(n *yaml.Node) {
	for _, v := range r.list(n, "years") {
		year, err := strconv.Atoi(target(v).Value)
		if err != nil || year < 1990 || year > 2200 {
			r.wrong(v, "%q is no year: write it as 2027", clip(target(v).Value))
			continue
		}
		r.cal.years[year] = true
	}
}

// segment reads one segment: a row without a date replaces its hours, one with a date those from that date on, until
// the next row's.
func (r *reader) segment(k, v *yaml.Node) {
	what := "segment " + clip(k.Value)
	f := r.fields(v, what, "exchanges", "hours")
	s := r.cal.segmentNamed(k.Value)
	isNew := s == nil
	if isNew {
		s = &segment{name: k.Value, odd: map[day]odd{}}
	}
	if e, ok := f["exchanges"]; ok {
		s.exchanges = nil
		for _, n := range r.list(e, "exchanges") {
			if name, ok := r.text(n, "exchanges"); ok {
				s.exchanges = append(s.exchanges, name)
			}
		}
	}
	if rows, ok := f["hours"]; ok {
		r.hours(rows, what, s)
	}
	switch {
	case len(s.exchanges) > 0 && len(s.hours) > 0:
	case isNew && nearest(k.Value, r.cal.segmentNames()) != "":
		r.unknown(k, "segment", r.cal.segmentNames())
	default:
		r.wrong(k, "%s: exchanges and hours are needed", what)
	}
	if isNew {
		r.cal.segments = append(r.cal.segments, s)
	}
}

func (r *reader) hours(n *yaml.Node, what string, s *segment) {
	before := day(math.MinInt64)
	for i, row := range r.list(n, "hours") {
		h, ok := r.row(row, fmt.Sprintf("%s: row %d of hours", what, i+1))
		if !ok {
			continue
		}
		switch {
		case i == 0 && h.from == math.MinInt64:
			s.hours = nil // from ever: nothing of what was stays
		case i > 0 && h.from <= before:
			r.wrong(row, "%s: row %d of hours: from must be later than in the row before", what, i+1)
			continue
		}
		before = h.from
		s.hours = slices.DeleteFunc(s.hours, func(old hours) bool { return old.from == h.from })
		s.hours = append(s.hours, h)
	}
	slices.SortFunc(s.hours, func(a, b hours) int { return cmp.Compare(a.from, b.from) })
}

// row is one row of a segment's hours.
func (r *reader) row(n *yaml.Node, what string) (h hours, ok bool) {
	count := len(r.mistakes)
	f := r.fields(n, what, "from", "open", "close", "us_winter_close", "square_off", "auction")
	h.from = math.MinInt64
	if v, ok := f["from"]; ok {
		h.from = r.day(v, what+": from")
	}
	for _, field := range []struct {
		name string
		into *int64
	}{{"open", &h.open}, {"close", &h.close}, {"us_winter_close", &h.winterClose}} {
		v, given := f[field.name]
		switch {
		case given:
			*field.into = r.time(v, what+": "+field.name)
		case field.name != "us_winter_close":
			r.wrong(n, "%s: %s is needed", what, field.name)
		}
	}
	if v, ok := f["square_off"]; ok {
		h.squareOff = r.squareOff(v)
	}
	if v, ok := f["auction"]; ok {
		h.auction = r.span(v, what+": auction")
	}
	if len(r.mistakes) > count {
		return h, false
	}
	if h.close <= h.open {
		r.wrong(n, "%s: close must be later than open", what)
	}
	if h.winterClose != 0 && h.winterClose <= h.open {
		r.wrong(n, "%s: us_winter_close must be later than open", what)
	}
	return h, len(r.mistakes) == count
}

// holiday reads a day that is not like others.
func (r *reader) holiday(n *yaml.Node) {
	if n := target(n); n.Kind == yaml.ScalarNode {
		r.wrong(n, "a holiday is written { date: %s, name: NAME }", clip(n.Value))
		return
	}
	f := r.fields(n, "a holiday", "date", "name", "segments", "open", "square_off")
	if f["date"] == nil {
		r.wrong(n, "a holiday needs date: 2026-12-25")
		return
	}
	count := len(r.mistakes)
	d := r.day(f["date"], "date")
	whole := odd{}
	if v, ok := f["name"]; ok {
		whole.name, _ = r.text(v, "name")
	}
	if v, ok := f["square_off"]; ok {
		whole.squareOff = r.squareOff(v)
	}
	days := map[*segment]odd{}
	if v, ok := f["segments"]; ok {
		for _, name := range r.list(v, "segments") {
			if s := r.known(name); s != nil {
				days[s] = whole
			}
		}
	} else {
		for _, s := range r.cal.segments {
			days[s] = whole
		}
	}
	if v, ok := f["open"]; ok {
		r.each(v, "open", func(k, v *yaml.Node) {
			o := whole
			if text := target(v); text.Value == "usual" {
				o.usual = true
			} else {
				o.session = r.span(v, "open: "+clip(k.Value))
			}
			if s := r.known(k); s != nil {
				days[s] = o
			}
		})
	}
	if len(r.mistakes) > count {
		return
	}
	for _, s := range r.cal.segments {
		if o, ok := days[s]; ok {
			r.once(n, s, d)
			s.odd[d] = o
		}
	}
}

// once refuses a segment's day that this file has already told.
func (r *reader) once(n *yaml.Node, s *segment, d day) {
	key := s.name + " " + d.String()
	if line, twice := r.lines[key]; twice {
		r.wrong(n, "%s was already told of in line %d, for %s", d, line, s.name)
	}
	r.lines[key] = n.Line
}

// known is the segment of that name; nil and a mistake where there is none.
func (r *reader) known(n *yaml.Node) *segment {
	n = target(n)
	if s := r.cal.segmentNamed(n.Value); s != nil {
		return s
	}
	r.unknown(n, "segment", r.cal.segmentNames())
	return nil
}

func (c *Calendar) segmentNamed(name string) *segment {
	for _, s := range c.segments {
		if s.name == name {
			return s
		}
	}
	return nil
}

func (c *Calendar) segmentNames() []string {
	var names []string
	for _, s := range c.segments {
		names = append(names, s.name)
	}
	return names
}

// exchanges says which segment an exchange belongs to.
func (r *reader) exchanges() {
	c := r.cal
	for _, s := range c.segments {
		for _, e := range s.exchanges {
			if other := c.byName[e]; other != nil {
				r.mistakes = append(r.mistakes, fmt.Errorf("%s: exchange %s stands in two segments, %s and %s", r.file, clip(e), clip(other.name), clip(s.name)))
				continue
			}
			c.byName[e] = s
		}
	}
	if c.byName[defaultExchange] == nil {
		r.mistakes = append(r.mistakes, fmt.Errorf("%s: no segment has the exchange %s, which stands in for unknown ones", r.file, defaultExchange))
	}
}
