package rules

import "testing"

// What can be known of a condition without an event.
func TestNeverAndAlways(t *testing.T) {
	t.Parallel()
	for when, want := range map[string]truth{
		`order.quantity > 100 and order.quantity < 50`:                                never,
		`order.quantity > 5 and order.quantity <= 5`:                                  never,
		`order.quantity >= 5 and order.quantity <= 5`:                                 open,
		`100 < order.quantity and order.is_exit and 50 >= order.quantity`:             never,
		`order.quantity == 5 and order.quantity > 5`:                                  never,
		`order.price > 0.1 and order.price < 0.1`:                                     never,
		`not (order.quantity > 100) and order.quantity > 200`:                         never,
		`order.quantity > 100 and order.filled_quantity < 50`:                         open,
		`order.product == "MIS" and order.product != "MIS"`:                           never,
		`order.product != "MIS" and order.product == "MIS"`:                           never,
		`order.product != "MIS" and order.product != "NRML"`:                          open,
		`order.product != "MIS" or order.product != "NRML"`:                           always,
		`order.quantity > 50 or order.quantity < 100`:                                 always,
		`order.quantity > 100 or order.quantity < 50`:                                 open,
		`order.is_exit or not order.is_exit`:                                          always,
		`order.is_exit and not order.is_exit`:                                         never,
		`order.is_exit or order.quantity > 5`:                                         open,
		`(order.quantity > 100 and order.quantity < 50) or order.is_exit`:             open,
		`order.product == "MIS" and (order.product == "CNC" or order.quantity < 0-1)`: open,
		`order.quantity > vars.pct and order.quantity < vars.pct`:                     never,
	} {
		r := ruleWith(t, when)
		if got := (static{nil, r.condition.scope.vars}).condition(r.condition.root); got != want {
			t.Errorf("%s is %v, want %v", when, got, want)
		}
	}
}
