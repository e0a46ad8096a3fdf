package order

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"
)

func ids(orders []*Order) []string {
	var all []string
	for _, o := range orders {
		all = append(all, o.ID)
	}
	return all
}

func TestOrdersAreOldestFirstWhateverCameFirst(t *testing.T) {
	want := []string{"1", "251121000000011", "251121000000012", "1953341975595868160", "1953367517686685697"}
	permutations(len(want), func(p []int) {
		w := newWorld(t)
		for _, i := range p {
			w.see(bought(want[i], i, 10).tagged("a"))
			w.Orders() // sorting between must not matter
		}
		if got := ids(w.Orders()); !slices.Equal(got, want) {
			t.Fatalf("%v: %v", p, got)
		}
		if got := ids(w.AllTagged("a")); !slices.Equal(got, want) {
			t.Fatalf("%v: under the tag %v", p, got)
		}
		if o, ok := w.Tagged("a"); !ok || o.ID != "1" {
			t.Fatalf("%v: oldest under the tag %v", p, o)
		}
	})
}

func TestAListOfOrdersStaysAsItWasGiven(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id2, 0, 10))
	w.see(bought(id4, 0, 10))
	given := w.Orders()
	w.see(bought(id3, 0, 10))
	w.see(bought(id1, 0, 10))
	w.Orders()
	w.Drop(id2)
	if got := ids(given); !slices.Equal(got, []string{id2, id4}) {
		t.Errorf("became %v", got)
	}
	if got := ids(w.Orders()); !slices.Equal(got, []string{id1, id3, id4}) {
		t.Errorf("now %v", got)
	}
}

func TestTagsOfEitherField(t *testing.T) {
	w := newWorld(t)
	s := bought(id1, 0, 10).by(SourcePostback)
	s.tag = "one"
	w.see(s)
	s = bought(id1, 0, 10)
	s.tag, s.tags = "one", []string{"one", "mktp"}
	w.see(s)
	for _, tag := range []string{"one", "mktp"} {
		if o, ok := w.Tagged(tag); !ok || o.ID != id1 || !o.Row().HasTag(tag) {
			t.Errorf("not found under %s", tag)
		}
	}
	if _, ok := w.Tagged(""); ok || w.order(id1).Row().HasTag("") {
		t.Error("found under no tag")
	}
	if got := len(w.AllTagged("one")); got != 1 {
		t.Errorf("%d times under one tag", got)
	}
}

func TestDropLeavesTheOthersUnderTheTag(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10).tagged("a"))
	w.see(bought(id2, 0, 10).tagged("a"))
	w.Drop(id1)
	w.Drop("nothing")
	if o, ok := w.Tagged("a"); !ok || o.ID != id2 || w.Len() != 1 {
		t.Errorf("%v, %d orders", o, w.Len())
	}
	if h := w.Holding(Claimed, nifty); h.Position != 10 {
		t.Errorf("%s", picture(h))
	}
	w.Drop(id2)
	if len(w.Keys()) != 0 {
		t.Errorf("places %v without orders", w.Keys())
	}
}

func TestRestoreReplacesTheOrder(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10).tagged("a"))
	w.Restore(again(t, w.Book).Orders()[0])
	if w.Len() != 1 || len(w.Orders()) != 1 || len(w.AllTagged("a")) != 1 || w.Holding(Claimed, nifty).Position != 10 {
		t.Errorf("%d orders, %d listed, position %d", w.Len(), len(w.Orders()), w.Holding(Claimed, nifty).Position)
	}
}

func TestKeysAndOvernight(t *testing.T) {
	w := newWorld(t, Overnight{Key: infy, Quantity: 5, AveragePrice: rupees(1500)}, Overnight{Key: Key{"NSE", "SBIN", "CNC"}})
	if got := w.Keys(); !slices.Equal(got, []Key{infy}) {
		t.Errorf("places %v: a quantity of 0 is none", got)
	}
	w.see(bought(id1, 0, 10))
	if got := w.Keys(); !slices.Equal(got, []Key{nifty, infy}) {
		t.Errorf("places %v", got)
	}
	if got := w.Overnight(); len(got) != 1 || got[0].Key != infy || got[0].Quantity != 5 {
		t.Errorf("overnight %v", got)
	}
	g, ok := w.Holding(Claimed, infy).Group("overnight")
	if entry, told := g.EntryPrice(); !ok || !g.Carried || !g.Baseline || entry != rupees(1500) || !told {
		t.Errorf("%+v", g)
	}
	w.SetOvernight([]Overnight{{Key: nifty, Quantity: -10}})
	if got := w.Keys(); !slices.Equal(got, []Key{nifty}) || w.Holding(Claimed, nifty).Position != 0 {
		t.Errorf("places %v, position %d", got, w.Holding(Claimed, nifty).Position)
	}
	w.Clear()
	if w.Len() != 0 || len(w.Orders()) != 0 || len(w.Keys()) != 0 || w.OvernightKnown() || w.Holding(Claimed, nifty).Position != 0 {
		t.Error("a cleared book remembers")
	}
	if nifty.Instrument() != "NFO:NIFTY25NOV24500CE" {
		t.Error(nifty.Instrument())
	}
}

