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
			{Name: "price", Type: rules.ParamPrice, Unit: "rupees", With: &rules.With{Param: "order_type", Words: []string{"LIMIT", "SL"}, Needed: true},
				Doc: "the limit, of LIMIT and SL; rounded to the nearest tick"},
			{Name: "trigger_price", Type: rules.ParamPrice, Unit: "rupees", With: &rules.With{Param: "order_type", Words: []string{"SL", "SL-M"}, Needed: true},
				Doc: "the trigger, of SL and SL-M; rounded to the nearest tick"},
			{Name: "validity", Type: rules.ParamEnum, Default: "DAY", Enum: []string{"DAY", "IOC", "TTL"}, Doc: "how long it lives; MCX takes no IOC from programs"},
			{Name: "validity_ttl", Type: rules.ParamQuantity, Unit: "minutes", Example: "5", With: &rules.With{Param: "validity", Words: []string{"TTL"}, Needed: true}, Doc: "how long, of TTL"},
			{Name: "disclosed_quantity", Type: rules.ParamQuantity, Unit: "units", Example: "10", Doc: "how much of it the market sees, of NSE and BSE"},
			{Name: "variety", Type: rules.ParamEnum, Default: "regular", Enum: []string{"regular", "amo", "iceberg"}, Refused: refusedVarieties,
				Doc: "amo waits for the exchange to open, and is placed while it is shut; iceberg is several orders, one after the other, and opens a group"},
			{Name: "iceberg_legs", Type: rules.ParamQuantity, Example: "5", Least: 2, Most: 50, With: &rules.With{Param: "variety", Words: []string{"iceberg"}, Needed: true}, Doc: "into how many orders, 2 to 50"},
			{Name: "iceberg_quantity", Type: rules.ParamQuantity, Unit: "units", Example: "20", With: &rules.With{Param: "variety", Words: []string{"iceberg"}},
				Doc: "of one leg; default: quantity by legs, rounded up to the lot"},
			{Name: "market_protection", Type: rules.ParamNumber, Unit: "per cent", With: &rules.With{Param: "order_type", Words: []string{"MARKET", "SL-M"}},
				Doc: "of MARKET and SL-M; default -1, Kite's own band"},
			{Name: "tag", Type: rules.ParamText, Doc: "the group's tag; it stays in Backstop's journal"},
			{Name: "role", Type: rules.ParamEnum, Default: "entry", Enum: []string{"entry", "stop_loss", "target", "exit"}, Doc: "entry opens a group; the others belong to the event's"},
			{Name: "account", Type: rules.ParamText, Example: "CD5678", Account: true, Doc: "another account, by its Kite user id, whose mode, guardrails and paces are those that count; default: the event's own"},
		},
		Results: []rules.Param{
			{Name: "order_id", Type: rules.ParamText, Doc: "the order's id"},
		},
	}
}

// refusedVarieties are Kite's varieties that rules place none of (docs/kite.md 1.6).
var refusedVarieties = []rules.Refused{
	{Word: "co", Why: "a cover order's stop is kept by the broker, not by a slot; place_stop_loss keeps one behind a regular order"},
	{Word: "bo", Why: "Zerodha ended bracket orders in 2020; place_stop_loss and place_target behind a regular order do the same"},
	{Word: "auction", Why: "an auction order answers one auction by its number, which no order update tells"},
}
