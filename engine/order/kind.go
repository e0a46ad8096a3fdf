package order

// Kind is what an event means. Rules listen to kinds by these words.
type Kind string

// Kinds of an order, of a group, and of the engine.
const (
	KindOpen           Kind = "open"            // live at the exchange
	KindTriggerPending Kind = "trigger_pending" // a stop that waits for its trigger
	KindTriggered      Kind = "triggered"       // a stop whose trigger was reached
	KindModified       Kind = "modified"        // price, trigger, quantity or type changed
	KindPartialFill    Kind = "partial_fill"    // some of it filled, more is to come or the rest is gone
	KindFill           Kind = "fill"            // complete, once
	KindRejected       Kind = "rejected"
	KindCancelled      Kind = "cancelled"
	KindExpired        Kind = "expired" // in place of cancelled: IOC, TTL or the day's end ended it

	KindFlat         Kind = "flat"          // a group's open quantity reached 0, once
	KindUnprotected  Kind = "unprotected"   // open quantity larger than its live exits
	KindUnfilledStop Kind = "unfilled_stop" // triggered, not filled for 5 s
	KindOrphaned     Kind = "orphaned"      // an exit alive with no position behind it
	KindOverExited   Kind = "over_exited"   // more was exited than entered

	KindActionFailed   Kind = "action_failed"
	KindRefuted        Kind = "refuted" // a postback that the broker's book never confirmed
	KindRoleChanged    Kind = "role_changed"
	KindStale          Kind = "stale"
	KindGuardrail      Kind = "guardrail"
	KindSessionExpired Kind = "session_expired"
	KindReconnected    Kind = "reconnected"
	KindStarted        Kind = "started"
	KindSchedule       Kind = "schedule"
	KindPrice          Kind = "price"
)

// KindDoc describes one kind for checks, completion and the reference page.
type KindDoc struct {
	Kind  Kind
	Of    string // order, group or engine
	Doc   string
	Built bool // false: part of the language, not of this version
}

// Kinds lists every kind of the language in the order of the reference page.
func Kinds() []KindDoc {
	return []KindDoc{
		{KindOpen, "order", "the order is live at the exchange", true},
		{KindTriggerPending, "order", "a stop waits for its trigger", true},
		{KindTriggered, "order", "a stop's trigger was reached", true},
		{KindModified, "order", "price, trigger, quantity or type changed", true},
		{KindPartialFill, "order", "a part filled; event.fill_quantity is this part alone", true},
		{KindFill, "order", "the order is complete, once; event.fill_quantity is what no partial_fill told", true},
		{KindRejected, "order", "refused; order.reason and order.hint say why", true},
		{KindCancelled, "order", "ended unfilled or in part by a person, a rule or the broker", true},
		{KindExpired, "order", "ended by IOC, TTL or the day's end", true},
		{KindFlat, "group", "the open quantity reached 0, once; event.cause says by what", true},
		{KindUnprotected, "group", "an open quantity without a live exit for unprotected_after", true},
		{KindUnfilledStop, "group", "a stop of Backstop's triggered and did not fill for 5 s", true},
		{KindOrphaned, "group", "an exit is alive with no position behind it", true},
		{KindOverExited, "group", "more was exited than entered", true},
		{KindActionFailed, "engine", "an action failed for good; error.type says why", true},
		{KindRefuted, "engine", "a postback that the broker's book never confirmed", true},
		{KindRoleChanged, "engine", "an earlier fill turned up late and an order's role changed", true},
		{KindStale, "engine", "an open order without news for 5 minutes while its exchange trades", true},
		{KindGuardrail, "engine", "the day's loss reached max_daily_loss: new risk is paused", true},
		{KindSessionExpired, "engine", "the Kite session is dead", true},
		{KindReconnected, "engine", "the stream is back", true},
		{KindStarted, "engine", "Backstop started and knows the account's orders and positions", true},
		{KindSchedule, "engine", "a time of the schedule", true},
		{KindPrice, "engine", "the last price of the instrument of an open group moved, by the stream, once a second at most, else by the positions at each reconciliation", true},
	}
}

// Role is an order's part in its group.
type Role string

// The roles.
const (
	RoleUnknown  Role = ""
	RoleEntry    Role = "entry"
	RoleStopLoss Role = "stop_loss"
	RoleTarget   Role = "target"
	RoleExit     Role = "exit"
	RoleOther    Role = "other"
)

// IsExit says whether the role reduces a position.
func (r Role) IsExit() bool { return r == RoleStopLoss || r == RoleTarget || r == RoleExit }

// Roles lists the roles that a rule can compare with.
func Roles() []Role { return []Role{RoleEntry, RoleStopLoss, RoleTarget, RoleExit, RoleOther} }
