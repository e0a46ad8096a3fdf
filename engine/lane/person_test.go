package lane_test

import (
	"strings"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// say gives the lane a person's word, with the action's row as the store keeps it, and gives why it was not followed.
func (d *desk) say(c lane.Control) (b lane.Batch, refused string) {
	d.t.Helper()
	for _, a := range d.snap.Actions {
		if a.ID == c.ID {
			c.Action = &a
		}
	}
	b = d.step(lane.Input{Control: &c})
	for _, answer := range b.Answers {
		refused = answer.Ignored
	}
	return b, refused
}

// failedStop is a desk whose stop was refused half a minute ago.
func failedStop(t *testing.T) (d *desk, first actions.Request, action string) {
	t.Helper()
	d = newDesk(t, stopRule)
	d.set("E1", filled(75))
	d.readBook()
	first = d.take(actions.Place)
	d.refuse(first, actions.ClassMargin)
	d.wait(30 * time.Second)
	return d, first, first.ActionID
}

func TestAWordIsJournalledWithWhoSaidItAndARefusedOneIsNot(t *testing.T) {
	d, first, action := failedStop(t)
	if b, refused := d.say(lane.Control{Verb: lane.Resolve, ID: action, OrderID: "none"}); refused == "" || len(b.Commit.Inputs) > 0 {
		t.Errorf("refused %q, and journalled %d inputs", refused, len(b.Commit.Inputs))
	}
	b, refused := d.say(lane.Control{Verb: lane.Retry, ID: action, By: "asha"})
	if refused != "" || len(b.Commit.Inputs) != 1 || !strings.Contains(string(b.Commit.Inputs[0].Doc), `"by":"asha"`) {
		t.Fatalf("refused %q, inputs %v", refused, b.Commit.Inputs)
	}
	d.wait(5 * time.Second)
	if again := d.take(actions.Place); again.ID == first.ID || again.Tag() == first.Tag() || again.ActionID != action {
		t.Errorf("the next generation is %+v", again)
	}
}

func TestInvariant2ARetryThatADaySeparatesIsRefused(t *testing.T) {
	d, first, action := failedStop(t)
	d.now = d.now.Add(24 * time.Hour)
	d.book = map[string]*order.Update{}
	d.start()
	d.arm()
	for _, id := range []string{action, first.ID} {
		if _, refused := d.say(lane.Control{Verb: lane.Retry, ID: id}); !strings.Contains(refused, "not of today") {
			t.Errorf("refused %q", refused)
		}
	}
	d.wait(time.Minute)
	d.none()
}

func TestARetryOutlivesARestartWhateverItIsAbout(t *testing.T) {
	d, _, action := failedStop(t)
	d.start() // the lane of now knows the ended action no more
	d.arm()
	if _, refused := d.say(lane.Control{Verb: lane.Retry, ID: action}); refused != "" {
		t.Fatal(refused)
	}
	d.start()
	d.arm()
	d.wait(25 * time.Second)
	d.accept(d.take(actions.Place), "S1")
	for _, a := range d.snap.Actions {
		if a.ID == action && (a.State != actions.Done || a.Retries != 1 || a.Error != nil) {
			t.Errorf("the action is %s, tried again %d times, %v", a.State, a.Retries, a.Error)
		}
	}
}

func TestAMessageThatNoChannelTookIsOfferedAgainByRetry(t *testing.T) {
	d := newDesk(t, "version: 1\nrules:\n  - name: tell\n    on: open\n    then: [{ telegram: \"${order.order_id}\" }]\n")
	d.set("E1", func(*order.Update) {})
	u := *d.book["E1"]
	u.Source = order.SourceStream
	b := d.lane.Step(d.now, lane.Unlimited, []lane.Input{{Update: &u}})
	d.commit(b.Commit)
	if len(b.Messages) != 1 {
		t.Fatalf("%d messages", len(b.Messages))
	}
	id := b.Messages[0].ID
	d.step(lane.Input{Delivery: &lane.Delivery{ActionID: id, Err: &actions.Error{Class: actions.ClassRefused, Message: "chat not found"}}})
	if _, refused := d.say(lane.Control{Verb: lane.Resolve, ID: id, Failed: true}); refused == "" {
		t.Error("a message was resolved")
	}
	b, refused := d.say(lane.Control{Verb: lane.Retry, ID: id})
	if refused != "" || len(b.Messages) != 1 || b.Messages[0].ID != id {
		t.Errorf("refused %q, messages %v", refused, b.Messages)
	}
	if _, refused := d.say(lane.Control{Verb: lane.Retry, ID: id}); refused == "" {
		t.Error("a message that was delivered is offered again")
	}
}

// TestInvariant8TheSameWordsGiveTheSameDecisions: a person's word is an input like any.
func TestInvariant8TheSameWordsGiveTheSameDecisions(t *testing.T) {
	var first string
	for range 2 {
		d, _, action := failedStop(t)
		b, _ := d.say(lane.Control{Verb: lane.Retry, ID: action, By: "asha"})
		got := string(b.Commit.Inputs[0].Doc)
		for _, r := range b.Commit.Requests {
			got += r.ID + string(r.State) + r.Why
		}
		d.wait(5 * time.Second)
		got += d.take(actions.Place).ID
		if first == "" {
			first = got
		}
		if got != first {
			t.Errorf("first %s\nthen  %s", first, got)
		}
	}
}

func TestAnOrderOfAnEarlierJournalIsKeptTrue(t *testing.T) {
	d, _ := entered(t, stopRule)
	d.snap.Orders, d.snap.Actions, d.snap.Requests, d.snap.Docs = nil, nil, nil, nil
	d.opts.Adopt = true
	d.start()
	d.arm()
	d.wait(5 * time.Second)
	d.none()
	d.set("X1", func(u *order.Update) { u.TransactionType = "SELL"; filled(75)(u) })
	d.readBook()
	if r := d.take(actions.Cancel); r.Call.OrderID != "S1" {
		t.Errorf("cancelled %s", r.Call.OrderID)
	}
}
