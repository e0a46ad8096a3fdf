package actions

import "backstop/rules"

// placeOrder places one order of its own: it opens a new group unless a role is given.
func placeOrder() rules.Spec {
	return rules.Spec{
		Name:     "place_order",
		Doc:      "place an order: it opens a new group, unless role says that it is an exit of the event's group",
		AddsRisk: true,
		Params: []rules.Param{
			{Name: "exchange", Type: rules.ParamText, Required: true, Doc: "NSE, BSE, NFO, BFO, CDS, BCD, MCX"},
			{Name: "tradingsymbol", Type: rules.ParamText, Required: true, Doc: "the instrument's symbol"},
			{Name: "transaction_type", Type: rules.ParamText, Required: true, Words: []string{"BUY", "SELL"}, Doc: "BUY or SELL"},
			{Name: "quantity", Type: rules.ParamQuantity, Required: true, Unit: "units", Doc: "units, a multiple of the lot"},
			{Name: "product", Type: rules.ParamText, Required: true, Words: []string{"CNC", "NRML", "MIS", "MTF"}, Doc: "CNC, NRML, MIS, MTF"},
			{Name: "order_type", Type: rules.ParamEnum, Required: true, Enum: []string{"MARKET", "LIMIT", "SL", "SL-M"}, Doc: "MARKET and SL-M go with Kite's own protection"},
			{Name: "price", Type: rules.ParamPrice, Unit: "rupees", Doc: "the limit, of LIMIT and SL; rounded to the nearest tick"},
			{Name: "trigger_price", Type: rules.ParamPrice, Unit: "rupees", Doc: "the trigger, of SL and SL-M; rounded to the nearest tick"},
			{Name: "validity", Type: rules.ParamEnum, Default: "DAY", Enum: []string{"DAY", "IOC"}, Doc: "how long it lives"},
			{Name: "market_protection", Type: rules.ParamNumber, Unit: "per cent", Doc: "of MARKET and SL-M; default -1, Kite's own band"},
			{Name: "tag", Type: rules.ParamText, Doc: "the group's tag; it stays in Backstop's journal"},
			{Name: "role", Type: rules.ParamEnum, Default: "entry", Enum: []string{"entry", "stop_loss", "target", "exit"}, Doc: "entry opens a group; the others belong to the event's"},
			{Name: "account", Type: rules.ParamText, Later: []string{""}, Doc: "another account"},
		},
		Results: []rules.Param{
			{Name: "order_id", Type: rules.ParamText, Doc: "the order's id"},
		},
	}
}
