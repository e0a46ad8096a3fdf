package paper

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// controlRequest is the body of a control endpoint; each reads the fields it needs.
type controlRequest struct {
	Exchange      string            `json:"exchange"`
	Tradingsymbol string            `json:"tradingsymbol"`
	Price         float64           `json:"price"` // rupees
	Quantity      int               `json:"quantity"`
	Lower         float64           `json:"lower"` // rupees
	Upper         float64           `json:"upper"` // rupees
	OrderID       string            `json:"order_id"`
	User          string            `json:"user"`
	Product       string            `json:"product"`
	Text          string            `json:"text"`
	Params        map[string]string `json:"params"`
	Faults        string            `json:"faults"`
	Point         string            `json:"point"`
	Fault         string            `json:"fault"`
	APIKey        string            `json:"api_key"`
	URL           string            `json:"url"`
	Amount        float64           `json:"amount"` // rupees
	Refusal       string            `json:"refusal"`
	Holding       *Holding          `json:"holding"`
	On            bool              `json:"on"`
	APISecret     string            `json:"api_secret"`
	AccessToken   string            `json:"access_token"`
	Fills         []controlFill     `json:"fills"`
	TriggerID     int               `json:"trigger_id"`
	Leg           int               `json:"leg"`
	Status        string            `json:"status"`
	By            string            `json:"by"` // a duration like 90m
}

// controlFill is one of several fills.
type controlFill struct {
	OrderID  string  `json:"order_id"`
	Quantity int     `json:"quantity"`
	Price    float64 `json:"price"` // rupees
}

func (c controlRequest) values() url.Values {
	v := url.Values{}
	for k, s := range c.Params {
		v.Set(k, s)
	}
	return v
}

