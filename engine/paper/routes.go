package paper

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// routes are the REST calls that the official client makes for what the
// exchange models (docs/kite.md 3.1, 5.1, 7.1, 7.2).
func (s *Server) routes() {
	x := s.exchange
	on := func(pattern, point string, h handler) { s.mux.HandleFunc(pattern, s.authorized(point, h)) }
	bytesOf := func(f func(user string) []byte) handler {
		return func(c call) ([]byte, *APIError) { return f(c.user), nil }
	}

	on("POST /orders/{variety}", "place", s.place)
	on("PUT /orders/{variety}/{order_id}", "modify", func(c call) ([]byte, *APIError) {
		id, e := x.Modify(c.user, c.PathValue("variety"), c.PathValue("order_id"), c.params())
		return orderReply(id), e
	})
	on("DELETE /orders/{variety}/{order_id}", "cancel", func(c call) ([]byte, *APIError) {
		id, e := x.CancelLeg(c.user, c.PathValue("variety"), c.PathValue("order_id"), c.params().Get("parent_order_id"))
		return orderReply(id), e
	})
	on("GET /orders", "book", func(c call) ([]byte, *APIError) { return x.ReadBook(c.user, c.verdict.Reading(x.Now())), nil })
	on("GET /orders/{order_id}", "history", func(c call) ([]byte, *APIError) {
		return x.ReadHistory(c.user, c.PathValue("order_id"), c.verdict.Reading(x.Now()))
	})
	on("GET /orders/{order_id}/trades", "read", func(c call) ([]byte, *APIError) {
		return x.TradesJSON(c.user, c.PathValue("order_id"))
	})
	on("GET /trades", "read", func(c call) ([]byte, *APIError) { return x.TradesJSON(c.user, "") })
	s.gttRoutes(on)
	on("GET /portfolio/positions", "read", bytesOf(x.PositionsJSON))
	on("PUT /portfolio/positions", "convert", func(c call) ([]byte, *APIError) {
		return success(true), x.Convert(c.user, c.params())
	})
	on("POST /margins/orders", "read", func(c call) ([]byte, *APIError) { return x.orderMargins(c.Body) })
	on("POST /margins/basket", "read", func(c call) ([]byte, *APIError) {
		return x.basketMargins(c.user, c.Body, c.URL.Query().Get("consider_positions") == "true")
	})
	on("POST /charges/orders", "read", func(c call) ([]byte, *APIError) { return x.orderCharges(c.Body) })
	on("GET /user/profile/full", "read", bytesOf(x.FullProfileJSON))
	on("GET /portfolio/holdings", "read", bytesOf(x.HoldingsJSON))
	on("GET /user/profile", "read", bytesOf(x.ProfileJSON))
	on("GET /user/margins", "read", func(c call) ([]byte, *APIError) { return x.MarginsJSON(c.user, "") })
	on("GET /user/margins/{segment}", "read", func(c call) ([]byte, *APIError) { return x.MarginsJSON(c.user, c.PathValue("segment")) })
	on("GET /quote", "read", s.quotes(500, fullQuote))
	on("GET /quote/ltp", "read", s.quotes(1000, func(q Quote) any {
		return map[string]any{"instrument_token": q.InstrumentToken, "last_price": q.ltp}
	}))
	on("GET /quote/ohlc", "read", s.quotes(1000, func(q Quote) any {
		return map[string]any{"instrument_token": q.InstrumentToken, "last_price": q.ltp, "ohlc": q.ohlc()}
	}))

	s.mux.HandleFunc("GET /instruments", s.instruments)
	s.mux.HandleFunc("GET /instruments/{exchange}", s.instruments)
	s.mux.HandleFunc("GET /connect/login", s.login)
	s.mux.HandleFunc("POST /session/token", s.createSession)
	s.mux.HandleFunc("DELETE /session/token", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		x.endSession(q.Get("api_key"), q.Get("access_token"))
		answer(w, success(true), nil)
	})
	s.mux.HandleFunc("GET /ws", s.socket)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" && strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			s.socket(w, r)
			return
		}
		answer(w, nil, refuse(http.StatusNotFound, classGeneral, textRouteNotFound))
	})
}

// gttRoutes are the trigger orders of docs/kite.md 4.1. Nobody says whether they ask for
// a static address (docs/kite.md 5.2 names order calls alone), so they do not.
func (s *Server) gttRoutes(on func(pattern, point string, h handler)) {
	x := s.exchange
	reply := func(id int, e *APIError) ([]byte, *APIError) { return success(map[string]int{"trigger_id": id}), e }
	on("POST /gtt/triggers", "gtt_place", func(c call) ([]byte, *APIError) {
		return reply(x.PlaceGTT(c.user, c.apiKey, c.params()))
	})
	on("PUT /gtt/triggers/{id}", "gtt_modify", func(c call) ([]byte, *APIError) {
		id := triggerID(c.Request)
		return reply(id, x.ModifyGTT(c.user, id, c.params()))
	})
	on("DELETE /gtt/triggers/{id}", "gtt_delete", func(c call) ([]byte, *APIError) {
		id := triggerID(c.Request)
		return reply(id, x.DeleteGTT(c.user, id))
	})
	on("GET /gtt/triggers", "gtts", func(c call) ([]byte, *APIError) { return x.GTTsJSON(c.user), nil })
	on("GET /gtt/triggers/{id}", "gtts", func(c call) ([]byte, *APIError) { return x.GTTJSON(c.user, triggerID(c.Request)) })
}

// triggerID is the id in the path; what is no number is no trigger's.
func triggerID(r *http.Request) int {
	id, _ := strconv.Atoi(r.PathValue("id"))
	return id
}

func orderReply(id string) []byte {
	return success(struct {
		OrderID string `json:"order_id"`
	}{id})
}

