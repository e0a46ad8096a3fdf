package rules

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	"gopkg.in/yaml.v3"

	"backstop/engine/order"
)

// Schedule is when a rule runs by the clock: five fields in India's time.
type Schedule struct {
	Spec     string // as written
	Holidays bool   // also on days without a session
	cron     cron.Schedule
}

// Next is the first moment of the schedule after t; zero where none comes.
func (s *Schedule) Next(t time.Time) time.Time { return s.cron.Next(t.In(order.IST)) }

var fiveFields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

// clockForm is a time of the day, which people write where a schedule belongs.
var clockForm = regexp.MustCompile(`^([01]?\d|2[0-3]):([0-5]\d)$`)

// readSchedule reads `on: {schedule: "CRON"}`.
func (r *reader) readSchedule(rule *Rule, n *yaml.Node) {
	fields := r.fields(n, "on", onTable)
	out := &Schedule{}
	if f, ok := fields["holidays"]; ok {
		out.Holidays, _ = r.boolean(f.value, "holidays")
	}
	f, ok := fields["schedule"]
	if !ok {
		if !r.damaged {
			r.failNode(n, "missing-field", "on is a kind, a list of kinds, or a schedule", `write on: { schedule: "12 15 * * 1-5" }`)
		}
		return
	}
	text, ok := r.plain(f.value, "schedule")
	if !ok {
		return
	}
	hint := `five fields: minute hour day month weekday, in India's time, such as "12 15 * * 1-5"`
	if strings.ContainsAny(text, "=@") {
		r.failNode(f.value, "bad-schedule", text+" is no schedule", hint)
		return
	}
	if m := clockForm.FindStringSubmatch(text); m != nil {
		r.failNode(f.value, "bad-schedule", text+" is a time of the day, no schedule", `write "`+strings.TrimPrefix(m[2], "0")+" "+strings.TrimPrefix(m[1], "0")+` * * 1-5"`)
		return
	}
	s, err := fiveFields.Parse(text)
	if err != nil {
		r.failNode(f.value, "bad-schedule", text+" is no schedule: "+err.Error(), hint)
		return
	}
	out.Spec, out.cron = text, s
	if out.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, order.IST)).IsZero() {
		r.failNode(f.value, "bad-schedule", text+" never comes", "is there such a day?")
		return
	}
	rule.On, rule.Schedule = []order.Kind{order.KindSchedule}, out
}

// readTiming reads when a matched rule acts, and how often.
func (r *reader) readTiming(rule *Rule, fields map[string]pair) {
	if f, ok := fields["for"]; ok {
		rule.For, _ = r.duration(f.value, "for")
	}
	if f, ok := fields["after"]; ok {
		rule.After = r.readAfter(f.value)
	}
	if f, ok := fields["once"]; ok {
		text, _ := r.choice(f.value, ruleTable, "once")
		rule.Once = By(text)
	}
	if f, ok := fields["cooldown"]; ok {
		rule.Cooldown, _ = r.duration(f.value, "cooldown")
	}
	if f, ok := fields["max_per_day"]; ok {
		rule.MaxPerDay = r.count(f.value, "max_per_day")
	}
	f, ok := fields["by"]
	if !ok {
		return
	}
	if text, ok := r.choice(f.value, ruleTable, "by"); ok {
		rule.By = By(text)
	}
	_, cools := fields["cooldown"]
	_, counts := fields["max_per_day"]
	if !cools && !counts {
		r.failNode(f.key, "missing-field", "by says of what cooldown and max_per_day are, and there is neither", "write cooldown: 5m too, or once: "+f.value.Value)
	}
}

// count is a whole number above 0.
func (r *reader) count(n *yaml.Node, what string) int {
	text, ok := r.plain(n, what)
	if !ok {
		return 0
	}
	if x, err := strconv.Atoi(text); err == nil && x > 0 && x <= math.MaxInt32 {
		return x
	}
	r.failNode(n, "wrong-type", what+" is a whole number above 0, not "+text, "write "+what+": 3")
	return 0
}

// readAfter reads `after: {kind: …, within: 5m, of: …}`.
func (r *reader) readAfter(n *yaml.Node) *After {
	if !r.mapping(n, "after", "write after: { kind: rejected, within: 5m, of: symbol }") {
		return nil
	}
	fields := r.fields(n, "after", afterTable)
	out := &After{Of: ByGroup}
	for _, name := range []string{"kind", "within"} {
		if _, ok := fields[name]; !ok && !r.damaged {
			r.failNode(n, "missing-field", "after needs "+name, "write after: { kind: rejected, within: 5m, of: symbol }")
			return nil
		}
	}
	if f, ok := fields["kind"]; ok {
		text, _ := r.oneOf(f.value, "kind", kindNames(false), nil)
		out.Kind = order.Kind(text)
	}
	if f, ok := fields["within"]; ok {
		out.Within, _ = r.duration(f.value, "within")
	}
	if f, ok := fields["of"]; ok {
		text, _ := r.choice(f.value, afterTable, "of")
		out.Of = By(text)
	}
	if !slices.Contains(kindNames(false), string(out.Kind)) {
		return nil
	}
	return out
}
