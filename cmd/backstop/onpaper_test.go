package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"backstop/actions"
	"backstop/engine/paper"
)

// pretender is an address of this machine that is no paper exchange: a proxy to the real one, say.
func pretender(t *testing.T) (url string, orders *atomic.Int32) {
	t.Helper()
	orders = new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			orders.Add(1)
		}
		_, _ = io.WriteString(w, `{"status":"success","data":{"order_id":"1"}}`)
	}))
	t.Cleanup(s.Close)
	return s.URL, orders
}

func placeAt(base string) *actions.Error {
	broker, end := brokers["kite"](account{user: "AB1234", apiKey: "paper_key", baseURL: base}, func() string { return "paper_token" }, nil)
	defer end()
	_, err := broker.Do(context.Background(), actions.Call{Method: actions.Place, Variety: "regular", Params: actions.Params{Exchange: "NSE",
		Tradingsymbol: "NONE", TransactionType: "BUY", Quantity: 1, Product: "CNC", OrderType: "LIMIT", Price: 100, Validity: "DAY"}})
	var e *actions.Error
	errors.As(err, &e)
	return e
}

func TestWhatIsNotPaperOnThisMachineGetsNoOrder(t *testing.T) {
	base, orders := pretender(t)
	if err := provePaper(context.Background(), []account{{user: "AB1234", from: "KITE_USER_ID", baseURL: base}}); err == nil ||
		!strings.Contains(err.Error(), "no paper exchange") {
		t.Errorf("at the start: %v", err)
	}
	if e := placeAt(base); e == nil || e.Class != actions.ClassDown || orders.Load() != 0 {
		t.Errorf("placed %d orders: %v", orders.Load(), e)
	}
	x := paper.New(paper.Options{Now: time.Now})
	s := paper.NewServer(x, paper.ServerOptions{})
	h := httptest.NewServer(s)
	t.Cleanup(func() { s.Close(); h.Close() })
	if err := provePaper(context.Background(), []account{{baseURL: h.URL}}); err != nil {
		t.Errorf("a paper exchange: %v", err)
	}
	if e := placeAt(h.URL); e == nil || e.Class == actions.ClassDown || e.Class == actions.ClassAmbiguous {
		t.Errorf("a paper exchange got no order: %v", e)
	}
	h.Close()
	if err := provePaper(context.Background(), []account{{baseURL: h.URL}}); err != nil {
		t.Errorf("one that is not up yet: %v", err)
	}
}

func TestOneServiceTradesOnPaperOrAtKite(t *testing.T) {
	desk, live := account{user: "AA0001", baseURL: "http://127.0.0.1:8790"}, account{user: "AA0002", baseURL: kiteBaseURL}
	for _, c := range []struct {
		accounts []account
		want     string
	}{{[]account{desk}, onPaper}, {[]account{live}, onKite}, {[]account{desk, live}, ""}, {[]account{live, desk}, ""}} {
		got, err := exchange(c.accounts)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%v: %q %v", c.accounts, got, err)
		}
	}
}

func TestADataFolderIsOfOneExchange(t *testing.T) {
	folder := t.TempDir()
	for range 2 {
		if err := stampFolder(folder, onPaper); err != nil {
			t.Fatal(err)
		}
	}
	if err := stampFolder(folder, onKite); err == nil || !strings.Contains(err.Error(), "is of PAPER, and the accounts trade at Kite") {
		t.Errorf("a paper journal at Kite: %v", err)
	}
}

func TestMessagesOfPaperSaySo(t *testing.T) {
	var got string
	channels := map[string]actions.Channel{"desk": sendFunc(func(m actions.Message) { got = m.Text })}
	for where, want := range map[string]string{onPaper: "[PAPER] filled", onKite: "filled"} {
		if err := marked(channels, where)["desk"].Send(context.Background(), actions.Message{Text: "filled"}); err != nil || got != want {
			t.Errorf("%s: %q %v", where, got, err)
		}
	}
}

type sendFunc func(m actions.Message)

func (f sendFunc) Send(_ context.Context, m actions.Message) error { f(m); return nil }
