package enginetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/journal/memory"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/rules"
)

const (
	head = "version: 1\nalerts: telegram\nrules:\n"
	stop = `
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry"
    then:
      - place_stop_loss:
          trigger_price: loss(20)
          if_cancelled: replace
      - telegram: "stop for ${order.tradingsymbol} at ${action.trigger_price}"
`
	target = `
  - name: target
    on: [partial_fill, fill]
    when: order.role == "entry"
    then:
      - place_target: { price: profit(30) }
`
	leave = `
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry"
    then:
      - place_stop_loss: { trigger_price: loss(20) }
`
	perFill = `
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry"
    then:
      - place_stop_loss: { trigger_price: loss(20), per: fill, if_cancelled: replace }
`
	exits = `
  - name: give-up
    on: cancelled
    when: order.role == "entry"
    then:
      - exit_position: {}
`
	parts = `
  - name: part
    on: { schedule: "*/2 * * * *" }
    then:
      - exit_position: { quantity: "ceil(abs(position.quantity) / 2 / instrument.lot_size) * instrument.lot_size" }
        of: account
        where: group.covered_quantity > 0
  - name: some
    on: cancelled
    when: order.role == "entry" and group.open_quantity > 0
    then:
      - exit_position: { quantity: instrument.lot_size }
      - telegram: "part of ${order.tradingsymbol}: ${action.quantity}"
`
	again = `
  - name: again
    on: flat
    when: event.cause == "stop_loss" and (state.again ?? 0) < 20
    max_per_day: 10
    then:
      - set:
          again: (state.again ?? 0) + 1
      - place_order: { exchange: "${order.exchange}", tradingsymbol: "${order.tradingsymbol}", transaction_type: "${group.side}", quantity: group.filled_quantity, product: "${order.product}", order_type: LIMIT, price: round_tick(group.entry_price), tag: again }
      - telegram: "again ${order.tradingsymbol} ${action.order_id}"
    on_error:
      - telegram: "not again: ${error.message}"
  - name: slow
    on: open
    when: order.role == "entry" and order.status == "OPEN"
    for: 90s
    then:
      - modify_order: { price: round_tick(order.price * 1.01) }
`
	iced = `
  - name: iced
    on: flat
    when: event.cause == "stop_loss" and group.filled_quantity > instrument.lot_size and (state.iced ?? 0) < 20
    then:
      - set:
          iced: (state.iced ?? 0) + 1
      - place_order: { exchange: "${order.exchange}", tradingsymbol: "${order.tradingsymbol}", transaction_type: "${group.side}", quantity: group.filled_quantity, product: "${order.product}", order_type: LIMIT, price: round_tick(group.entry_price), variety: iceberg, iceberg_legs: 2 }
    on_error:
      - telegram: "not iced: ${error.message}"
`
	sweep = `
  - name: sweep
    on: { schedule: "*/7 * * * *" }
    then:
      - cancel_order: {}
        of: account
        where: order.role == "entry" and order.age > 60
      - exit_position: {}
        of: account
        where: group.exited_quantity > 0
  - name: many
    on: rejected
    when: recent("rejected", "5m") > 2
    after: { kind: rejected, within: 5m, of: symbol }
    then:
      - telegram: "many"
`
	ownTarget = `
  - name: own-target
    on: fill
    when: order.role == "entry" and group.open_quantity > 0
    then:
      - place_order: { exchange: "${order.exchange}", tradingsymbol: "${order.tradingsymbol}", transaction_type: '${group.side == "BUY" ? "SELL" : "BUY"}', quantity: group.open_quantity, product: "${order.product}", order_type: LIMIT, price: round_tick(profit(30)), role: target }
    on_error:
      - telegram: "no target: ${error.message}"
`
	trail = `
  - name: trail
    on: price
    when: gain() >= 8
    then:
      - place_stop_loss: { trigger_price: profit(gain() - 6), step: 1, if_cancelled: replace }
`
	gtt = `
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry" and order.product != "MIS"
    then:
      - place_stop_loss:
          trigger_price: loss(20)
          if_cancelled: replace
          hold: gtt
`
	siblings = `
  - name: siblings
    on: triggered
    then:
      - cancel_siblings: { roles: [target] }
      - telegram: "triggered ${order.tradingsymbol}"
`
)

// icebergLegs are those of the icebergs that rules place.
const icebergLegs = 2

// kind is a kind of day: rules, and who acts under them.
type kind struct {
	rules  string
	wants  Wants
	people People
	refuse bool
	lapse  bool
	poor   bool
	dryRun bool
}

