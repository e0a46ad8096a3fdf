package actions

import "backstop/rules"

// cancelSiblings ends the other open orders of the group; one already finished is fine.
func cancelSiblings() rules.Spec {
	return rules.Spec{
		Name: "cancel_siblings",
		On:   rules.UnitGroup,
		Doc:  "cancel the other open orders of the group; one already finished is fine",
		Params: []rules.Param{
			{Name: "roles", Type: rules.ParamRoleList, Doc: "which of them; default all exits"},
		},
	}
}

// cancelOrder ends the event's own order; one already finished is fine.
func cancelOrder() rules.Spec {
	return rules.Spec{Name: "cancel_order", On: rules.UnitOrder, Doc: "cancel the order; one already finished is fine"}
}
