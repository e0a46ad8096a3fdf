package rules

// testSpecs are the actions as rules.md lists them; actions.Builtin() is not imported here.
func testSpecs() []Spec {
	return []Spec{
		{Name: "place_stop_loss", On: UnitGroup, Params: []Param{
			{Name: "trigger_price", Type: ParamPrice, Required: true},
			{Name: "limit_price", Type: ParamPrice},
			{Name: "limit_offset", Type: ParamPrice},
			{Name: "order_type", Type: ParamEnum, Default: "SL", Enum: []string{"SL", "SL-M"}},
			{Name: "per", Type: ParamEnum, Default: "group", Enum: []string{"group", "fill"}},
			{Name: "step", Type: ParamPrice},
			{Name: "loosen", Type: ParamBool, Default: "false"},
			{Name: "hold", Type: ParamEnum, Default: "until_flat; day for MIS", Enum: []string{"day", "until_flat", "gtt"}},
			{Name: "if_cancelled", Type: ParamEnum, Default: "leave", Enum: []string{"leave", "replace"}},
			{Name: "if_unfilled", Type: ParamEnum, Default: "reprice", Enum: []string{"reprice", "exit", "leave"}},
		}, OneOf: [][]string{{"limit_price", "limit_offset"}}, Results: []Param{
			{Name: "order_id", Type: ParamText}, {Name: "quantity", Type: ParamQuantity}}},
		{Name: "place_target", On: UnitGroup, Params: []Param{
			{Name: "price", Type: ParamPrice, Required: true},
			{Name: "quantity", Type: ParamQuantity},
			{Name: "per", Type: ParamEnum, Default: "group", Enum: []string{"group", "fill"}},
		}, Results: []Param{{Name: "order_id", Type: ParamText}}},
		{Name: "cancel_siblings", On: UnitGroup, Params: []Param{{Name: "roles", Type: ParamRoleList}}},
		{Name: "cancel_order", On: UnitOrder},
		{Name: "exit_position", On: UnitPosition, Params: []Param{{Name: "quantity", Type: ParamQuantity}}},
		{Name: "telegram", Short: "text", Params: []Param{
			{Name: "to", Type: ParamName},
			{Name: "text", Type: ParamText, Required: true},
			{Name: "silent", Type: ParamBool, Default: "false"},
			{Name: "buttons", Type: ParamText, Later: []string{""}},
		}},
		{Name: "log", Short: "text", Params: []Param{{Name: "text", Type: ParamText, Required: true}}},
		{Name: "test_risk", AddsRisk: true, Params: []Param{{Name: "wait", Type: ParamDuration, Default: "5s"}, {Name: "weight", Type: ParamNumber}}},
		{Name: "place_order", AddsRisk: true, Params: []Param{
			{Name: "tradingsymbol", Type: ParamText, Required: true},
			{Name: "transaction_type", Type: ParamText, Required: true, Words: []string{"BUY", "SELL"}},
			{Name: "quantity", Type: ParamQuantity, Required: true},
			{Name: "exchange", Type: ParamText},
			{Name: "product", Type: ParamText},
			{Name: "order_type", Type: ParamEnum, Enum: []string{"MARKET", "LIMIT"}},
			{Name: "price", Type: ParamPrice, With: &With{Param: "order_type", Words: []string{"LIMIT"}, Needed: true}},
			{Name: "variety", Type: ParamEnum, Default: "regular", Enum: []string{"regular", "iceberg"}, Refused: []Refused{{"bo", "Zerodha ended bracket orders"}}},
			{Name: "legs", Type: ParamQuantity, Least: 2, Most: 50, With: &With{Param: "variety", Words: []string{"iceberg"}, Needed: true}},
			{Name: "tag", Type: ParamText},
			{Name: "role", Type: ParamEnum, Default: "entry", Enum: []string{"entry", "exit"}},
			{Name: "account", Type: ParamText, Account: true},
		}},
		{Name: "modify_order", On: UnitOrder, Params: []Param{{Name: "price", Type: ParamPrice}}},
		{Name: "notify", Later: true},
		{Name: "webhook", Later: true},
		{Name: "set", Free: true},
		{Name: "pause"},
		{Name: "kill", Later: true},
	}
}

func testOptions() Options {
	env := map[string]string{"TELEGRAM_BOT_TOKEN": "123:token", "TELEGRAM_CHAT_ID": "-42", "STOP": "20"}
	return Options{Specs: testSpecs(), Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Reasons: []string{"margin", "holdings", "tick"}, Accounts: []string{"AB1234", "CD5678"}}
}
