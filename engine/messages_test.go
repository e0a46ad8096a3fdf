package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
)

// speaks sends one message a update to the channel of its order id's first letter.
func speaks(b *lane.Batch, _ time.Time, _ lane.Grant, inputs []lane.Input) {
	for i := range inputs {
		if u := inputs[i].Update; u != nil {
			b.Messages = append(b.Messages, message(u.OrderID, u.OrderID[:1]))
		}
	}
}

func TestAHangingChannelDelaysNothingElse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		hangs := &channel{OnSend: func(ctx context.Context, _ actions.Message) error { <-ctx.Done(); return ctx.Err() }}
		fine := &channel{}
		e, store, _ := start(t, Options{Accounts: []AccountOptions{scripted("A", &broker{}, speaks)},
			Channels: map[string]actions.Channel{"h": hangs, "f": fine}})
		for i := range 50 {
			for _, c := range []string{"h", "f"} {
				began := time.Now()
				if _, err := e.Submit(t.Context(), update("A", c+fmt.Sprint(i))); err != nil || time.Since(began) > 0 {
					t.Fatalf("acknowledged after %s, %v", time.Since(began), err)
				}
			}
		}
		synctest.Wait()
		if fine.Count() != 50 || !slices.IsSorted(fine.Said()[:10]) {
			t.Error(fine.Said())
		}
		time.Sleep(25 * time.Second)
		if hangs.Count() != 3 {
			t.Error(hangs.Count(), "tried in 25 s")
		}
		if n := len(kept(t, store, "A", journal.InputDelivery)); n != 52 {
			t.Error(n, "deliveries")
		}
	})
}

func TestDeliveries(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var mu sync.Mutex
		got := map[string]lane.Delivery{}
		sends := map[string]error{
			"fine": nil, "refused": &actions.Error{Class: actions.ClassRefused, Message: "chat not found"},
			"wait": fmt.Errorf("x: %w", &tooMany{&actions.Error{Class: actions.ClassBusy}}), "odd": errors.New("EOF"),
		}
		m, _ := newEngineMetrics(nil)
		c := &channel{OnSend: func(_ context.Context, m actions.Message) error {
			if m.Text == "panic" {
				panic("bot")
			}
			return sends[m.Text]
		}}
		all := newMessengers(map[string]actions.Channel{"desk": c}, m)
		live, end := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { all.run(live, t.Context()) })
		post := func(in lane.Input) {
			mu.Lock()
			defer mu.Unlock()
			if _, ok := got[in.Delivery.ActionID]; ok {
				t.Error("a second delivery of", in.Delivery.ActionID)
			}
			got[in.Delivery.ActionID] = *in.Delivery
		}
		for id := range sends {
			a := message(id, "desk")
			all.send(post, &a)
			all.send(post, &a) // claimed anew by a lane that was read back: on its way already
		}
		for id, channel := range map[string]string{"panic": "desk", "nobody": "nowhere"} {
			a := message(id, channel)
			all.send(post, &a)
		}
		all.send(post, &actions.Action{ID: "no message"})
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		class := func(id string) actions.Class {
			d, ok := got[id]
			switch {
			case !ok:
				t.Error("no delivery of", id)
			case d.Err != nil:
				return d.Err.Class
			}
			return actions.ClassNone
		}
		for id, want := range map[string]actions.Class{"fine": "", "refused": actions.ClassRefused, "wait": actions.ClassBusy,
			"odd": actions.ClassDown, "panic": actions.ClassDown, "nobody": actions.ClassInternal} {
			if class(id) != want {
				t.Errorf("%s: %+v", id, got[id])
			}
		}
		if got["wait"].RetryAfter != 7*time.Second || len(got) != 6 || c.Count() != 5 {
			t.Error(got, c.Count())
		}
		end()
		run.Wait()
	})
}

// tooMany is Telegram's 429.
type tooMany struct{ err *actions.Error }

func (e *tooMany) Error() string { return e.err.Error() }

func (e *tooMany) Unwrap() error             { return e.err }
func (e *tooMany) RetryAfter() time.Duration { return 7 * time.Second }
