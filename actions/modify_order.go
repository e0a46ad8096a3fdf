package actions

import "backstop/rules"

// modifyOrder changes a live order; a finished one is fine.
func modifyOrder() rules.Spec {
	return rules.Spec{
		Name: "modify_order",
		Doc:  "change price, trigger or quantity of the order; one already finished is fine",
		On:   rules.UnitOrder,
		Params: []rules.Param{
			{Name: "price", Type: rules.ParamPrice, Unit: "rupees", Doc: "the new limit, rounded to the nearest tick; default: as it is"},
			{Name: "trigger_price", Type: rules.ParamPrice, Unit: "rupees", Doc: "the new trigger, rounded to the nearest tick; default: as it is"},
			{Name: "quantity", Type: rules.ParamQuantity, Unit: "units", Doc: "the order's new total; default: as it is"},
		},
	}
}
