//go:build unix

package crashtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// lot is that of NIFTY options.
const lot = 65

// symbols are what is traded: bought the first ones, sold the last, so that positions of a symbol have one side.
var symbols = []string{"NIFTY26DEC24400CE", "NIFTY26DEC24400PE", "NIFTY26DEC24500CE", "NIFTY26DEC24500PE", "NIFTY26DEC24600CE", "NIFTY26DEC24600PE"}

// side is which side opens a position in a symbol.
func side(symbol string) string {
	if symbol == symbols[4] || symbol == symbols[5] {
		return "SELL"
	}
	return "BUY"
}

// account is one Kite account with an app of its own.
type account struct{ user, key, secret, token string }

func accountsOf(n int) []account {
	list := make([]account, n)
	for i := range list {
		list[i] = account{fmt.Sprintf("CR%04d", i), fmt.Sprintf("key%04d", i), fmt.Sprintf("secret%04d", i), fmt.Sprintf("token%04d", i)}
	}
	return list
}

// row is an order of the exchange's true book.
type row struct {
	User            string  `json:"user"`
	OrderID         string  `json:"order_id"`
	Tag             string  `json:"tag"`
	Status          string  `json:"status"`
	Tradingsymbol   string  `json:"tradingsymbol"`
	TransactionType string  `json:"transaction_type"`
	OrderType       string  `json:"order_type"`
	Quantity        int     `json:"quantity"`
	Filled          int     `json:"filled"`
	Remaining       int     `json:"remaining"`
	Price           float64 `json:"price"`
	TriggerPrice    float64 `json:"trigger_price"`
	Modifications   int     `json:"modifications"`
}

func (r row) live() bool {
	return r.Status != "COMPLETE" && r.Status != "CANCELLED" && r.Status != "REJECTED"
}
func (r row) ours() bool { return strings.HasPrefix(r.Tag, "bs") }

// sign is +1 for what buys.
func (r row) sign() int {
	if r.TransactionType == "SELL" {
		return -1
	}
	return 1
}

// exchange is the paper exchange as its own interface shows it.
type exchange struct {
	base   string
	client *http.Client
}

func newExchange(base string) *exchange {
	return &exchange{base, &http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8}}}
}

// ask makes a call and reads data of the envelope.
func (x *exchange) ask(r *http.Request, into any) error {
	reply, err := x.client.Do(r)
	if err != nil {
		return err
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		return err
	}
	if reply.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %d %.200s", r.Method, r.URL.Path, reply.StatusCode, body)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, &struct {
		Data any `json:"data"`
	}{into})
}

// control posts to a control endpoint.
func (x *exchange) control(path string, body map[string]any, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, x.base+"/paper/"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	return x.ask(r, into)
}

func (x *exchange) look(path string, into any) error {
	r, err := http.NewRequest(http.MethodGet, x.base+"/paper/"+path, nil)
	if err != nil {
		return err
	}
	return x.ask(r, into)
}

func (x *exchange) book() (rows []row, err error) {
	err = x.look("book", &rows)
	return rows, err
}

// kite is a call of the account's own app: the trader's, beside Backstop.
func (x *exchange) kite(a account, method, path string, form url.Values) (orderID string, err error) {
	r, err := http.NewRequest(method, x.base+path, strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Kite-Version", "3")
	r.Header.Set("Authorization", "token "+a.key+":"+a.token)
	var data struct {
		OrderID string `json:"order_id"`
	}
	err = x.ask(r, &data)
	return data.OrderID, err
}

// entry places an entry that rests.
func (x *exchange) entry(a account, symbol string, lots int, price float64) (string, error) {
	return x.kite(a, http.MethodPost, "/orders/regular", url.Values{"exchange": {"NFO"}, "tradingsymbol": {symbol},
		"transaction_type": {side(symbol)}, "product": {"MIS"}, "order_type": {"LIMIT"}, "validity": {"DAY"},
		"quantity": {strconv.Itoa(lots * lot)}, "price": {money(price)}})
}

func (x *exchange) fill(orderID string, quantity int) error {
	return x.control("fill", map[string]any{"order_id": orderID, "quantity": quantity}, nil)
}

func (x *exchange) price(symbol string, rupees float64) error {
	return x.control("price", map[string]any{"exchange": "NFO", "tradingsymbol": symbol, "price": rupees}, nil)
}

// phone sells (or buys back) by hand, at the market.
func (x *exchange) phone(user, symbol, side string, quantity int) error {
	return x.control("hand/place", map[string]any{"user": user, "params": map[string]string{"exchange": "NFO", "tradingsymbol": symbol,
		"transaction_type": side, "product": "MIS", "order_type": "MARKET", "validity": "DAY", "quantity": strconv.Itoa(quantity)}}, nil)
}

// delivered says whether every postback that is due was sent or lost.
func (x *exchange) delivered() (done bool, err error) {
	var s struct{ Due, Delivered, Failed, Lost int }
	err = x.look("postbacks", &s)
	return s.Due == s.Delivered+s.Failed+s.Lost, err
}

// money is a price on the tick of NIFTY options.
func money(rupees float64) string {
	return strconv.FormatFloat(float64(int(rupees*20+0.5))/20, 'f', 2, 64)
}