var kinds = []kind{
	{rules: stop + target, wants: Wants{Targets: true, Replace: true}},
	{rules: stop + target, wants: Wants{Targets: true, Replace: true}, people: People{Hands: true, Shorts: true}},
	{rules: stop + target, wants: Wants{Targets: true, Replace: true}, people: People{Shorts: true, Products: true}},
	{rules: perFill, wants: Wants{Replace: true}, people: People{Hands: true}},
	{rules: leave + target, people: People{Touch: true}},
	{rules: stop + target + siblings, wants: Wants{Replace: true}, people: People{Touch: true, Hands: true}},
	{rules: stop + target + exits, wants: Wants{Targets: true, Replace: true}, people: People{Shorts: true}},
	{rules: stop + target, wants: Wants{Targets: true, Replace: true}, people: People{Flips: true, Hands: true}},
	{rules: stop + target, wants: Wants{Targets: true, Replace: true}, lapse: true},
	{rules: stop + target, wants: Wants{Targets: true, Replace: true}, refuse: true},
	{rules: stop + target, wants: Wants{Replace: true}, poor: true},
	{rules: perFill + exits, wants: Wants{Replace: true}, lapse: true},
	{rules: stop + target + again, wants: Wants{Targets: true, Replace: true}, people: People{Shorts: true}},
	{rules: stop + target + sweep, wants: Wants{Replace: true}, people: People{Hands: true}},
	{rules: stop + ownTarget, wants: Wants{Replace: true}, people: People{Hands: true}},
	{rules: stop + target + iced, wants: Wants{Targets: true, Replace: true}, people: People{Shorts: true}},
	{rules: stop + target + parts, wants: Wants{Targets: true, Replace: true}},
	{rules: perFill + parts, wants: Wants{Replace: true}, people: People{Hands: true, Shorts: true}},
	{rules: leave + parts, people: People{Touch: true}, refuse: true},
	{rules: stop + trail, wants: Wants{Replace: true, Trails: true}, people: People{Hands: true, Shorts: true}},
	{rules: stop + target + trail, wants: Wants{Targets: true, Replace: true, Trails: true}, people: People{Products: true}},
	{rules: perFill + trail, wants: Wants{Replace: true, Trails: true}, people: People{Hands: true}},
	{rules: leave + trail, wants: Wants{Trails: true}, people: People{Touch: true, Hands: true}, refuse: true},
	{rules: stop + target, dryRun: true, people: People{Hands: true, Shorts: true}},
}

var gttKinds = []kind{
	{rules: gtt, wants: Wants{Replace: true}, people: People{NRML: true}},
	{rules: gtt + target, wants: Wants{Replace: true}, people: People{NRML: true, Hands: true}},
	{rules: gtt + target + exits, wants: Wants{Replace: true}, people: People{NRML: true, Shorts: true}},
	{rules: gtt, wants: Wants{Replace: true}, people: People{NRML: true, Hands: true, Shorts: true}, lapse: true},
}

var (
	parsed   = map[string]*rules.Set{}
	parsedMu sync.Mutex // guards parsed
)

// ruleSet parses rules once.
func ruleSet(text string) (*rules.Set, error) {
	parsedMu.Lock()
	defer parsedMu.Unlock()
	if set, ok := parsed[text]; ok {
		return set, nil
	}
	set, problems := rules.Parse("rules.yaml", []byte(head+text), rules.Options{Specs: actions.Builtin(), Channels: []string{"telegram"}})
	if errs := problems.Errors(); len(errs) > 0 {
		return nil, errors.New(fmt.Sprint(errs))
	}
	parsed[text] = set
	return set, nil
}

// Day is the day of a seed: its world, its rules and its events, all drawn from it.
func Day(seed uint64) (Config, error) { return day(seed, kinds, 8) }

// GTTDay is the day of a seed on which stops are triggers that the exchange keeps, and every second of which goes over a
// night.
func GTTDay(seed uint64) (Config, error) { return day(seed, gttKinds, 2) }

// day draws a day of one of the kinds; one of so many goes over a night.
func day(seed uint64, kinds []kind, nights int) (Config, error) {
	dice := rand.New(rand.NewPCG(seed, 0x776f))
	one := func(of int) bool { return dice.IntN(of) == 0 }
	k := kinds[dice.IntN(len(kinds))]
	c := Config{Seed: seed, Batch: 1, Confirm: !one(5), Wants: k.wants, Poor: k.poor, Open: func() (journal.Store, error) { return memory.New(), nil }}
	c.Wants.Behind, c.Wants.Changed = 0.20, 0.25
	if one(2) {
		c.Batch = 50
	}
	t := Trouble{Refuse: k.refuse, Lapse: k.lapse}
	if !one(4) {
		t.Network, t.Crashes, t.Disk, t.Outage = true, one(2), one(3), one(4)
		t.Forge = c.Confirm && one(2) // without confirm a forged postback is believed, as the setting says
	}
	night := one(nights) && !k.dryRun
	if night {
		c.Start = time.Date(2026, 11, 16, 23, 48, 0, 0, order.IST) // the contracts do not end with it
	}
	if k.dryRun {
		c.Mode, t.Crashes = lane.DryRun, one(2)
	}
	c.Events = Draw(seed, k.people, t, night)
	var err error
	if c.Rules, err = ruleSet(k.rules); err == nil {
		c.Changed, err = ruleSet(strings.ReplaceAll(k.rules, "loss(20)", "loss(25)"))
	}
	return c, err
}
