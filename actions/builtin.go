package actions

import "backstop/rules"

// Builtin is the closed list of actions, in the order of the reference page. What a later version brings
// stands here too, so that it is refused by name.
func Builtin() []rules.Spec {
	return []rules.Spec{
		placeStopLoss(), placeTarget(), cancelSiblings(), cancelOrder(), exitPosition(), telegram(), logText(),
		{Name: "modify_order", Doc: "change price, trigger or quantity of the order", Later: true},
		{Name: "place_order", Doc: "place an order that opens a new group", Later: true, AddsRisk: true},
		{Name: "notify", Doc: "a message on any channel", Later: true},
		{Name: "webhook", Doc: "call a URL", Later: true},
		{Name: "set", Doc: "remember a value", Later: true},
		{Name: "pause", Doc: "no new risk", Later: true},
		{Name: "kill", Doc: "no new risk, cancel and exit", Later: true},
	}
}
