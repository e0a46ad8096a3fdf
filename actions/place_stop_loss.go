package actions

import "backstop/rules"

// placeStopLoss says: while this group is open, one live stop covers its open quantity.
func placeStopLoss() rules.Spec {
	return rules.Spec{
		Name: "place_stop_loss",
		Doc:  "while the group is open, one live stop covers its open quantity",
		Params: []rules.Param{
			{Name: "trigger_price", Type: rules.ParamPrice, Required: true, Unit: "rupees", Doc: "where it triggers; rounded to the tick towards the market"},
			{Name: "limit_price", Type: rules.ParamPrice, Example: "loss(21)", Unit: "rupees", Doc: "the limit behind the trigger"},
			{Name: "limit_offset", Type: rules.ParamPrice, Example: "1.5", Unit: "rupees", Doc: "distance from trigger to limit; default: Kite's protection band, at least 2 ticks"},
			{Name: "order_type", Type: rules.ParamEnum, Default: "SL", Enum: []string{"SL", "SL-M"}, Doc: "SL-M only where the exchange takes it"},
			{Name: "per", Type: rules.ParamEnum, Default: "group", Enum: []string{"group", "fill"}, Doc: "one stop a group, or one a fill; a rule without per moves each of those"},
			{Name: "step", Type: rules.ParamPrice, Example: "0.5", Unit: "rupees", Doc: "smallest move towards profit; default 5 ticks"},
			{Name: "loosen", Type: rules.ParamBool, Default: "false", Doc: "let it move away from profit too"},
			{Name: "hold", Type: rules.ParamEnum, Default: "until_flat; day for MIS", Enum: []string{"day", "until_flat", "gtt"}, Example: "until_flat", Doc: "what follows at the close: it ends there; or it is placed again when the market opens, until the position is flat; or it is a GTT from the beginning, which Zerodha keeps"},
			{Name: "if_cancelled", Type: rules.ParamEnum, Default: "leave", Enum: []string{"leave", "replace"}, Doc: "when a person cancels it"},
			{Name: "if_unfilled", Type: rules.ParamEnum, Default: "reprice", Enum: []string{"reprice", "exit", "leave"}, Doc: "when it triggered and does not fill for 5 s: priced again by the offset, twice, then a protected exit; an exit at once; or nothing"},
		},
		On:    rules.UnitGroup,
		OneOf: [][]string{{"limit_price", "limit_offset"}},
		Results: []rules.Param{
			{Name: "order_id", Type: rules.ParamText, Doc: "the stop's order id"},
			{Name: "quantity", Type: rules.ParamQuantity, Unit: "units", Doc: "what it covers"},
		},
	}
}
