package actions

import "backstop/rules"

// Builtin is the closed list of actions, in the order of the reference page. What a later version brings
// stands here too, so that it is refused by name.
func Builtin() []rules.Spec {
	return []rules.Spec{
		placeStopLoss(), placeTarget(), cancelSiblings(), cancelOrder(), modifyOrder(), exitPosition(), placeOrder(),
		setState(), pauseAccount(), telegram(), logText(),
		{Name: "notify", Doc: "a message on any channel", Later: true},
		{Name: "webhook", Doc: "call a URL", Later: true},
		{Name: "kill", Doc: "no new risk, cancel and exit", Later: true},
	}
}
