package lane_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/engine/replay"
	"backstop/rules"
)

const copyRule = `
version: 1
rules:
  - name: copy
    accounts: AB1234
    on: fill
    when: order.role == "entry"
    then:
      - place_order: { account: CD5678, exchange: NFO, tradingsymbol: "${order.tradingsymbol}", transaction_type: BUY, quantity: order.filled_quantity, product: MIS, order_type: LIMIT, price: 100.02 }
      - telegram: "there as ${action.order_id} at ${action.price}"
    on_error:
      - telegram: "not there: ${error.type}: ${error.message}"
`

// two are the desks of two accounts under one rules file; what one lane asks of the other is in the test's hands.
func desks(t *testing.T, source string, change ...func(*lane.Options)) (mine, hers *desk) {
	t.Helper()
	both := append(change, func(o *lane.Options) { o.Accounts = []string{"AB1234", "CD5678"} })
	mine = newDesk(t, source, both...)
	hers = newDesk(t, source, append(both, func(o *lane.Options) { o.Account = "CD5678" })...)
	hers.now = mine.now
	return mine, hers
}

// carry brings what is on its way to the other lane, and back.
func carry(mine, hers *desk) {
	for range 4 {
		for _, d := range []*desk{mine, hers} {
			other := hers
			if d == hers {
				other = mine
			}
			errands, ends := d.errands, d.ends
			d.errands, d.ends = nil, nil
			other.now = later(other.now, d.now)
			for _, e := range errands {
				other.step(lane.Input{Errand: &e})
			}
			for _, e := range ends {
				other.step(lane.Input{ErrandEnd: &e})
			}
		}
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func TestAnOrderInAnotherAccountIsPlacedThereAndItsEndComesBack(t *testing.T) {
	mine, hers := desks(t, copyRule)
	mine.set("E1", filled(75))
	mine.postback("E1")
	if len(mine.errands) > 0 {
		t.Fatal("handed over on a claim")
	}
	mine.readBook()
	mine.none()
	carry(mine, hers)
	r := hers.take(actions.Place)
	if p := r.Call.Params; r.Account != "CD5678" || p.Price != 100*order.Rupee || p.Quantity != 75 || r.Priority != actions.PriorityRisk || r.For != "copy" {
		t.Fatalf("placed %+v", r)
	}
	if len(mine.byRules()) > 0 {
		t.Fatalf("told before it was there: %q", mine.tells)
	}
	hers.accept(r, "H1")
	carry(mine, hers)
	if told := mine.byRules(); !slices.Equal(told, []string{"there as H1 at 100"}) {
		t.Errorf("told %q", told)
	}
	mine.wait(time.Minute)
	carry(mine, hers)
	hers.wait(time.Minute)
	hers.none()
}

func TestWhatFailsInTheOtherAccountIsAnsweredByTheRule(t *testing.T) {
	for name, c := range map[string]struct {
		change func(source string) string
		do     func(hers *desk)
		want   string
	}{
		"refused there": {nil, func(hers *desk) { hers.refuse(hers.take(actions.Place), actions.ClassMargin) }, "not there: margin: the broker's words"},
		"her guardrail": {func(s string) string {
			return strings.Replace(s, "rules:", "guardrails: { max_order_quantity: 50 }\nrules:", 1)
		}, func(hers *desk) { hers.none() }, "not there: guardrail: max_order_quantity: 75 is more than 50"},
		"unknown account": {func(s string) string { return strings.Replace(s, "account: CD5678", `account: "${order.product}"`, 1) },
			func(hers *desk) { hers.none() }, `not there: refused: there is no account "MIS"`},
		"no account": {func(s string) string { return strings.Replace(s, "account: CD5678", `account: "${order.tag}"`, 1) },
			func(hers *desk) { hers.none() }, `not there: refused: there is no account ""`},
		"unknown instrument": {func(s string) string { return strings.Replace(s, `"${order.tradingsymbol}"`, "WRONG", 1) },
			func(hers *desk) { hers.none() }, "not there: instrument: NFO:WRONG is not in the instruments list"},
		"an exit": {func(s string) string { return strings.Replace(s, "price: 100.02", "price: 100.02, role: target", 1) },
			func(hers *desk) { hers.none() }, "not there: refused: an order in another account is no exit of this one's group"},
	} {
		t.Run(name, func(t *testing.T) {
			source := copyRule
			if c.change != nil {
				source = c.change(source)
			}
			mine, hers := desks(t, source)
			mine.opened("E1", filled(75))
			carry(mine, hers)
			c.do(hers)
			carry(mine, hers)
			if told := mine.byRules(); !slices.ContainsFunc(told, func(s string) bool { return strings.HasPrefix(s, c.want) }) {
				t.Errorf("told %q, want %q", told, c.want)
			}
		})
	}
}

func TestARefutedClaimAsksNothingOfAnotherAccount(t *testing.T) {
	mine, hers := desks(t, copyRule)
	mine.set("E1", func(*order.Update) {})
	mine.readBook()
	mine.forge("E1", filled(75))
	mine.wait(2 * time.Minute)
	carry(mine, hers)
	hers.none()
	if len(mine.errands) > 0 {
		t.Errorf("asked %+v", mine.errands)
	}
}

func TestAnErrandThatCameTooLateAddsNoRisk(t *testing.T) {
	mine, hers := desks(t, copyRule)
	mine.opened("E1", filled(75))
	mine.now = mine.now.Add(2 * time.Minute)
	carry(mine, hers)
	hers.none()
	carry(mine, hers)
	if told := mine.byRules(); !slices.ContainsFunc(told, func(s string) bool { return strings.HasPrefix(s, "not there: guardrail: it came too late") }) {
		t.Errorf("told %q", told)
	}
}

func TestAPauseOfAnotherAccountPausesThatOne(t *testing.T) {
	mine, hers := desks(t, `
version: 1
rules:
  - name: stop-her
    accounts: AB1234
    on: rejected
    then: [{ pause: { account: CD5678 } }, { telegram: "paused" }]
`)
	mine.end("R1", order.StatusRejected, 75)
	carry(mine, hers)
	if !hers.lane.View().Paused || mine.lane.View().Paused {
		t.Errorf("hers %v, mine %v", hers.lane.View().Paused, mine.lane.View().Paused)
	}
	if told := mine.byRules(); !slices.Equal(told, []string{"paused"}) {
		t.Errorf("told %q", told)
	}
}

func TestInvariant5ARuleInDryRunAsksNothingOfAnotherAccount(t *testing.T) {
	mine, hers := desks(t, strings.Replace(copyRule, "    on: fill", "    mode: dry-run\n    on: fill", 1))
	mine.opened("E1", filled(75))
	carry(mine, hers)
	hers.none()
	if len(mine.errands) > 0 {
		t.Errorf("asked %+v", mine.errands)
	}
}

// Whatever is lost, doubled or late on the way, and whoever dies when: one order stands in the other account's book, and
// the rule hears of it once.
func TestInvariant2AnErrandIsDoneOnceAcrossCrashes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		mine, hers := desks(t, copyRule)
		var errands []lane.Errand
		var ends []lane.ErrandEnd
		collect := func() {
			errands, ends = append(errands, mine.errands...), append(ends, hers.ends...)
			mine.errands, hers.ends = nil, nil
		}
		draw := func(of ...string) string { return rapid.SampledFrom(of).Draw(rt, "what") }
		placed := 0
		answer := func(lost bool) {
			sends := hers.sends
			hers.sends = nil
			for _, r := range sends {
				if r.Call.Method != actions.Place {
					continue
				}
				placed++
				id := fmt.Sprint("H", placed)
				hers.apply(r, id)
				out := lane.Outcome{RequestID: r.ID, Attempt: r.Attempts, OrderID: id}
				if lost {
					out.OrderID, out.Err = "", &actions.Error{Class: actions.ClassAmbiguous, Message: "no answer in time"}
				}
				hers.step(lane.Input{Outcome: &out})
			}
		}
		restart := func(d *desk) { // what was on its way in the process is gone
			errands, ends, d.errands, d.ends = nil, nil, nil, nil
			d.restart(0)
		}
		hers.end("O1", order.StatusRejected, 75) // an empty book would prove no absence
		mine.opened("E1", filled(75))
		for range rapid.IntRange(0, 12).Draw(rt, "steps") {
			collect()
			switch draw("errand", "errand", "twice", "end", "lose", "crash", "die", "answer", "lost", "time", "read") {
			case "errand":
				if len(errands) > 0 {
					hers.step(lane.Input{Errand: &errands[0]})
					errands = errands[1:]
				}
			case "twice":
				for _, e := range errands {
					hers.step(lane.Input{Errand: &e})
				}
			case "end":
				for _, e := range ends {
					mine.step(lane.Input{ErrandEnd: &e})
				}
			case "lose":
				errands, ends = nil, nil
			case "crash":
				restart(mine)
				restart(hers)
			case "die": // with what was sent
				hers.sends = nil
				restart(hers)
			case "answer":
				answer(false)
			case "lost":
				answer(true)
			case "time":
				mine.now, hers.now = mine.now.Add(3*time.Second), hers.now.Add(3*time.Second)
				mine.step()
				hers.step()
			case "read":
				hers.readBook()
			}
		}
		mine.errands, hers.ends = append(errands, mine.errands...), append(ends, hers.ends...)
		for range 30 { // in the end everything arrives
			hers.now = later(hers.now, mine.now)
			mine.now = hers.now
			mine.wait(2 * time.Second)
			hers.wait(2 * time.Second)
			carry(mine, hers)
			answer(false)
		}
		live := 0
		for _, u := range hers.book {
			if !u.Status.Terminal() {
				live++
			}
		}
		told := mine.byRules()
		if placed > 1 || live != placed || len(told) != 1 || placed == 1 != strings.HasPrefix(told[0], "there as H1") {
			rt.Fatalf("%d placed, %d live, told %q, hers told %q", placed, live, told, hers.tells)
		}
	})
}

