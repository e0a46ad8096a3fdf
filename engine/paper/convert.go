package paper

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// Convert moves quantity of a position into another product with the
// parameters of PUT /portfolio/positions (docs/kite.md 7.2). It makes no order
// and no update.
func (x *Exchange) Convert(user string, params url.Values) *APIError {
	x.enter()
	defer x.leave()
	a, e := x.account(user)
	if e != nil {
		return e
	}
	for _, f := range []string{"exchange", "tradingsymbol", "transaction_type", "position_type", "quantity", "old_product", "new_product"} {
		if params.Get(f) == "" {
			return missing(f)
		}
	}
	l := x.listings[params.Get("exchange")+":"+params.Get("tradingsymbol")]
	if l == nil {
		return inputError(textUnknownInstrumentOwn)
	}
	side, kind := params.Get("transaction_type"), params.Get("position_type")
	from, to := params.Get("old_product"), params.Get("new_product")
	n, err := strconv.Atoi(params.Get("quantity"))
	switch {
	case side != "BUY" && side != "SELL":
		return invalid("transaction_type")
	case kind != "day" && kind != "overnight":
		return invalid("position_type")
	case err != nil || n <= 0:
		return invalid("quantity")
	case !slices.Contains(productsOf(l), from):
		return invalid("old_product")
	case !slices.Contains(productsOf(l), to) || to == from:
		return invalid("new_product")
	}
	old := a.position(l, from)
	held := old.net()
	if kind == "overnight" {
		held = old.overnight
	}
	if side == "SELL" {
		held = -held
	}
	if n > held {
		return inputError(textConvertOwn, max(held, 0))
	}
	if short := a.convertible(l, to, side == "BUY", n); short != nil {
		return short
	}
	next := a.position(l, to)
	if kind == "overnight" {
		next.carry(n*sign(side == "BUY"), old.overnightPrice)
		old.carry(-n*sign(side == "BUY"), old.overnightPrice)
		return nil
	}
	old.move(next, side == "BUY", n)
	return nil
}

// convertible asks the funds for the position as it would become.
func (a *account) convertible(l *listing, product string, buy bool, n int) *APIError {
	if !a.limited {
		return nil
	}
	percent, base := rate(l, product, buy)
	if base == 0 {
		base = l.ltp
	}
	need, free := base.times(n*l.Multiplier)*amount(percent)/100, a.free(nil)
	if need <= free {
		return nil
	}
	return refuse(http.StatusBadRequest, classMargin, textFunds, need.cents(), free.cents())
}

func sign(positive bool) int {
	if positive {
		return 1
	}
	return -1
}

// carry adds signed overnight quantity at a price.
func (p *position) carry(n int, price amount) {
	if p.overnight == 0 {
		p.overnightPrice = price
	} else if (p.overnight > 0) == (n > 0) {
		p.overnightPrice = (p.overnightPrice.times(p.overnight) + price.times(n)).per(p.overnight + n)
	}
	p.overnight += n
}

// move takes n of today's trades on one side, at their average, to another
// product.
func (p *position) move(to *position, bought bool, n int) {
	if bought {
		cost := p.buyCost.per(max(p.bought, 1)).times(n)
		p.bought, p.buyCost, to.bought, to.buyCost = p.bought-n, p.buyCost-cost, to.bought+n, to.buyCost+cost
		return
	}
	income := p.income.per(max(p.sold, 1)).times(n)
	p.sold, p.income, to.sold, to.income = p.sold-n, p.income-income, to.sold+n, to.income+income
}
