package examples_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/market"
	"backstop/engine/order"
	"backstop/rules"
)

var record = flag.Bool("record", false, "record the payloads anew from the paper exchange, and the stories that they tell")

// packs are the folders with rules in them.
func packs(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*/rules.yaml")
	if err != nil || len(files) < 12 {
		t.Fatal("packs are missing:", files, err)
	}
	var out []string
	for _, f := range files {
		out = append(out, filepath.Dir(f))
	}
	return out
}

func ruleOptions() rules.Options {
	o := rules.Options{Specs: actions.Builtin(), Channels: []string{rules.SettingsChannel}}
	for _, c := range actions.Reasons() {
		o.Reasons = append(o.Reasons, string(c))
	}
	return o
}

// rehearsal is what the dry-run command does: a lane an account, at the times that payloads tell.
type rehearsal struct {
	t     *testing.T
	set   *rules.Set
	lanes map[string]*lane.Rehearsal
	now   time.Time
}

func newRehearsal(t *testing.T, pack string) *rehearsal {
	t.Helper()
	set, problems, err := rules.Load(filepath.Join(pack, "rules.yaml"), ruleOptions())
	if err != nil || len(problems) > 0 {
		t.Fatal(err, problems)
	}
	return &rehearsal{t: t, set: set, lanes: map[string]*lane.Rehearsal{}}
}

// take shows one update and tells what followed since the one before.
func (r *rehearsal) take(u order.Update) []lane.Story {
	r.t.Helper()
	if at := u.Latest(); at.After(r.now) {
		r.now = at
	}
	u.Source, u.Received, u.Account = order.SourceReplay, r.now, cmp.Or(u.Account, "AB1234")
	l := r.lanes[u.Account]
	if l == nil {
		var err error
		if l, err = lane.NewRehearsal(lane.Options{Account: u.Account, Mode: lane.DryRun, Rules: r.set, Hours: market.Default(),
			Instruments: noInstruments{}, Reasons: kite.Reason, Assume: true}, nil, r.now); err != nil {
			r.t.Fatal(err)
		}
		r.lanes[u.Account] = l
	}
	return l.Take(r.now, lane.Input{Update: &u})
}

// noInstruments is an empty list: ticks and lots are assumed.
type noInstruments struct{}

func (noInstruments) Instrument(string, string) (order.Instrument, bool) {
	return order.Instrument{}, false
}
func (noInstruments) Loaded() bool { return true }

// story is what a pack's payloads come to, a line an event, message and request.
func story(t *testing.T, pack string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(pack, "payloads", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatal("no payloads", err)
	}
	var out strings.Builder
	r := newRehearsal(t, pack)
	for _, f := range files {
		body, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s\n", filepath.Base(f))
		if err := kite.DecodeAny(bytes.NewReader(body), func(u order.Update, err error) error {
			if err != nil {
				return err
			}
			for _, s := range r.take(u) {
				tell(&out, s)
			}
			return nil
		}); err != nil {
			t.Fatal(f, err)
		}
	}
	return out.String()
}

func tell(out *strings.Builder, s lane.Story) {
	if s.Update.OrderID == "" {
		fmt.Fprintf(out, "  at %s\n", s.At.In(order.IST).Format("15:04:05"))
	}
	if s.Ignored != "" {
		fmt.Fprintf(out, "  ignored: %s\n", s.Ignored)
	}
	for _, e := range s.Events {
		fmt.Fprintf(out, "  %s\n", strings.Join(strings.Fields(fmt.Sprintf("%s %s %s %s", e.Kind, e.Role, quantity(e.Fill), e.Cause)), " "))
	}
	for _, a := range s.Actions {
		switch {
		case a.Message != nil:
			fmt.Fprintf(out, "  tells %q\n", a.Message.Text)
		case a.State != actions.Planned:
			fmt.Fprintf(out, "  %s of %s: %s\n", a.Type, a.Rule, a.State)
		}
	}
	for _, r := range s.Requests {
		p := r.Call.Params
		if r.Call.Method == actions.Cancel {
			fmt.Fprintf(out, "  cancel %s for %s\n", r.Key.Tradingsymbol, r.For)
			continue
		}
		fmt.Fprintf(out, "  %s %s %d %s %s trigger %s price %s for %s\n", r.Call.Method, p.TransactionType, p.Quantity, p.Tradingsymbol, p.OrderType, p.TriggerPrice, p.Price, r.For)
	}
}

func quantity(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// TestEveryPackTellsItsStory: what the dry run makes of the recorded payloads.
func TestEveryPackTellsItsStory(t *testing.T) {
	for _, pack := range packs(t) {
		t.Run(pack, func(t *testing.T) {
			t.Parallel()
			if *record {
				play, ok := recorders[pack]
				if !ok {
					t.Fatal("nothing records its payloads")
				}
				play(newDesk(t, pack))
			}
			want := filepath.Join(pack, "story.txt")
			got := story(t, pack)
			if *record {
				if err := os.WriteFile(want, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			have, err := os.ReadFile(want)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(have) {
				t.Errorf("the story is\n%s\nwant\n%s", got, have)
			}
		})
	}
}