// journalled are two desks whose every step is kept.
func journalled(t *testing.T) (mine, hers *desk, store *memory.Store) {
	store = memory.New()
	mine, hers = desks(t, copyRule)
	for _, d := range []*desk{mine, hers} {
		d.store, d.snap = store, &journal.Snapshot{}
		d.start()
		d.arm()
		d.now = d.now.Add(time.Second)
	}
	mine.opened("E1", filled(75))
	carry(mine, hers)
	hers.accept(hers.take(actions.Place), "H1")
	carry(mine, hers)
	return mine, hers, store
}

func replayed(t *testing.T, store *memory.Store, mine *desk, by *rules.Set) (differs []string, all []journal.Commit) {
	t.Helper()
	o := replay.Options{Rules: func(string) *rules.Set { return by },
		Lane: lane.Options{Hours: mine.opts.Hours, Instruments: mine.opts.Instruments, Reasons: mine.opts.Reasons},
		Decode: func(in *journal.Input) (u order.Update, err error) {
			err = json.Unmarshal(in.Doc, &u)
			u.Raw = in.Doc
			return u, err
		}}
	if err := store.ReadRows(t.Context(), func(read journal.Read) error {
		return replay.Run(t.Context(), read, o, func(s replay.Step) error {
			for _, d := range s.Differs {
				differs = append(differs, fmt.Sprintf("step %d of %s: %+v", s.Seq, s.Account, d))
			}
			all = append(all, s.Batch.Commit)
			return nil
		})
	}); err != nil {
		t.Fatal(err)
	}
	return differs, all
}

