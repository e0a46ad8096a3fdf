package lane_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
)

// open makes an order live in the book and tells it.
func (d *desk) opened(id string, change ...func(*order.Update)) {
	d.t.Helper()
	d.set(id, func(u *order.Update) {
		for _, c := range change {
			c(u)
		}
	})
	d.readBook()
}

// restart throws the lane away and builds it from what was committed, later.
func (d *desk) restart(after time.Duration) {
	d.t.Helper()
	d.now = d.now.Add(after)
	d.start()
	d.arm()
}

// byRules is what rules told, without what Backstop says by itself.
func (d *desk) byRules() []string {
	return slices.DeleteFunc(slices.Clone(d.tells), func(text string) bool { return strings.HasPrefix(text, "NOT PROTECTED") })
}

// why is what a rule said of the order's event of a kind.
func (d *desk) why(kind order.Kind, orderID, rule string) string {
	d.t.Helper()
	for _, e := range d.rows {
		if e.Kind == kind && e.OrderID == orderID {
			for _, x := range e.Decisions {
				if x.Rule == rule && x.Matched {
					return "matched"
				} else if x.Rule == rule {
					return x.Why
				}
			}
		}
	}
	return "no decision"
}

const forRule = `
version: 1
rules:
  - name: unfilled
    on: open
    when: order.status == "OPEN" and order.filled_quantity == 0
    for: 2m
    then: [telegram: "still open: ${order.order_id}"]
`

func TestForActsOnceWhenTheConditionIsStillTrue(t *testing.T) {
	d := newDesk(t, forRule)
	d.opened("E1")
	if why := d.why(order.KindOpen, "E1", "unfilled"); why != "for" {
		t.Fatalf("why is %q", why)
	}
	d.wait(119 * time.Second)
	if len(d.tells) > 0 {
		t.Fatalf("told too early: %q", d.tells)
	}
	d.wait(2 * time.Second)
	d.wait(5 * time.Minute)
	if !slices.Equal(d.tells, []string{"still open: E1"}) {
		t.Fatalf("told %q", d.tells)
	}
	if why := d.why(order.KindOpen, "E1", "unfilled"); why != "matched" {
		t.Errorf("the decision says %q", why)
	}
}

func TestAConditionThatIsFalseInBetweenCancelsFor(t *testing.T) {
	d := newDesk(t, forRule)
	d.opened("E1")
	d.wait(time.Minute)
	d.set("E1", func(u *order.Update) { u.FilledQuantity = 25 })
	d.readBook()
	d.set("E1", func(u *order.Update) { u.FilledQuantity = 25 })
	d.wait(5 * time.Minute)
	if told := d.byRules(); len(told) > 0 {
		t.Fatalf("told %q", told)
	}
	if why := d.why(order.KindOpen, "E1", "unfilled"); why != "for" {
		t.Errorf("the decision says %q", why)
	}
}

func TestARestartInTheMiddleOfForActsAtTheRightTimeOnce(t *testing.T) {
	for _, down := range []time.Duration{time.Second, 3 * time.Minute} {
		d := newDesk(t, forRule)
		d.opened("E1")
		d.wait(time.Minute)
		d.restart(down)
		if down < time.Minute && len(d.tells) > 0 {
			t.Fatalf("told too early: %q", d.tells)
		}
		d.wait(time.Minute)
		d.restart(time.Second)
		d.wait(5 * time.Minute)
		if !slices.Equal(d.tells, []string{"still open: E1"}) {
			t.Fatalf("down for %s: told %q", down, d.tells)
		}
	}
}

func TestWhatStoppedBeingTrueWhileDownDoesNotAct(t *testing.T) {
	d := newDesk(t, forRule)
	d.opened("E1")
	d.set("E1", filled(75))
	d.restart(3 * time.Minute)
	d.wait(time.Minute)
	if told := d.byRules(); len(told) > 0 {
		t.Fatalf("told %q", told)
	}
}

func TestATimerEndsWithItsDay(t *testing.T) {
	d := newDesk(t, forRule)
	d.now = time.Date(2026, 11, 23, 23, 59, 0, 0, order.IST)
	d.opened("E1")
	delete(d.book, "E1")
	d.wait(10 * time.Minute)
	if len(d.tells) > 0 {
		t.Fatalf("told %q", d.tells)
	}
}

func TestAfterLooksBack(t *testing.T) {
	d := newDesk(t, `
version: 1
rules:
  - name: again
    on: open
    after: { kind: rejected, within: 5m, of: symbol }
    then: [telegram: "after a rejection: ${order.order_id}"]
`)
	d.opened("E1")
	if why := d.why(order.KindOpen, "E1", "again"); why != "after" {
		t.Fatalf("why is %q", why)
	}
	d.opened("R1", func(u *order.Update) { u.Status = order.StatusRejected })
	d.restart(time.Minute) // what happened before is remembered
	d.opened("E2")
	d.opened("E3", func(u *order.Update) { u.Tradingsymbol = "OTHER" })
	d.wait(6 * time.Minute)
	d.opened("E4")
	if !slices.Equal(d.tells, []string{"after a rejection: E2"}) {
		t.Fatalf("told %q", d.tells)
	}
	for _, x := range d.snap.Docs {
		if x.Kind == "happened" {
			t.Errorf("what no rule looks back for is kept: %s", x.Body)
		}
	}
}

