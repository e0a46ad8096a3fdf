package actions

import "backstop/rules"

// placeTarget keeps one LIMIT exit; it and the stop are siblings without a further rule.
func placeTarget() rules.Spec {
	return rules.Spec{
		Name: "place_target",
		Doc:  "while the group is open, one live LIMIT exit takes its profit; it and the stop are siblings",
		Params: []rules.Param{
			{Name: "price", Type: rules.ParamPrice, Required: true, Unit: "rupees", Doc: "the limit; rounded to the tick towards the market"},
			{Name: "quantity", Type: rules.ParamQuantity, Unit: "units", Doc: "at most this much; default all"},
			{Name: "per", Type: rules.ParamEnum, Default: "group", Enum: []string{"group", "fill"}, Doc: "one target a group, or one a fill; a rule without per moves each of those"},
		},
		On: rules.UnitGroup,
		Results: []rules.Param{
			{Name: "order_id", Type: rules.ParamText, Doc: "the target's order id"},
		},
	}
}
