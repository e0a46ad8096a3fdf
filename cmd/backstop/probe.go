package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"backstop/engine/kite"
	"backstop/engine/order"
	"backstop/engine/postback"
)

// A probe is a signed body that goes the whole way of a postback, from outside, and is no order: its order id is a word.
// The running service answers it with a proof that it knows the secret, decides nothing, and keeps nothing.

// probePrefix begins the order id of a probe; those of Kite are numbers.
const probePrefix = "backstop-doctor-"

// probeBody makes a probe and the proof that its answer must hold.
func probeBody(secretText string, now time.Time) (body []byte, proof string, err error) {
	id, at := probePrefix+rand.Text(), now.In(order.IST).Format(time.DateTime)
	body, err = json.Marshal(map[string]string{"order_id": id, "order_timestamp": at, "checksum": kite.Checksum(id, at, secretText)})
	return body, probeProof(id, secretText), err
}

func probeProof(id, secretText string) string {
	mac := hmac.New(sha256.New, []byte(secretText))
	_, _ = mac.Write([]byte("backstop probe " + id)) // a hash never fails to write
	return hex.EncodeToString(mac.Sum(nil))
}

// probeOf is what a genuine claim says as a probe; nil where it is of an order. The proof is of the secret in force.
func probeOf(claim kite.Claim, secrets []string) *postback.Probe {
	if !strings.HasPrefix(claim.OrderID, probePrefix) {
		return nil
	}
	return &postback.Probe{Proof: probeProof(claim.OrderID, secrets[0])}
}

// outsideWithin bounds one look from outside.
const outsideWithin = 9 * time.Second

// outsideClient asks as Kite does: no proxy, no redirect followed, certificates judged.
func outsideClient() *http.Client {
	return &http.Client{Timeout: outsideWithin, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true, TLSHandshakeTimeout: 5 * time.Second,
			DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext}}
}

// unseen is why the public side was not seen from outside, with what to do.
type unseen struct{ text, fix string }

// sendProbe posts a probe to an address, and says what came of it; nil: it reached the service.
func sendProbe(ctx context.Context, address, secretText string, now time.Time) *unseen {
	body, proof, err := probeBody(secretText, now)
	if err != nil {
		return &unseen{err.Error(), ""}
	}
	status, text, bad := askOutside(ctx, http.MethodPost, address, body)
	if bad != nil {
		return bad
	}
	var answer struct {
		Proof string `json:"proof"`
	}
	known := json.Unmarshal(text, &answer) == nil
	switch {
	case known && subtle.ConstantTimeCompare([]byte(answer.Proof), []byte(proof)) == 1:
		return nil
	case status == http.StatusUnauthorized:
		return &unseen{"the service there has another api_secret", "restart backstop serve with the api_secret of Kite's developer console"}
	case status == http.StatusNotFound && bytes.Contains(text, []byte("postbacks go to")):
		return &unseen{"the service there has another api_key", "restart backstop serve with the api_key of these settings"}
	}
	return notBackstop(status)
}

// askCallback looks whether the login's return reaches the service; nil: it does.
func askCallback(ctx context.Context, address string) *unseen {
	status, text, bad := askOutside(ctx, http.MethodGet, address, nil)
	if bad != nil {
		return bad
	}
	if status == http.StatusBadRequest && bytes.Contains(text, []byte("no login was begun here")) {
		return nil
	}
	return notBackstop(status)
}

func notBackstop(status int) *unseen {
	switch {
	case status/100 == 3:
		return &unseen{fmt.Sprintf("it answers with a redirect (%d), which Kite does not follow", status), "name the address that it leads to, or let the proxy pass the request on"}
	case status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout:
		return &unseen{fmt.Sprintf("the proxy answers %d: it does not reach the service", status), "start backstop serve, and let the proxy pass /postback and /kite/callback to listen"}
	}
	return &unseen{fmt.Sprintf("what answers there is not this Backstop (%d)", status), "let the proxy pass /postback and /kite/callback, with their whole paths, to listen"}
}

// askOutside makes one request and gives the beginning of its answer.
func askOutside(ctx context.Context, method, address string, body []byte) (status int, text []byte, bad *unseen) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return 0, nil, &unseen{"that is no address", "write public_url: https://YOUR.HOST"}
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	reply, err := outsideClient().Do(request)
	if err != nil {
		return 0, nil, unreached(err)
	}
	defer func() { _ = reply.Body.Close() }() // read as far as it counts
	text, err = io.ReadAll(io.LimitReader(reply.Body, 64<<10))
	if err != nil {
		return 0, nil, unreached(err)
	}
	return reply.StatusCode, text, nil
}

// unreached says why nothing answered.
func unreached(err error) *unseen {
	var named *url.Error
	if errors.As(err, &named) {
		err = named.Err
	}
	var dns *net.DNSError
	switch text := err.Error(); {
	case errors.As(err, &dns):
		return &unseen{"the name " + printable(dns.Name) + " leads nowhere", "make its DNS entry, or correct public_url"}
	case strings.Contains(text, "certificate") || strings.Contains(text, "tls:"):
		return &unseen{"its certificate is not good: " + printable(text), "Kite takes a valid certificate alone: let the proxy get one (Caddy does by itself)"}
	case errors.Is(err, context.DeadlineExceeded) || strings.Contains(text, "Timeout"):
		return &unseen{"nothing answers in time", "open port 443 of this machine's firewall and router; some routers don't let a machine reach itself from outside: then try the address from a phone"}
	default:
		return &unseen{"nothing answers there: " + printable(text), "start the proxy, and open port 443 of this machine's firewall and router"}
	}
}
