//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"backstop/engine/kite"
	"backstop/engine/order"
)

const hostileSettings = `accounts:
  AB1234: { api_key: one, api_secret: secret_of_one, access_token: token_one }
  CD5678: { api_key: two, api_secret: secret_of_two, access_token: token_two }
`

const hostileRules = `version: 1
alerts: none
rules:
  - name: stop
    on: [partial_fill, fill]
    when: order.role == "entry"
    then:
      - place_stop_loss: { trigger_price: loss(20) }
`

// signedPostback is a postback of an order, signed with a secret.
func signedPostback(user, id, secretText string, more map[string]any) []byte {
	at := time.Now().In(order.IST).Format(time.DateTime)
	p := map[string]any{"user_id": user, "order_id": id, "order_timestamp": at, "exchange_update_timestamp": at, "checksum": kite.Checksum(id, at, secretText),
		"status": "OPEN", "exchange": "NFO", "tradingsymbol": "NIFTY26DEC24500CE", "transaction_type": "BUY", "product": "MIS", "variety": "regular", "validity": "DAY",
		"order_type": "LIMIT", "quantity": 65, "filled_quantity": 0, "pending_quantity": 65, "price": 300, "average_price": 0, "placed_by": user}
	for k, v := range more {
		p[k] = v
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return body
}

// TestHostileSendersAgainstTheWholeService: with confirm off, what one app's secret signed moves nothing of another app's
// user; and while strangers flood and hold connections, genuine postbacks are answered within Kite's three seconds.
func TestHostileSendersAgainstTheWholeService(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	at := map[string]string{}
	for _, name := range []string{"paper", "public", "admin"} {
		address, err := freeAddress()
		if err != nil {
			t.Fatal(err)
		}
		at[name] = address
	}
	for name, text := range map[string]string{"backstop.yaml": hostileSettings, "rules.yaml": hostileRules} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "BACKSTOP_ADMIN=" + at["admin"], "BACKSTOP_LISTEN=" + at["public"], "BACKSTOP_MARKET_HOURS=always",
		"BACKSTOP_CONFIRM=false", "BACKSTOP_RECONCILE=off", "KITE_BASE_URL=http://" + at["paper"]}
	spawned(t, dir, env[:1], "paper", "--listen", at["paper"], "--user-id", "AB1234", "--api-key", "one", "--api-secret", "secret_of_one", "--access-token", "token_one")
	eventually(t, "a second account at the exchange", func() bool {
		reply, err := http.Post("http://"+at["paper"]+"/paper/account", "application/json",
			strings.NewReader(`{"user":"CD5678","api_key":"two","api_secret":"secret_of_two","access_token":"token_two"}`))
		if err != nil {
			return false
		}
		reply.Body.Close()
		return reply.StatusCode == http.StatusOK
	})
	_, log := spawned(t, dir, env, "serve", "--mode", "live")
	get := func(path string) string {
		reply, err := http.Get("http://" + at["admin"] + path)
		if err != nil {
			return ""
		}
		defer reply.Body.Close()
		text, _ := io.ReadAll(reply.Body)
		return fmt.Sprint(reply.StatusCode, " ", string(text))
	}
	eventually(t, "ready", func() bool { return strings.HasPrefix(get("/readyz"), "200") })
	client := &http.Client{Timeout: 3 * time.Second} // Kite's patience
	post := func(key string, body []byte) int {
		reply, err := client.Post("http://"+at["public"]+"/postback/"+key, "application/json", bytes.NewReader(body))
		if err != nil {
			t.Errorf("%s: %v\n%s", key, err, log.bytes())
			return 0
		}
		defer reply.Body.Close()
		_, _ = io.Copy(io.Discard, reply.Body)
		return reply.StatusCode
	}
	filled := map[string]any{"status": "COMPLETE", "filled_quantity": 65, "pending_quantity": 0, "average_price": 300}

	// A fill of CD5678, signed with the other app's secret and brought to the other app's door; and with the wrong secret to its own.
	if code := post("one", signedPostback("CD5678", "261125000000901", "secret_of_one", filled)); code != http.StatusOK {
		t.Errorf("kept with its reason: %d", code)
	}
	if code := post("two", signedPostback("CD5678", "261125000000902", "secret_of_one", filled)); code != http.StatusUnauthorized {
		t.Errorf("the wrong secret: %d", code)
	}
	if code := post("one", signedPostback("ZZ9999", "261125000000903", "secret_of_one", filled)); code != http.StatusOK {
		t.Errorf("an unknown user: %d", code)
	}
	// Two true ones, each through its own door: they move, so the forged ones could have.
	post("one", signedPostback("AB1234", "261125000000904", "secret_of_one", filled))
	post("two", signedPostback("CD5678", "261125000000905", "secret_of_two", filled))
	eventually(t, "a stop for each", func() bool { return strings.Count(get("/api/v1/requests"), `"order_type":"SL"`) == 2 })
	for _, user := range []string{"AB1234", "CD5678"} {
		if text := get("/api/v1/requests?account=" + user); strings.Count(text, `"order_type":"SL"`) != 1 || !strings.Contains(text, `"quantity":65`) {
			t.Errorf("%s: one stop for 65: %s", user, text)
		}
	}
	if text := get("/api/v1/updates?order_id=261125000000901"); !strings.Contains(text, `"ignored":"another api_key's user: CD5678"`) || !strings.Contains(text, `"account":""`) {
		t.Errorf("the forged one is kept with its reason: %s", text)
	}
	if text := get("/api/v1/orders?account=CD5678"); strings.Contains(text, "261125000000901") {
		t.Errorf("it was folded: %s", text)
	}

	// Floods and held connections, and genuine ones beside them.
	ctx, stop := context.WithCancel(t.Context())
	var attackers sync.WaitGroup
	for range 3 {
		attackers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+at["public"]+"/postback/one",
					bytes.NewReader(signedPostback("AB1234", fmt.Sprint(261125000100000+i), "a guess", nil)))
				if err != nil {
					return
				}
				r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.1", i>>8&255, i&255)) // nobody trusts it
				if reply, err := http.DefaultClient.Do(r); err == nil {
					_, _ = io.Copy(io.Discard, reply.Body)
					reply.Body.Close()
					if reply.StatusCode != http.StatusUnauthorized && reply.StatusCode != http.StatusTooManyRequests {
						t.Errorf("a wrong checksum: %d", reply.StatusCode)
					}
				}
			}
		})
	}
	for range 150 {
		attackers.Go(func() {
			for ctx.Err() == nil {
				c, err := net.Dial("tcp", at["public"])
				if err != nil {
					return
				}
				_, err = io.WriteString(c, "POST /postback/one HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{")
				for err == nil && ctx.Err() == nil {
					select {
					case <-ctx.Done():
					case <-time.After(50 * time.Millisecond):
						_, err = io.WriteString(c, " ")
					}
				}
				_ = c.Close()
			}
		})
	}
	var genuine sync.WaitGroup
	for s := range 4 {
		genuine.Go(func() {
			for i := range 25 {
				if code := post("one", signedPostback("AB1234", fmt.Sprint(261125000200000+s*25+i), "secret_of_one", nil)); code != http.StatusOK {
					t.Errorf("a genuine postback: %d", code)
				}
			}
		})
	}
	genuine.Wait()
	stop()
	attackers.Wait()
	if text := get("/metrics"); !strings.Contains(text, `backstop_postback_answers_total{code="429"}`) {
		t.Error("the flood was not limited")
	}
	eventually(t, "ready after all", func() bool { return strings.HasPrefix(get("/readyz"), "200") })
}
