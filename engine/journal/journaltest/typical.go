package journaltest

import (
	"fmt"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// Typical is a commit of the size that one fill makes, for benchmarks: an update with its payload, the event
// with one decision, the order, a slot and the account's row. Numbered tells it from other typical commits.
func Typical(account string) *journal.Commit { return Numbered(account, 0) }

// Numbered is a typical commit about the order of that number.
func Numbered(account string, n int) *journal.Commit {
	id := fmt.Sprintf("2611230%08d", n)
	payload := make([]byte, 0, 900)
	for i := 0; len(payload) < 870; i++ {
		payload = fmt.Appendf(payload, `"field_%02d":"value %d of order %s",`, i, i, id)
	}
	eventID := actions.ID(account, id, "fill")
	return &journal.Commit{Account: account, At: noon,
		Inputs: []journal.Input{{Account: account, At: noon, Kind: journal.InputUpdate, Source: order.SourcePostback, OrderID: id,
			Status: "COMPLETE", Filled: 50, Doc: payload}},
		Events: []journal.Event{{ID: eventID, Account: account, At: noon, Kind: order.KindFill, OrderID: id, Group: id, RulesVersion: "0123456789abcdef",
			Decisions: []journal.Decision{{ID: eventID + "-stop-behind-a-fill", Rule: "stop-behind-a-fill", Matched: true, Actions: []string{eventID}}}, Doc: payload[:300]}},
		Orders: []journal.OrderRow{{Account: account, OrderID: id, Day: today, Status: "COMPLETE", Group: id, Doc: payload[:600]}},
		Docs:   []journal.Doc{{Kind: "slot", ID: id, Body: payload[:200]}, {Kind: "account", ID: account, Body: payload[:200]}}}
}
