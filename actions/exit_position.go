package actions

import "backstop/rules"

// exitPosition brings the position to flat: one exit a position, however often it is asked for.
func exitPosition() rules.Spec {
	return rules.Spec{
		Name: "exit_position",
		On:   rules.UnitPosition,
		Doc:  "close the position with a protected MARKET: the live stop becomes the exit, one order, never two",
		Params: []rules.Param{
			{Name: "quantity", Type: rules.ParamQuantity, Unit: "units", Later: []string{""}, Doc: "at most this much; default all"},
		},
	}
}
