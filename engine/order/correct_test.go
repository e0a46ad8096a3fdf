package order

import (
	"slices"
	"testing"
)

func TestWhatWasToldAsAnExitAndIsAnEntryIsToldAgain(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10))
	wantLines(t, w.see(sold(id3, 10, 10)), "fill 10/10 exit "+id1)
	w.see(sold(id2, 5, 10)) // turns up late
	events := w.Correct(w.order(id3), start)
	wantLines(t, lines(events), "role_changed -10/0 entry "+id3, "partial_fill 10/10 entry "+id3)
	if a, b := events[0].Facts(w.order(id3)), events[1].Facts(w.order(id3)); slices.Equal(a, b) {
		t.Error("one id for two events")
	}
	wantLines(t, lines(w.Correct(w.order(id3), start)))
	wantLines(t, w.see(sold(id3, 10, 10)))
}

func TestWhatWasToldAsAnEntryAndIsAnExitSaysSo(t *testing.T) {
	w := newWorld(t)
	wantLines(t, w.see(sold(id2, 10, 10)), "fill 10/10 entry "+id2)
	w.see(bought(id1, 0, 10)) // turns up late
	wantLines(t, lines(w.Correct(w.order(id2), start)), "role_changed 0/10 exit "+id1)
	wantLines(t, lines(w.Correct(w.order(id2), start)))
}

func TestRolesGivenAtLastAreNoCorrection(t *testing.T) {
	w := &world{t: t, Book: NewBook(account), clock: start}
	wantLines(t, w.see(sold(id1, 0, 10)), "fill 10/10")
	w.SetOvernight([]Overnight{{Key: nifty, Quantity: 10}})
	wantLines(t, lines(w.Correct(w.order(id1), start)))
	w.see(sold(id2, -5, 10)) // before it: now the first one enters
	wantLines(t, lines(w.Correct(w.order(id1), start)), "role_changed -10/0 entry "+id1, "partial_fill 10/10 entry "+id1)
}

func TestARefutedNeighbourChangesRoles(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10).by(SourcePostback)) // a lie
	wantLines(t, w.see(sold(id2, 5, 10)), "fill 10/10 exit "+id1)
	w.order(id1).Refute()
	w.Touch(nifty)
	wantLines(t, lines(w.Correct(w.order(id2), start)), "role_changed -10/0 entry "+id2, "partial_fill 10/10 entry "+id2)
}

func TestAnExitOfOursAndABaselineAreNeverCorrected(t *testing.T) {
	w := newWorld(t)
	w.see(bought(id1, 0, 10))
	w.see(open(sold(id3, 10, 10)).as("SL"))
	w.link(id3, Link{Group: id1, Role: RoleStopLoss})
	w.see(sold(id3, 10, 10).as("SL"))
	o := w.Fold(sold(id4, 12, 10).row(), start).Order
	o.MarkBaseline()
	w.see(sold(id2, 5, 10))
	wantLines(t, lines(w.Correct(w.order(id3), start)))
	wantLines(t, lines(w.Correct(w.order(id4), start)))
	if h := w.Holding(Claimed, nifty); h.Surplus != -10 {
		t.Errorf("%s", picture(h))
	}
}
