package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// The first change of an account to live, at Kite, wants a doctor that found nothing. What protects the trader must not
// harm them: an account that was live there before is never held back, whatever the doctor says, since it may have
// positions open; and where one account was, the others start in dry-run rather than keep it from its stops.

// heldBack is an account that stays in dry-run, and why.
type heldBack struct{ user, why string }

// modes are the accounts' modes for this start.
func (s *settings) modes(ctx context.Context, store journal.Store, accounts []account, without bool) (map[string]lane.Mode, []heldBack, error) {
	modes := map[string]lane.Mode{}
	var held []heldBack
	lived := false
	for _, a := range accounts {
		modes[a.user] = lane.Mode(s.text("mode"))
		if s.text("mode") != modeLive || a.onLoopback() { // paper
			continue
		}
		snap, err := store.Load(ctx, a.user, order.DayOf(s.tests.clock()))
		if err != nil {
			return nil, nil, storeProblem(s.text("data"), err)
		}
		was, err := lane.LiveAt(snap)
		switch {
		case err != nil:
			return nil, nil, storeProblem(s.text("data"), err)
		case slices.Contains(was, a.venue()):
			lived = true
		case without:
		default:
			if why := s.unproven(a); why != "" {
				held = append(held, heldBack{a.user, why})
				modes[a.user] = lane.DryRun
			}
		}
	}
	if len(held) > 0 && !lived {
		var lines []string
		for _, h := range held {
			lines = append(lines, fmt.Sprintf("%s: %s", h.user, h.why))
		}
		return nil, nil, misuse("%s: mode: live at Kite for the first time wants backstop doctor to find nothing, within a day before (%s). Run backstop serve in mode dry-run, "+
			"and backstop doctor beside it; or say --live-without-doctor", s.origin("mode"), strings.Join(lines, ". "))
	}
	return modes, held, nil
}
