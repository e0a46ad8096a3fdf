package paper

// ProfileJSON is the answer of GET /user/profile.
func (x *Exchange) ProfileJSON(user string) []byte { return success(profileOf(user)) }

// FullProfileJSON is the answer of GET /user/profile/full.
func (x *Exchange) FullProfileJSON(user string) []byte {
	p := profileOf(user)
	return success(map[string]any{"user_id": p.UserID, "user_type": p.UserType, "email": p.Email, "user_name": p.UserName,
		"user_shortname": p.UserShortname, "broker": p.Broker, "exchanges": p.Exchanges, "products": p.Products, "order_types": p.OrderTypes,
		"avatar_url": p.AvatarURL, "twofa_type": "totp", "phone": "*0000", "bank_accounts": []any{}, "dp_ids": []string{}, "pan": "*0000",
		"tags": []string{}, "password_timestamp": nil, "twofa_timestamp": nil,
		"meta": map[string]any{"poa": "physical", "silo": "", "account_blocks": []string{}}})
}

// profile is the user part of /user/profile and /session/token.
type profile struct {
	UserID        string            `json:"user_id"`
	UserType      string            `json:"user_type"`
	Email         string            `json:"email"`
	UserName      string            `json:"user_name"`
	UserShortname string            `json:"user_shortname"`
	Broker        string            `json:"broker"`
	Exchanges     []string          `json:"exchanges"`
	Products      []string          `json:"products"`
	OrderTypes    []string          `json:"order_types"`
	AvatarURL     nullable          `json:"avatar_url"`
	Meta          map[string]string `json:"meta"`
}

func profileOf(user string) profile {
	return profile{
		UserID: user, UserType: "individual", Email: "paper@example.com", UserName: "PAPER " + user, UserShortname: user,
		Broker: "ZERODHA", Exchanges: []string{"NSE", "BSE", "NFO", "BFO", "MCX", "CDS"},
		Products: []string{"CNC", "NRML", "MIS", "MTF"}, OrderTypes: []string{"MARKET", "LIMIT", "SL", "SL-M"},
		Meta: map[string]string{"demat_consent": "consent"},
	}
}

// fundsWithoutLimit is the cash shown for an account whose funds are not limited, rupees.
const fundsWithoutLimit = 10_000_000

type segmentMargins struct {
	Enabled   bool   `json:"enabled"`
	Net       amount `json:"net"`
	Available struct {
		AdhocMargin    amount `json:"adhoc_margin"`
		Cash           amount `json:"cash"`
		OpeningBalance amount `json:"opening_balance"`
		LiveBalance    amount `json:"live_balance"`
		Collateral     amount `json:"collateral"`
		IntradayPayin  amount `json:"intraday_payin"`
	} `json:"available"`
	Utilised struct {
		Debits           amount `json:"debits"`
		Exposure         amount `json:"exposure"`
		M2MRealised      amount `json:"m2m_realised"`
		M2MUnrealised    amount `json:"m2m_unrealised"`
		OptionPremium    amount `json:"option_premium"`
		Payout           amount `json:"payout"`
		Span             amount `json:"span"`
		HoldingSales     amount `json:"holding_sales"`
		Turnover         amount `json:"turnover"`
		LiquidCollateral amount `json:"liquid_collateral"`
		StockCollateral  amount `json:"stock_collateral"`
		Delivery         amount `json:"delivery"`
	} `json:"utilised"`
}

// MarginsJSON is the answer of GET /user/margins, or of one segment (equity,
// commodity) when segment is not empty. All money is shown under equity.
func (x *Exchange) MarginsJSON(user, segment string) ([]byte, *APIError) {
	x.enter()
	defer x.leave()
	a, e := x.account(user)
	if e != nil {
		return nil, e
	}
	equity, commodity := segmentMargins{Enabled: true}, segmentMargins{Enabled: true}
	all, free := fundsWithoutLimit*rupee, fundsWithoutLimit*rupee
	if a.limited {
		all, free = a.funds, a.free(nil)
	}
	equity.Net, equity.Available.Cash, equity.Available.OpeningBalance, equity.Available.LiveBalance = free, all, all, free
	equity.Utilised.Debits, equity.Utilised.Span = all-free, all-free
	switch segment {
	case "equity":
		return success(equity), nil
	case "commodity":
		return success(commodity), nil
	case "":
		return success(map[string]segmentMargins{"equity": equity, "commodity": commodity}), nil
	}
	return nil, invalid("segment")
}

type holdingRow struct {
	Tradingsymbol       string   `json:"tradingsymbol"`
	Exchange            string   `json:"exchange"`
	InstrumentToken     uint32   `json:"instrument_token"`
	ISIN                string   `json:"isin"`
	Product             string   `json:"product"`
	Price               amount   `json:"price"`
	Quantity            int      `json:"quantity"`
	UsedQuantity        int      `json:"used_quantity"`
	T1Quantity          int      `json:"t1_quantity"`
	RealisedQuantity    int      `json:"realised_quantity"`
	AuthorisedQuantity  int      `json:"authorised_quantity"`
	AuthorisedDate      nullable `json:"authorised_date"`
	OpeningQuantity     int      `json:"opening_quantity"`
	ShortQuantity       int      `json:"short_quantity"`
	CollateralQuantity  int      `json:"collateral_quantity"`
	CollateralType      string   `json:"collateral_type"`
	Discrepancy         bool     `json:"discrepancy"`
	AveragePrice        amount   `json:"average_price"`
	LastPrice           amount   `json:"last_price"`
	ClosePrice          amount   `json:"close_price"`
	PnL                 amount   `json:"pnl"`
	DayChange           amount   `json:"day_change"`
	DayChangePercentage float64  `json:"day_change_percentage"`
	MTF                 mtfRow   `json:"mtf"`
}

// mtfRow is what of a holding the broker lent money for; a fifth of it was the
// buyer's own, as rate has it.
type mtfRow struct {
	Quantity      int    `json:"quantity"`
	UsedQuantity  int    `json:"used_quantity"`
	AveragePrice  amount `json:"average_price"`
	Value         amount `json:"value"`
	InitialMargin amount `json:"initial_margin"`
}

// HoldingsJSON is the answer of GET /portfolio/holdings (docs/kite.md 7.2).
func (x *Exchange) HoldingsJSON(user string) []byte {
	x.enter()
	defer x.leave()
	rows := []holdingRow{}
	if a := x.accounts[user]; a != nil {
		for _, h := range a.holdings {
			l := h.listing
			used := min(max(-a.net(l, "CNC"), 0), h.quantity)
			rows = append(rows, holdingRow{
				Tradingsymbol: l.Tradingsymbol, Exchange: l.Exchange, InstrumentToken: l.token, Product: "CNC",
				Quantity: h.quantity, UsedQuantity: used, T1Quantity: h.t1, RealisedQuantity: h.quantity, AuthorisedQuantity: h.authorised,
				OpeningQuantity: h.quantity + h.t1, AveragePrice: h.average, LastPrice: l.ltp, ClosePrice: l.close,
				PnL: (l.ltp - h.average).times(h.quantity + h.t1), DayChange: l.ltp - l.close,
				MTF: mtfRow{Quantity: h.mtf, UsedQuantity: min(max(-a.net(l, "MTF"), 0), h.mtf), AveragePrice: h.mtfAverage,
					Value: h.mtfAverage.times(h.mtf), InitialMargin: h.mtfAverage.times(h.mtf) / 5},
			})
		}
	}
	return success(rows)
}
