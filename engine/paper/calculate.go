package paper

import (
	"encoding/json"
	"io"
)

// asked is one order of the calculators' JSON bodies (docs/kite.md 4.2).
type asked struct {
	Exchange        string  `json:"exchange"`
	Tradingsymbol   string  `json:"tradingsymbol"`
	TransactionType string  `json:"transaction_type"`
	Variety         string  `json:"variety"`
	Product         string  `json:"product"`
	OrderType       string  `json:"order_type"`
	Quantity        float64 `json:"quantity"`
	Price           float64 `json:"price"`
	TriggerPrice    float64 `json:"trigger_price"`
	AveragePrice    float64 `json:"average_price"`
}

type chargesRow struct {
	TransactionTax         amount            `json:"transaction_tax"`
	TransactionTaxType     string            `json:"transaction_tax_type"`
	ExchangeTurnoverCharge amount            `json:"exchange_turnover_charge"`
	SEBITurnoverCharge     amount            `json:"sebi_turnover_charge"`
	Brokerage              amount            `json:"brokerage"`
	StampDuty              amount            `json:"stamp_duty"`
	GST                    map[string]amount `json:"gst"`
	Total                  amount            `json:"total"`
}

type marginRow struct {
	Type          string            `json:"type"`
	Tradingsymbol string            `json:"tradingsymbol"`
	Exchange      string            `json:"exchange"`
	Span          amount            `json:"span"`
	Exposure      amount            `json:"exposure"`
	OptionPremium amount            `json:"option_premium"`
	Additional    amount            `json:"additional"`
	BO            amount            `json:"bo"`
	Cash          amount            `json:"cash"`
	VAR           amount            `json:"var"`
	PnL           map[string]amount `json:"pnl"`
	Leverage      int               `json:"leverage"`
	Charges       chargesRow        `json:"charges"`
	Total         amount            `json:"total"`
}

// readAsked reads the body of a calculator.
func (x *Exchange) readAsked(body io.Reader) ([]asked, []*listing, *APIError) {
	var orders []asked
	if json.NewDecoder(body).Decode(&orders) != nil {
		return nil, nil, inputError("Invalid JSON.")
	}
	var listings []*listing
	for _, o := range orders {
		l := x.listings[o.Exchange+":"+o.Tradingsymbol]
		switch {
		case l == nil:
			return nil, nil, inputError(textUnknownInstrumentOwn)
		case o.TransactionType != "BUY" && o.TransactionType != "SELL":
			return nil, nil, invalid("transaction_type")
		case !(o.Quantity > 0 && o.Quantity <= 1e8):
			return nil, nil, invalid("quantity")
		case !(max(o.Price, o.AveragePrice, o.TriggerPrice) <= amountLimit):
			return nil, nil, invalid("price")
		}
		listings = append(listings, l)
	}
	return orders, listings, nil
}

// calculated is the margin of one order by the same rough rates that the book
// is held to, and its brokerage; taxes and the exchange's charges are 0.
func (o asked) calculated(l *listing) marginRow {
	price := amountOf(max(o.Price, o.TriggerPrice))
	if price == 0 {
		price = l.ltp
	}
	percent, base := rate(l, o.Product, o.TransactionType == "BUY")
	if base == 0 {
		base = price
	}
	total := base.times(int(o.Quantity)*l.Multiplier) * amount(percent) / 100
	r := marginRow{Type: "equity", Tradingsymbol: l.Tradingsymbol, Exchange: l.Exchange, PnL: map[string]amount{"realised": 0, "unrealised": 0},
		Leverage: max(100/percent, 1), Total: total, Charges: o.charged(l, price)}
	if l.Exchange == "MCX" {
		r.Type = "commodity"
	}
	switch {
	case l.isOption() && o.TransactionType == "BUY":
		r.OptionPremium, r.Leverage = total, 1
	case l.isDerivative():
		r.Exposure = total / 4
		r.Span, r.Leverage = total-r.Exposure, 1
	default:
		r.VAR = total
	}
	return r
}