func TestDayIsIndias(t *testing.T) {
	if d := DayOf(time.Date(2025, 11, 20, 20, 0, 0, 0, time.UTC)); d != "2025-11-21" {
		t.Error(d)
	}
}

// TestEveryKindHasItsDoc reads the constants, so that a new kind can't be forgotten in the reference.
func TestEveryKindHasItsDoc(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "kind.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	documented := map[Kind]bool{}
	for _, k := range Kinds() {
		if documented[k.Kind] || k.Doc == "" || !slices.Contains([]string{"order", "group", "engine"}, k.Of) {
			t.Errorf("%+v", k)
		}
		documented[k.Kind] = true
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		v, ok := node.(*ast.ValueSpec)
		if ok && v.Type != nil && fmt.Sprint(v.Type) == "Kind" {
			text, _ := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			n++
			if !documented[Kind(text)] {
				t.Errorf("%s has no doc", text)
			}
		}
		return true
	})
	if n == 0 || n != len(documented) {
		t.Errorf("%d kinds, %d documented", n, len(documented))
	}
}

func TestExitRoles(t *testing.T) {
	for _, r := range Roles() {
		if want := r != RoleEntry && r != RoleOther; r.IsExit() != want {
			t.Errorf("%s: exit %v", r, r.IsExit())
		}
	}
	if RoleUnknown.IsExit() {
		t.Error("an unknown role is an exit")
	}
}

// day100k stands for a day's book: limits and tags as one program writes them.
func filledBook(b *testing.B, n int) *Book {
	b.Helper()
	book := NewBook(account)
	book.SetOvernight(nil)
	for i := range n {
		book.Fold(benchRow(i), start)
	}
	return book
}

func benchRow(i int) *Update {
	k := Key{"NFO", fmt.Sprintf("NIFTY25NOV%dCE", 20000+i%200*50), "NRML"}
	s := bought(fmt.Sprintf("2511210%08d", i), i%20000, 75).in(k).tagged("algo")
	if i/200%2 == 1 {
		s.side = Sell
	}
	return s.row()
}

// BenchmarkFold folds one new order into a book of 10,000.
func BenchmarkFold(b *testing.B) {
	const held = 10_000
	rows := make([]*Update, 5_000)
	for i := range rows {
		rows[i] = benchRow(held + i)
	}
	book := filledBook(b, held)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if i == len(rows) {
			b.StopTimer()
			book, i = filledBook(b, held), 0
			b.StartTimer()
		}
		book.Fold(rows[i], start)
		book.Orders()
		i++
	}
}

// BenchmarkHolding derives one place anew, as each change does.
func BenchmarkHolding(b *testing.B) {
	for _, n := range []int{10, 1_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			book := NewBook(account)
			book.SetOvernight(nil)
			for i := range n {
				s := bought(fmt.Sprintf("2511210%08d", i), i, 75)
				if i%2 == 1 {
					s = sold(s.id, i, 75)
				}
				o := book.Fold(s.row(), start).Order
				if i%4 == 1 {
					o.Link = &Link{Group: fmt.Sprintf("2511210%08d", i-1), Role: RoleStopLoss}
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				book.Touch(nifty)
				book.Holding(Confirmed, nifty)
			}
		})
	}
}

// BenchmarkRestore puts a day of 100,000 orders back, in no order.
func BenchmarkRestore(b *testing.B) {
	kept := slices.Clone(filledBook(b, 100_000).Orders())
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(kept), func(i, j int) { kept[i], kept[j] = kept[j], kept[i] })
	for b.Loop() {
		book := NewBook(account)
		for _, o := range kept {
			book.Restore(o)
		}
		book.Orders()
	}
}
