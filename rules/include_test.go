package rules

import (
	"testing"
	"testing/fstest"
	"time"

	"backstop/engine/order"
)

func TestIncludeBringsRulesInBeforeTheFilesOwn(t *testing.T) {
	t.Parallel()
	set, problems := parseFile(t, "testdata/good/include.yaml")
	if set == nil {
		t.Fatal(problems)
	}
	var names []string
	for _, r := range set.Rules() {
		names = append(names, r.Name+" "+r.File)
	}
	want := []string{"stop ../packs/oco.yaml", "target ../packs/oco.yaml", "wide-stop ../packs/oco.yaml", "wide-target ../packs/oco.yaml", "own include.yaml"}
	if len(names) != len(want) {
		t.Fatalf("rules %q", names)
	}
	for i := range want {
		if names[i] != want[i] {
			t.Errorf("rule %d is %q, want %q", i, names[i], want[i])
		}
	}
	for name, want := range map[string]order.Price{"stop": 96 * order.Rupee, "wide-stop": 84 * order.Rupee} {
		r, _ := set.Rule(name)
		args, err := r.Then[0].Evaluate(aFill())
		if p, _ := args.Price("trigger_price"); err != nil || p != want {
			t.Errorf("%s: trigger %v, %v", name, p, err)
		}
	}
	if g := set.Guardrails(); g.MaxOrderValue != 500000*order.Rupee || g.MaxChain != 2 || g.MaxOrdersPerDay != OrdersPerDayDefault {
		t.Errorf("guardrails %+v: the file's own stand, an included one's are added", g)
	}
	if len(set.Files()) != 3 || set.Files()[0] != "include.yaml" {
		t.Errorf("files %q", set.Files())
	}
}

func TestTheVersionIsOfAllFiles(t *testing.T) {
	t.Parallel()
	parse := func(pack string) string {
		o := testOptions()
		files := fstest.MapFS{"packs/a.yaml": {Data: []byte(pack)}}
		o.Read = files.ReadFile
		set, problems := Parse("r.yaml", []byte("version: 1\ninclude: packs/a.yaml\n"), o)
		if set == nil {
			t.Fatal(problems)
		}
		return set.Version()
	}
	a := "version: 1\nrules:\n  - name: a\n    on: fill\n    then: [log: x]\n"
	if again := parse(a); parse(a) != again || again == parse(a+"# another\n") {
		t.Error("the same files give the same version, others another")
	}
}

func TestWhatTheRulesLookBackFor(t *testing.T) {
	t.Parallel()
	set, problems := parseFile(t, "testdata/good/timing.yaml")
	if set == nil {
		t.Fatal(problems)
	}
	if m := set.Remember(); len(m) != 1 || m[order.KindRejected] != 5*time.Minute {
		t.Errorf("%v", m)
	}
	r, _ := set.Rule("flat-at-1512")
	at := time.Date(2026, 11, 27, 15, 12, 0, 0, order.IST) // a Friday
	if next := r.Schedule.Next(at); !next.Equal(at.Add(3 * 24 * time.Hour)) {
		t.Errorf("next is %v", next)
	}
	if n := set.Needs(); !n.Day || !n.DayPrice || !n.DayLast || !n.Clock || !set.Listens(order.KindSchedule) || set.Listens(order.KindPrice) {
		t.Errorf("needs %+v", n)
	}
}