func (s *Server) place(c call) ([]byte, *APIError) {
	placed, e := s.exchange.PlaceWhole(c.user, c.apiKey, c.PathValue("variety"), c.params())
	if e == nil && s.options.OnAccepted != nil {
		s.options.OnAccepted(c.user, placed.OrderID, c.params().Get("tag"))
	}
	if placed.Slices == nil {
		return orderReply(placed.OrderID), e
	}
	return s.sliceReply(placed), e
}

// sliceReply is the answer to autoslice: the clients' form of order_id and
// children, or the pages' bare list (docs/kite.md 3.10).
func (s *Server) sliceReply(placed Placed) []byte {
	type problem struct {
		Code      int     `json:"code"`
		ErrorType string  `json:"error_type"`
		Message   string  `json:"message"`
		Data      *string `json:"data"`
	}
	type child struct {
		OrderID string   `json:"order_id,omitempty"`
		Error   *problem `json:"error,omitempty"`
	}
	var children []child
	for _, p := range placed.Slices {
		c := child{OrderID: p.OrderID}
		if p.Error != nil {
			c.Error = &problem{Code: p.Error.HTTPStatus, ErrorType: p.Error.ErrorType, Message: p.Error.Message}
		}
		children = append(children, c)
	}
	if s.exchange.flatAutoslice() {
		return success(children)
	}
	return success(struct {
		OrderID  string  `json:"order_id"`
		Children []child `json:"children"`
	}{placed.OrderID, children})
}

func (x *Exchange) flatAutoslice() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.opts.FlatAutoslice
}

// SetFlatAutoslice changes Options.FlatAutoslice.
func (x *Exchange) SetFlatAutoslice(flat bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.opts.FlatAutoslice = flat
}

// Now is the exchange's time, which never falls.
func (x *Exchange) Now() time.Time {
	x.enter()
	defer x.leave()
	return x.now
}

// quotes answers for the instruments named by i=EXCHANGE:SYMBOL; unknown ones
// are left out, more than most are refused (docs/kite.md 3.9). A Personal app has no
// quotes (docs/kite.md 5.3).
func (s *Server) quotes(most int, render func(Quote) any) handler {
	return func(c call) ([]byte, *APIError) {
		if s.exchange.personal(c.apiKey) {
			return nil, refuse(http.StatusForbidden, classPermission, textInsufficient)
		}
		if len(c.Form["i"]) > most {
			return nil, inputError(textNamesOwn, most)
		}
		data := map[string]any{}
		for _, name := range c.Form["i"] {
			if q, ok := s.exchange.Quote(name); ok {
				data[name] = render(q)
			}
		}
		return success(data), nil
	}
}

func (x *Exchange) personal(apiKey string) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	ap := x.apps[apiKey]
	return ap != nil && ap.personal
}

func (q Quote) ohlc() map[string]amount {
	return map[string]amount{"open": q.open, "high": q.high, "low": q.low, "close": q.closed}
}

func fullQuote(q Quote) any {
	return map[string]any{
		"instrument_token": q.InstrumentToken, "timestamp": stamp(q.At), "last_trade_time": stamp(q.LastTrade),
		"last_price": q.ltp, "last_quantity": q.LastQuantity, "average_price": q.ltp, "volume": q.Volume,
		"buy_quantity": q.buyQuantity, "sell_quantity": q.sellQuantity, "ohlc": q.ohlc(), "net_change": q.ltp - q.closed,
		"oi": 0, "oi_day_high": 0, "oi_day_low": 0,
		"lower_circuit_limit": amountOf(q.LowerCircuit), "upper_circuit_limit": amountOf(q.UpperCircuit),
		"depth": map[string]depth{"buy": q.bids, "sell": q.asks},
	}
}

// login stands for Kite's login page: whoever asks is logged in (docs/kite.md 5.1).
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	apiKey, user := q.Get("api_key"), q.Get("user_id")
	if user == "" {
		user = s.exchange.userOf(apiKey)
	}
	token := s.exchange.RequestToken(user, apiKey)
	if token == "" {
		answer(w, nil, inputError(textMissingAPIKey))
		return
	}
	to := s.options.RedirectURLs[apiKey]
	if to == "" {
		answer(w, success(map[string]string{"request_token": token, "user_id": user}), nil)
		return
	}
	back, err := url.Parse(to)
	if err != nil {
		answer(w, nil, refuse(http.StatusInternalServerError, classGeneral, "Invalid redirect URL."))
		return
	}
	v := back.Query()
	extra, _ := url.ParseQuery(q.Get("redirect_params")) // what cannot be read is not passed on
	for k := range extra {
		v.Set(k, extra.Get(k))
	}
	v.Set("action", "login")
	v.Set("status", "success")
	v.Set("request_token", token)
	back.RawQuery = v.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

// userOf is the first user of an app.
func (x *Exchange) userOf(apiKey string) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, u := range x.users {
		if x.accounts[u].app(apiKey) != nil {
			return u
		}
	}
	return ""
}

func (s *Server) createSession(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, bodyMax)
	made, e := s.exchange.exchangeToken(r.PostFormValue("api_key"), r.PostFormValue("request_token"), r.PostFormValue("checksum"))
	if e != nil {
		answer(w, nil, e)
		return
	}
	answer(w, success(struct {
		profile
		APIKey       string   `json:"api_key"`
		AccessToken  string   `json:"access_token"`
		PublicToken  string   `json:"public_token"`
		RefreshToken string   `json:"refresh_token"`
		Enctoken     string   `json:"enctoken"`
		LoginTime    stamp    `json:"login_time"`
		Silo         nullable `json:"silo"`
	}{profileOf(made.user), made.apiKey, made.token, "public_" + made.user, "", "", stamp(made.born), ""}), nil)
}
