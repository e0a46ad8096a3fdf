package actions

import "backstop/rules"

// setState remembers values: state.NAME, durable, of the account.
func setState() rules.Spec {
	return rules.Spec{
		Name: "set",
		Doc:  "remember values: `set: { count: \"(state.count ?? 0) + 1\" }` is read as `state.count`, of the account, until it is set anew",
		Free: true,
	}
}

// pauseAccount holds back what adds risk until a person resumes.
func pauseAccount() rules.Spec {
	return rules.Spec{
		Name: "pause",
		Doc:  "no new risk of this account until `backstop resume`; stops, exits and cancels go on",
		Params: []rules.Param{
			{Name: "account", Type: rules.ParamText, Example: "CD5678", Account: true, Doc: "another account, by its Kite user id; default: the event's own"},
		},
	}
}
