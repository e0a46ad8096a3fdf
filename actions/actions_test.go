package actions_test

import (
	"testing"

	"backstop/actions"
	"backstop/rules"
)

func TestInvariant2TheSameFactsGiveTheSameTag(t *testing.T) {
	id := actions.ID("place", "AB1234", "stop_loss", "NFO", "NIFTY26NOV24500CE", "MIS", "260123220461909", "0", "0", "0")
	if again := actions.ID("place", "AB1234", "stop_loss", "NFO", "NIFTY26NOV24500CE", "MIS", "260123220461909", "0", "0", "0"); again != id {
		t.Fatalf("%s and then %s", id, again)
	}
	// Written down once: another id for the same facts would place a second stop behind every open one.
	if want := "bshawhecrsf2hs3przbj"; actions.Tag(id) != want {
		t.Errorf("the tag is %s, was %s", actions.Tag(id), want)
	}
}

func TestNoTwoListsOfFactsGiveOneID(t *testing.T) {
	seen := map[string][]string{}
	for _, facts := range [][]string{{"a", "b"}, {"ab"}, {"a", "", "b"}, {"a|", "b"}, {"a", "|b"}, {"a||b"}, {"a|.b"}, {"", "ab"}, {"ab", ""}, {"a|", ".b"}} {
		id := actions.ID(facts...)
		if other, ok := seen[id]; ok {
			t.Errorf("%q and %q are one id", facts, other)
		}
		seen[id] = facts
	}
}

func TestATagIsWhatKiteTakes(t *testing.T) {
	tag := actions.Tag(actions.ID("x"))
	if len(tag) != 20 || tag[:2] != "bs" || !actions.IsTag(tag) {
		t.Errorf("%q", tag)
	}
	for _, other := range []string{"", "bs", "bstooshort", tag + "x", "xx" + tag[2:], tag[:19] + "1", tag[:19] + "A"} {
		if actions.IsTag(other) {
			t.Errorf("%q is taken for one of ours", other)
		}
	}
}

func TestAnActionHasTheFirstStateThatOneOfItsRequestsHas(t *testing.T) {
	for _, c := range []struct {
		want   actions.State
		states []actions.State
	}{
		{actions.Done, nil},
		{actions.Failed, []actions.State{actions.Done, actions.Unknown, actions.Failed}},
		{actions.Unknown, []actions.State{actions.Waiting, actions.Unknown}},
		{actions.Waiting, []actions.State{actions.Running, actions.Waiting}},
		{actions.Running, []actions.State{actions.Accepted, actions.Running}},
		{actions.Accepted, []actions.State{actions.Planned, actions.Accepted}},
		{actions.Planned, []actions.State{actions.Done, actions.Planned}},
		{actions.Done, []actions.State{actions.Skipped, actions.Done}},
		{actions.Skipped, []actions.State{actions.Skipped}},
	} {
		if got := actions.Combine(c.states); got != c.want {
			t.Errorf("%v give %s, want %s", c.states, got, c.want)
		}
	}
}

func TestAStateIsFinalOrOnItsWay(t *testing.T) {
	for _, s := range actions.States() {
		if s.Final() && s.InFlight() {
			t.Errorf("%s is both", s)
		}
	}
	if actions.Waiting.Final() || actions.Waiting.InFlight() {
		t.Error("what waits has not left and is not over")
	}
}

func TestEveryActionIsDeclaredWhole(t *testing.T) {
	names := map[string]bool{}
	for _, s := range actions.Builtin() {
		if s.Name == "" || s.Doc == "" || names[s.Name] {
			t.Errorf("%q lacks a name of its own or a doc line", s.Name)
		}
		names[s.Name] = true
		for _, p := range append(append([]rules.Param{}, s.Params...), s.Results...) {
			if p.Name == "" || p.Doc == "" || p.Type == "" {
				t.Errorf("%s.%s lacks its type or doc line", s.Name, p.Name)
			}
			if p.Type == rules.ParamEnum && len(p.Enum) == 0 {
				t.Errorf("%s.%s lists no words", s.Name, p.Name)
			}
		}
	}
}