func TestRecentCountsWhatHappenedShortlyBefore(t *testing.T) {
	d := newDesk(t, `
version: 1
rules:
  - name: many
    on: rejected
    when: recent("rejected", "5m") >= 3 and recent("rejected", "5m", "symbol") == 2
    then: [telegram: "${recent('rejected', '5m')} rejections"]
`)
	reject := func(id, symbol string) {
		d.opened(id, func(u *order.Update) { u.Status, u.Tradingsymbol = order.StatusRejected, symbol })
	}
	reject("R1", call)
	d.wait(6 * time.Minute)
	reject("R2", call)
	reject("R3", "OTHER")
	d.restart(time.Second)
	reject("R4", call)
	if !slices.Equal(d.tells, []string{"3 rejections"}) {
		t.Fatalf("told %q", d.tells)
	}
}

func TestMaxPerDayCountsByWhatItSays(t *testing.T) {
	d := newDesk(t, `
version: 1
rules:
  - name: few
    on: rejected
    max_per_day: 2
    by: symbol
    then: [telegram: "${order.order_id}"]
`)
	for i, id := range []string{"R1", "R2", "R3"} {
		d.opened(id, func(u *order.Update) { u.Status = order.StatusRejected })
		if i == 0 {
			d.restart(time.Second)
		}
	}
	d.opened("X1", func(u *order.Update) { u.Status, u.Tradingsymbol = order.StatusRejected, "OTHER" })
	if !slices.Equal(d.tells, []string{"R1", "R2", "X1"}) {
		t.Fatalf("told %q", d.tells)
	}
	if why := d.why(order.KindRejected, "R3", "few"); why != "max_per_day" {
		t.Errorf("why is %q", why)
	}
	for id := range d.book {
		delete(d.book, id)
	}
	d.now = d.now.Add(24 * time.Hour)
	d.step()
	d.arm()
	d.opened("R4", func(u *order.Update) { u.Status = order.StatusRejected })
	if !slices.Contains(d.tells, "R4") {
		t.Errorf("a new day counts anew: %q", d.tells)
	}
}

const scheduleRule = `
version: 1
rules:
  - name: tea
    on: { schedule: "30 10 * * *" }
    then: [telegram: "${event.kind} ${time_of_day()}"]
`

func scheduled(t *testing.T, source string) *desk {
	return newDesk(t, source, func(o *lane.Options) { o.Hours = market.Default() })
}

func TestAScheduleRunsOnceAtItsTime(t *testing.T) {
	d := scheduled(t, scheduleRule)
	d.wait(29 * time.Minute)
	if len(d.tells) > 0 {
		t.Fatalf("told too early: %q", d.tells)
	}
	d.wait(2 * time.Minute)
	d.restart(time.Second)
	d.wait(time.Minute)
	if !slices.Equal(d.tells, []string{"schedule 10:30"}) {
		t.Fatalf("told %q", d.tells)
	}
}

func TestAScheduleMissedWhileDownRunsUnderTenMinutesElseIsTold(t *testing.T) {
	d := scheduled(t, scheduleRule)
	d.restart(39 * time.Minute)
	if !slices.Equal(d.tells, []string{"schedule 10:39"}) {
		t.Fatalf("told %q", d.tells)
	}
	d = scheduled(t, scheduleRule)
	d.restart(45 * time.Minute)
	d.restart(time.Minute)
	if len(d.tells) != 1 || !strings.HasPrefix(d.tells[0], "MISSED SCHEDULE tea (AB1234): Backstop was not running at 10:30") {
		t.Fatalf("told %q", d.tells)
	}
}

func TestASchedulePassesHolidaysUnlessItSaysSo(t *testing.T) {
	for source, want := range map[string]int{scheduleRule: 0, strings.Replace(scheduleRule, `* * *" }`, `* * *", holidays: true }`, 1): 1} {
		d := scheduled(t, source)
		d.restart(5*24*time.Hour + 20*time.Minute) // Saturday, 28 November, 10:20
		before := len(d.tells)
		d.wait(15 * time.Minute)
		if got := len(d.tells) - before; got != want {
			t.Errorf("%d runs, want %d: %q", got, want, d.tells)
		}
	}
}

func TestAScheduleThatIsNewDoesNotRunForWhatWasBefore(t *testing.T) {
	d := scheduled(t, strings.Replace(scheduleRule, "30 10", "55 9", 1))
	d.wait(time.Minute)
	if len(d.tells) > 0 {
		t.Fatalf("told %q", d.tells)
	}
}

func TestTheSameStepsGiveTheSameCommits(t *testing.T) {
	run := func() string {
		d := newDesk(t, forRule+strings.TrimPrefix(scheduleRule, "\nversion: 1\nrules:\n"))
		d.opened("E1")
		d.wait(31 * time.Minute)
		var b strings.Builder
		for _, x := range d.snap.Docs {
			b.WriteString(x.Kind + " " + x.ID + " " + string(x.Body) + "\n")
		}
		return b.String()
	}
	if a, b := run(), run(); a != b {
		t.Errorf("%s\n---\n%s", a, b)
	}
}
