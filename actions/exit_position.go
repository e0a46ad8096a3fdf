package actions

import "backstop/rules"

// exitPosition brings the position to flat: one exit a position, however often it is asked for.
func exitPosition() rules.Spec {
	return rules.Spec{
		Name: "exit_position",
		On:   rules.UnitPosition,
		Doc: "close the position, or a part of it, with a protected MARKET: the live stop becomes the exit, one order, never two. " +
			"Of a part: stops and targets shrink to what remains, and what they give up is sold; asked for again meanwhile, the greatest counts",
		Params: []rules.Param{
			{Name: "quantity", Type: rules.ParamQuantity, Unit: "units", Doc: "how much of it, in whole lots; default all, and never more"},
		},
	}
}