func TestInvariant8ErrandsAreReplayedByteForByte(t *testing.T) {
	mine, _, store := journalled(t)
	if differs, _ := replayed(t, store, mine, mine.opts.Rules); len(differs) > 0 {
		t.Errorf("%d differ: %v", len(differs), differs[:min(len(differs), 5)])
	}
}

func TestAReplayAsksWhatOtherRulesAskAndNothingElse(t *testing.T) {
	mine, _, store := journalled(t)
	asks := func(source string) (placed []actions.Params) {
		set, problems := rules.Parse("rules.yaml", []byte(source), rules.Options{Specs: actions.Builtin(), Channels: []string{"telegram"}})
		if errs := problems.Errors(); len(errs) > 0 {
			t.Fatal(errs)
		}
		_, all := replayed(t, store, mine, set)
		seen := map[string]bool{}
		for _, c := range all {
			for _, r := range c.Requests {
				if r.Account == "CD5678" && r.Call.Method == actions.Place && !seen[r.ID] {
					seen[r.ID] = true
					placed = append(placed, r.Call.Params)
				}
			}
		}
		return placed
	}
	if p := asks(strings.Replace(copyRule, "name: copy", "name: copied", 1)); len(p) != 1 || p[0].Quantity != 75 {
		t.Errorf("another rule asks for %+v", p)
	}
	if p := asks(strings.Replace(copyRule, "100.02", "90", 1)); len(p) != 1 || p[0].Price != 90*order.Rupee {
		t.Errorf("another price asks for %+v", p)
	}
	if p := asks(strings.Replace(copyRule, "    on: fill", "    enabled: false\n    on: fill", 1)); len(p) != 0 {
		t.Errorf("a rule that is off asks for %+v", p)
	}
}