// controls are the endpoints that doc.go lists. They ask for no key: the
// paper exchange has nothing to guard.
func (s *Server) controls() {
	x := s.exchange
	post := func(path string, f func(c controlRequest) (any, error)) {
		s.mux.HandleFunc("POST /paper/"+path, func(w http.ResponseWriter, r *http.Request) {
			c := controlRequest{User: x.UserID()}
			d := json.NewDecoder(http.MaxBytesReader(w, r.Body, bodyMax))
			d.DisallowUnknownFields()
			if err := d.Decode(&c); err != nil && r.ContentLength != 0 {
				answer(w, nil, inputError("%s", "paper: "+err.Error()))
				return
			}
			data, err := f(c)
			if e := (*APIError)(nil); errors.As(err, &e) {
				answer(w, nil, e)
				return
			}
			if err != nil {
				answer(w, nil, inputError("%s", err.Error()))
				return
			}
			answer(w, success(data), nil)
		})
	}
	get := func(path string, f func() any) {
		s.mux.HandleFunc("GET /paper/"+path, func(w http.ResponseWriter, _ *http.Request) { answer(w, success(f()), nil) })
	}

	post("price", func(c controlRequest) (any, error) { return true, x.SetPrice(c.Exchange, c.Tradingsymbol, c.Price) })
	post("depth", func(c controlRequest) (any, error) { return true, x.SetDepth(c.Exchange, c.Tradingsymbol, c.Quantity) })
	post("circuit", func(c controlRequest) (any, error) {
		return true, x.SetCircuit(c.Exchange, c.Tradingsymbol, c.Lower, c.Upper)
	})
	post("narrow", func(c controlRequest) (any, error) {
		n, err := x.Narrow(c.Exchange, c.Tradingsymbol, c.Lower, c.Upper)
		return map[string]int{"cancelled": n}, err
	})
	post("clock", func(c controlRequest) (any, error) {
		by, err := time.ParseDuration(c.By)
		if err == nil {
			err = x.Skip(by)
		}
		return map[string]string{"now": stamp(x.Now()).String()}, err
	})
	post("open_delay", func(c controlRequest) (any, error) {
		by, err := time.ParseDuration(c.By)
		if err == nil {
			x.SetOpenDelay(by)
		}
		return true, err
	})
	post("release_amos", func(controlRequest) (any, error) { return map[string]int{"released": x.ReleaseAMOs()}, nil })
	post("flat_autoslice", func(c controlRequest) (any, error) { x.SetFlatAutoslice(c.On); return true, nil })
	post("fill", func(c controlRequest) (any, error) { return true, x.Fill(c.OrderID, c.Quantity, c.Price) })
	post("fills", func(c controlRequest) (any, error) {
		filled, failures := 0, []string{}
		for _, f := range c.Fills {
			if err := x.Fill(f.OrderID, f.Quantity, f.Price); err != nil {
				failures = append(failures, err.Error())
				continue
			}
			filled++
		}
		return map[string]any{"filled": filled, "failed": failures}, nil
	})
	post("reject", func(c controlRequest) (any, error) { return true, asError(x.Reject(c.OrderID, c.Text)) })
	post("cancel", func(c controlRequest) (any, error) { return true, asError(x.ExchangeCancel(c.OrderID, c.Text)) })
	post("reject_next", func(c controlRequest) (any, error) { x.RejectNext(c.User, c.Text); return true, nil })

	post("hand/place", func(c controlRequest) (any, error) {
		id, e := x.PlaceByHand(c.User, c.values())
		return map[string]string{"order_id": id}, asError(e)
	})
	post("hand/modify", func(c controlRequest) (any, error) { return true, asError(x.ModifyByHand(c.OrderID, c.values())) })
	post("hand/cancel", func(c controlRequest) (any, error) { return true, asError(x.CancelByHand(c.OrderID)) })

	s.gttControls(post)
	get("gtts", func() any { return x.GTTs() })

	post("overnight", func(c controlRequest) (any, error) {
		return true, x.SetOvernight(c.User, c.Exchange, c.Tradingsymbol, c.Product, c.Quantity, c.Price)
	})
	post("holding", func(c controlRequest) (any, error) {
		if c.Holding == nil {
			return nil, missing("holding")
		}
		return true, x.SetHolding(c.User, *c.Holding)
	})
	post("authorise", func(c controlRequest) (any, error) {
		return true, x.Authorise(c.User, c.Exchange, c.Tradingsymbol, c.Quantity)
	})
	post("funds", func(c controlRequest) (any, error) {
		form := RefuseWithError
		if c.Refusal == RefuseInBook.String() {
			form = RefuseInBook
		}
		return true, x.SetFunds(c.User, c.Amount, form)
	})
	post("squareoff", func(c controlRequest) (any, error) { return x.SquareOff(c.User), nil })
	post("end_of_day", func(controlRequest) (any, error) { x.EndOfDay(); return true, nil })
	post("next_day", func(controlRequest) (any, error) { x.NextDay(); return true, nil })

	post("account", func(c controlRequest) (any, error) {
		if c.User == "" || c.APIKey == "" || c.APISecret == "" {
			return nil, missing("user, api_key or api_secret")
		}
		x.AddAccount(c.User, c.APIKey, c.APISecret, c.AccessToken)
		if p := s.options.Postbacks; p != nil && c.URL != "" {
			p.SetURL(c.APIKey, c.URL)
		}
		return true, nil
	})
	post("kill_sessions", func(c controlRequest) (any, error) { x.KillSessions(c.User); return true, nil })
	post("request_token", func(c controlRequest) (any, error) {
		token := x.RequestToken(c.User, c.APIKey)
		if token == "" {
			return nil, inputError(textMissingAPIKey)
		}
		return map[string]string{"request_token": token}, nil
	})
	post("personal", func(c controlRequest) (any, error) { return x.SetPersonal(c.APIKey, c.On), nil })
	post("message", func(c controlRequest) (any, error) { s.Broadcast(c.User, "message", c.Text); return true, nil })
	post("stream_error", func(c controlRequest) (any, error) { s.Broadcast(c.User, "error", c.Text); return true, nil })
	post("drop_sockets", func(controlRequest) (any, error) { s.DropSockets(); return true, nil })

	post("faults", func(c controlRequest) (any, error) {
		f, err := ParseFaults(c.Faults)
		if err == nil {
			s.options.Injector.Set(f)
		}
		return f.String(), err
	})
	get("faults", func() any { return s.options.Injector.Faults().String() })
	post("next", func(c controlRequest) (any, error) { return true, s.options.Injector.Next(c.Point, c.Fault) })

	get("book", func() any { return x.Book() })
	get("doubled", func() any { return x.DoubledTags() })
	if p := s.options.Postbacks; p != nil {
		get("postbacks", func() any { return p.Stats() })
		post("postback_url", func(c controlRequest) (any, error) {
			if c.URL != "" && !strings.HasPrefix(c.URL, "http") {
				return nil, invalid("url")
			}
			p.SetURL(c.APIKey, c.URL)
			return true, nil
		})
	}
}

// gttControls are those of the trigger orders.
func (s *Server) gttControls(post func(path string, f func(c controlRequest) (any, error))) {
	x := s.exchange
	post("gtt/trigger", func(c controlRequest) (any, error) { return true, x.FireGTT(c.TriggerID, c.Leg) })
	post("gtt/end", func(c controlRequest) (any, error) { return true, asError(x.EndGTT(c.TriggerID, c.Status, c.Text)) })
	post("gtt/fail_next", func(c controlRequest) (any, error) { x.FailNextGTT(c.User, c.Text); return true, nil })
	post("gtt/postbacks", func(c controlRequest) (any, error) { x.SetGTTPostbacks(c.On); return true, nil })
	post("hand/gtt/place", func(c controlRequest) (any, error) {
		id, e := x.PlaceGTTByHand(c.User, c.values())
		return map[string]int{"trigger_id": id}, asError(e)
	})
	post("hand/gtt/modify", func(c controlRequest) (any, error) {
		return true, asError(x.ModifyGTT(c.User, c.TriggerID, c.values()))
	})
	post("hand/gtt/delete", func(c controlRequest) (any, error) { return true, asError(x.DeleteGTT(c.User, c.TriggerID)) })
}

// asError keeps a nil *APIError a nil error.
func asError(e *APIError) error {
	if e == nil {
		return nil
	}
	return e
}