// charged is the brokerage: 20 rupees or 0.03 %, whichever is less; 20 for
// options; nothing for delivery.
func (o asked) charged(l *listing, price amount) chargesRow {
	var brokerage amount
	switch {
	case l.isOption():
		brokerage = 20 * rupee
	case l.isDerivative() || o.Product == "MIS":
		brokerage = min(20*rupee, price.times(int(o.Quantity)*l.Multiplier)*3/10_000)
	}
	kind := "stt"
	if l.Exchange == "MCX" {
		kind = "ctt"
	}
	return chargesRow{TransactionTaxType: kind, Brokerage: brokerage, Total: brokerage,
		GST: map[string]amount{"igst": 0, "cgst": 0, "sgst": 0, "total": 0}}
}

// orderMargins is the answer of POST /margins/orders.
func (x *Exchange) orderMargins(body io.Reader) ([]byte, *APIError) {
	x.enter()
	defer x.leave()
	orders, listings, e := x.readAsked(body)
	if e != nil {
		return nil, e
	}
	rows := []marginRow{}
	for i, o := range orders {
		rows = append(rows, o.calculated(listings[i]))
	}
	return success(rows), nil
}

// basketMargins is the answer of POST /margins/basket. final leaves out what
// only closes positions, where they are considered.
func (x *Exchange) basketMargins(user string, body io.Reader, positions bool) ([]byte, *APIError) {
	x.enter()
	defer x.leave()
	a, e := x.account(user)
	if e != nil {
		return nil, e
	}
	orders, listings, e := x.readAsked(body)
	if e != nil {
		return nil, e
	}
	sum := func(into *marginRow, r marginRow, share float64) {
		part := func(m amount) amount { return amount(float64(m) * share) }
		into.Span, into.Exposure, into.OptionPremium = into.Span+part(r.Span), into.Exposure+part(r.Exposure), into.OptionPremium+part(r.OptionPremium)
		into.VAR, into.Total = into.VAR+part(r.VAR), into.Total+part(r.Total)
	}
	zero := chargesRow{GST: map[string]amount{"igst": 0, "cgst": 0, "sgst": 0, "total": 0}}
	initial := marginRow{PnL: map[string]amount{"realised": 0, "unrealised": 0}, Charges: zero}
	final := initial
	rows := []marginRow{}
	for i, o := range orders {
		r := o.calculated(listings[i])
		rows = append(rows, r)
		sum(&initial, r, 1)
		opens := o.Quantity
		if positions {
			against := a.net(listings[i], o.Product) * -sign(o.TransactionType == "BUY")
			opens = max(o.Quantity-float64(max(against, 0)), 0)
		}
		sum(&final, r, opens/o.Quantity)
	}
	return success(map[string]any{"initial": initial, "final": final, "orders": rows, "charges": zero}), nil
}

// orderCharges is the answer of POST /charges/orders.
func (x *Exchange) orderCharges(body io.Reader) ([]byte, *APIError) {
	x.enter()
	defer x.leave()
	orders, listings, e := x.readAsked(body)
	if e != nil {
		return nil, e
	}
	type chargeRow struct {
		TransactionType string     `json:"transaction_type"`
		Tradingsymbol   string     `json:"tradingsymbol"`
		Exchange        string     `json:"exchange"`
		Variety         string     `json:"variety"`
		Product         string     `json:"product"`
		OrderType       string     `json:"order_type"`
		Quantity        float64    `json:"quantity"`
		Price           amount     `json:"price"`
		Charges         chargesRow `json:"charges"`
	}
	rows := []chargeRow{}
	for i, o := range orders {
		price := amountOf(max(o.AveragePrice, o.Price))
		rows = append(rows, chargeRow{o.TransactionType, o.Tradingsymbol, o.Exchange, o.Variety, o.Product, o.OrderType, o.Quantity,
			price, o.charged(listings[i], price)})
	}
	return success(rows), nil
}
