package paper

// position is one user's instrument and product (docs/kite.md 7.2).
type position struct {
	listing         *listing
	product         string
	overnight       int
	overnightPrice  amount
	bought, sold    int // today
	buyCost, income amount
}

// position finds or begins one.
func (a *account) position(l *listing, product string) *position {
	for _, p := range a.positions {
		if p.listing == l && p.product == product {
			return p
		}
	}
	p := &position{listing: l, product: product}
	a.positions = append(a.positions, p)
	return p
}

func (p *position) add(buy bool, quantity int, price amount) {
	value := price.times(quantity * p.listing.Multiplier)
	if buy {
		p.bought, p.buyCost = p.bought+quantity, p.buyCost+value
		return
	}
	p.sold, p.income = p.sold+quantity, p.income+value
}

// net is the signed quantity now: overnight plus bought minus sold.
func (p *position) net() int { return p.overnight + p.bought - p.sold }

// SetOvernight carries a position in from yesterday: quantity units, negative
// for short, at price rupees. It makes no order and no update.
func (x *Exchange) SetOvernight(user, exchange, tradingsymbol, product string, quantity int, price float64) error {
	x.enter()
	defer x.leave()
	a, e := x.account(user)
	if e != nil {
		return e
	}
	l, err := x.listing(exchange, tradingsymbol)
	if err != nil {
		return err
	}
	p := a.position(l, product)
	p.overnight, p.overnightPrice = quantity, amountOf(price)
	return nil
}

// NetQuantity is the user's signed position now, in units (lots at MCX).
func (x *Exchange) NetQuantity(user, exchange, tradingsymbol, product string) int {
	x.mu.Lock()
	defer x.mu.Unlock()
	a, l := x.accounts[user], x.listings[exchange+":"+tradingsymbol]
	if a == nil || l == nil {
		return 0
	}
	return a.net(l, product)
}

func (a *account) net(l *listing, product string) int {
	for _, p := range a.positions {
		if p.listing == l && p.product == product {
			return p.net()
		}
	}
	return 0
}

// positionRow is a row of GET /portfolio/positions.
type positionRow struct {
	Tradingsymbol     string `json:"tradingsymbol"`
	Exchange          string `json:"exchange"`
	InstrumentToken   uint32 `json:"instrument_token"`
	Product           string `json:"product"`
	Quantity          int    `json:"quantity"`
	OvernightQuantity int    `json:"overnight_quantity"`
	Multiplier        int    `json:"multiplier"`
	AveragePrice      amount `json:"average_price"`
	ClosePrice        amount `json:"close_price"`
	LastPrice         amount `json:"last_price"`
	Value             amount `json:"value"`
	PnL               amount `json:"pnl"`
	M2M               amount `json:"m2m"`
	Unrealised        amount `json:"unrealised"`
	Realised          amount `json:"realised"`
	BuyQuantity       int    `json:"buy_quantity"`
	BuyPrice          amount `json:"buy_price"`
	BuyValue          amount `json:"buy_value"`
	BuyM2M            amount `json:"buy_m2m"`
	SellQuantity      int    `json:"sell_quantity"`
	SellPrice         amount `json:"sell_price"`
	SellValue         amount `json:"sell_value"`
	SellM2M           amount `json:"sell_m2m"`
	DayBuyQuantity    int    `json:"day_buy_quantity"`
	DayBuyPrice       amount `json:"day_buy_price"`
	DayBuyValue       amount `json:"day_buy_value"`
	DaySellQuantity   int    `json:"day_sell_quantity"`
	DaySellPrice      amount `json:"day_sell_price"`
	DaySellValue      amount `json:"day_sell_value"`
}

// row is the position as the net list shows it, or the day list without
// overnight.
func (p *position) row(net bool) positionRow {
	l, m := p.listing, p.listing.Multiplier
	r := positionRow{Tradingsymbol: l.Tradingsymbol, Exchange: l.Exchange, InstrumentToken: l.token, Product: p.product,
		Multiplier: m, LastPrice: l.ltp, BuyQuantity: p.bought, BuyValue: p.buyCost, SellQuantity: p.sold, SellValue: p.income}
	r.BuyM2M, r.SellM2M = r.BuyValue, r.SellValue
	if net {
		r.OvernightQuantity = p.overnight
		r.ClosePrice = l.close
		carried, marked := p.overnightPrice.times(p.overnight*m), l.close.times(p.overnight*m)
		if p.overnight > 0 {
			r.BuyQuantity, r.BuyValue, r.BuyM2M = r.BuyQuantity+p.overnight, r.BuyValue+carried, r.BuyM2M+marked
		} else {
			r.SellQuantity, r.SellValue, r.SellM2M = r.SellQuantity-p.overnight, r.SellValue-carried, r.SellM2M-marked
		}
	}
	r.Quantity = r.BuyQuantity - r.SellQuantity
	r.BuyPrice, r.SellPrice = r.BuyValue.per(r.BuyQuantity*m), r.SellValue.per(r.SellQuantity*m)
	r.DayBuyQuantity, r.DayBuyPrice, r.DayBuyValue = p.bought, p.buyCost.per(p.bought*m), p.buyCost
	r.DaySellQuantity, r.DaySellPrice, r.DaySellValue = p.sold, p.income.per(p.sold*m), p.income
	switch {
	case r.Quantity > 0:
		r.AveragePrice = r.BuyPrice
	case r.Quantity < 0:
		r.AveragePrice = r.SellPrice
	}
	now := l.ltp.times(r.Quantity * m)
	r.Value = r.SellValue - r.BuyValue
	r.PnL, r.M2M = r.Value+now, r.SellM2M-r.BuyM2M+now
	r.Unrealised = r.PnL
	return r
}

// PositionsJSON is the answer of GET /portfolio/positions. Rows whose
// quantity is back at 0 stay for the day.
func (x *Exchange) PositionsJSON(user string) []byte {
	x.enter()
	defer x.leave()
	data := struct {
		Net []positionRow `json:"net"`
		Day []positionRow `json:"day"`
	}{[]positionRow{}, []positionRow{}}
	if a := x.accounts[user]; a != nil {
		for _, p := range a.positions {
			data.Net = append(data.Net, p.row(true))
			if p.bought+p.sold > 0 {
				data.Day = append(data.Day, p.row(false))
			}
		}
	}
	return success(data)
}
