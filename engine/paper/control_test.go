package paper

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestControl(t *testing.T) {
	x, _ := exchange(t)
	r := newReceiver(t)
	p, i := posting(t, x, r)
	s, h := served(t, x, ServerOptions{Postbacks: p, Injector: i})
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	call := func(method, path, body string) (int, string) {
		t.Helper()
		answer, err := transport.RoundTrip(must(http.NewRequest(method, h.URL+"/paper/"+path, strings.NewReader(body))))
		ok(t, err)
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		ok(t, err)
		return answer.StatusCode, string(text)
	}
	post := func(path, body string, a ...any) string {
		t.Helper()
		status, text := call("POST", path, fmt.Sprintf(body, a...))
		if status != 200 {
			t.Errorf("%s %s: %d %s", path, body, status, text)
		}
		return text
	}
	const nifty = `"exchange":"NFO","tradingsymbol":"` + option + `"`
	post("price", `{`+nifty+`,"price":119}`)
	equal(t, "price", x.Price("NFO", option), 119)
	post("depth", `{`+nifty+`,"quantity":0}`)
	a, b, c := mustPlace(t, x, "tag", "a"), mustPlace(t, x, "tag", "b"), mustPlace(t, x, "tag", "c")
	post("fill", `{"order_id":"%s","quantity":65,"price":99}`, a)
	post("reject", `{"order_id":"%s","text":"no"}`, b)
	if got := post("fills", `{"fills":[{"order_id":"%s","quantity":65},{"order_id":"none","quantity":1}]}`, a); !strings.Contains(got, `"filled":0`) || !strings.Contains(got, "no order none") {
		t.Errorf("fills of a finished and an unknown order: %s", got)
	}
	post("account", `{"user":"ZZ0001","api_key":"second","api_secret":"s","access_token":"t","url":"%s"}`, r.URL)
	equal(t, "accounts", fmt.Sprint(x.Users()), "[AB1234 ZZ0001]")
	post("cancel", `{"order_id":"%s","text":"LPP"}`, c)
	equal(t, "pushed", r.take(t, 3), "a COMPLETE, b REJECTED, c CANCELLED")
	post("circuit", `{`+nifty+`,"lower":50,"upper":200}`)

	id := decode[map[string]string](t, []byte(post("hand/place", `{"params":{%s,"transaction_type":"BUY","quantity":"65","product":"NRML","order_type":"LIMIT","price":"100"}}`, nifty)))["order_id"]
	post("hand/modify", `{"order_id":"%s","params":{"price":"101"}}`, id)
	has(t, bookRow(t, x, id), fields{"price": 101})
	post("hand/cancel", `{"order_id":"%s"}`, id)
	has(t, bookRow(t, x, id), fields{"status": "CANCELLED"})
	post("reject_next", `{"text":"later"}`)
	has(t, bookRow(t, x, mustPlace(t, x, "tag", "a")), fields{"status": "REJECTED", "status_message": "later"})
	r.take(t, 1)

	post("overnight", `{`+nifty+`,"product":"NRML","quantity":-65,"price":110}`)
	equal(t, "net", x.NetQuantity(user, "NFO", option, "NRML"), 0)
	post("holding", `{"holding":{"exchange":"NSE","tradingsymbol":"INFY","quantity":5}}`)
	post("funds", `{"amount":10,"refusal":"book"}`)
	has(t, bookRow(t, x, mustPlace(t, x, "tag", "d", "quantity", "130")), fields{"status": "REJECTED"})
	r.take(t, 1)
	post("funds", `{"amount":-1}`)
	equal(t, "square off", post("squareoff", `{}`), `{"status":"success","data":null}`)
	post("personal", `{"api_key":"paper_key","on":false}`)
	post("drop_sockets", "")

	equal(t, "faults", post("faults", `{"faults":"lose=0.5"}`), `{"status":"success","data":"lose=0.5"}`)
	_, text := call("GET", "faults", "")
	equal(t, "faults", text, `{"status":"success","data":"lose=0.5"}`)
	post("faults", `{"faults":""}`)
	post("next", `{"point":"place","fault":"429"}`)
	equal(t, "next", s.Injector().Request("place").Refusal.HTTPStatus, 429)

	_, text = call("GET", "book", "")
	book := decode[[]BookOrder](t, []byte(text))
	equal(t, "book", book[0].OrderID+book[0].Tag+book[0].APIKey, a+"apaper_key")
	_, text = call("GET", "doubled", "")
	equal(t, "doubled", text, `{"status":"success","data":["a"]}`)
	_, text = call("GET", "postbacks", "")
	has(t, decode[fields](t, []byte(text)), fields{"due": 5, "lost": 0})
	post("postback_url", `{"api_key":"paper_key","url":""}`)
	if token := decode[map[string]string](t, []byte(post("request_token", `{"api_key":"paper_key"}`)))["request_token"]; len(token) != 32 {
		t.Errorf("request token %q", token)
	}
	post("kill_sessions", `{}`)
	if _, alive := x.Authenticate("paper_key", "paper_token"); alive {
		t.Error("the session lives")
	}
	post("end_of_day", ``)
	post("next_day", ``)
	equal(t, "book", len(x.Book()), 0)

	for path, body := range map[string]string{
		"price": `{"exchange":"NFO","tradingsymbol":"X","price":1}`, "fill": `{"order_id":"1"}`, "faults": `{"faults":"x"}`, "holding": `{}`,
		"next": `{"point":"x"}`, "reject": `{"order_id":"1"}`, "depth": `{"colour":"red"}`, "postback_url": `{"url":"x"}`, "request_token": `{}`, "funds": `nonsense`,
	} {
		if status, text := call("POST", path, body); status/100 != 4 || !strings.Contains(text, `"status":"error"`) {
			t.Errorf("%s %s: %d %s", path, body, status, text)
		}
	}
	status, _ := call("GET", "nothing", "")
	equal(t, "unknown", status, 404)
}
