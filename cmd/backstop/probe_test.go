package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"backstop/engine/order"
	"backstop/engine/postback"
)

func TestAProbeIsRecognisedAndGivenToNobody(t *testing.T) {
	t.Parallel()
	a := account{user: "AB1234", apiKey: "key", apiSecret: secretOf("secret")}
	receiver, err := postback.New(postback.Options{Doors: doors([]account{a}), Submit: func(_ context.Context, _ string, u order.Update) (string, error) {
		t.Errorf("it was decided: %+v", u)
		return "", nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	service := httptest.NewServer(receiver)
	defer service.Close()
	if why := sendProbe(t.Context(), service.URL+"/postback/key", "secret", time.Now()); why != nil {
		t.Error(why)
	}
	if why := sendProbe(t.Context(), service.URL+"/postback", "secret", time.Now()); why != nil {
		t.Error(why)
	}
	if why := askCallback(t.Context(), service.URL+"/kite/callback"); why != nil {
		t.Error(why)
	}

	// Whoever answers without the secret's proof is not the service, whatever else it says.
	answers := func(status int, body string, head ...string) string {
		return httptestURL(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			for i := 0; i+1 < len(head); i += 2 {
				w.Header().Set(head[i], head[i+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}))
	}
	body, proof, err := probeBody("another", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	var sent map[string]string
	if err := json.Unmarshal(body, &sent); err != nil || !strings.HasPrefix(sent["order_id"], probePrefix) {
		t.Fatal(sent, err)
	}
	tls := httptest.NewTLSServer(receiver)
	defer tls.Close()
	for name, c := range map[string]struct{ address, secretText, want string }{
		"another secret":   {service.URL + "/postback/key", "another", "has another api_secret"},
		"another key":      {service.URL + "/postback/other", "secret", "has another api_key"},
		"a success alone":  {answers(200, `{"status":"success"}`), "secret", "not this Backstop (200)"},
		"an older proof":   {answers(200, `{"status":"success","proof":"`+proof+`"}`), "secret", "not this Backstop (200)"},
		"an empty proof":   {answers(200, `{"status":"success","proof":""}`), "secret", "not this Backstop (200)"},
		"a page":           {answers(200, "<html>"), "secret", "not this Backstop (200)"},
		"a redirect":       {answers(301, "", "Location", service.URL+"/postback/key"), "secret", "a redirect (301), which Kite does not follow"},
		"a proxy alone":    {answers(502, "Bad Gateway"), "secret", "the proxy answers 502"},
		"nobody":           {"http://127.0.0.1:1", "secret", "nothing answers there"},
		"a strange issuer": {tls.URL + "/postback/key", "secret", "its certificate is not good"},
	} {
		why := sendProbe(t.Context(), c.address, c.secretText, time.Now())
		if why == nil || !strings.Contains(why.text, c.want) || why.fix == "" || strings.Contains(why.text+why.fix, c.secretText+`"`) {
			t.Errorf("%s: %+v, not %q", name, why, c.want)
		}
	}
}

func TestKiteReachesPublicAddressesAndPort443Alone(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://desk.example.com": "", "https://desk.example.com:443": "", "https://203.0.113.7": "",
		"http://127.0.0.1:8787": "can't reach", "https://localhost": "can't reach", "https://192.168.1.5": "can't reach", "https://10.0.0.1:8443": "can't reach",
		"https://desk.example.com:8443": "443 alone",
	} {
		d := &doctor{settings: &settings{values: map[string]value{"public_url": {text: address}}}, accounts: []account{{user: "AB1234", baseURL: kiteBaseURL}}}
		f := d.unreachable()
		if (f == nil) != (want == "") || f != nil && (!strings.Contains(f.Text, want) || f.State != stateFinding) {
			t.Errorf("%s: %+v", address, f)
		}
		d.accounts[0].baseURL = "http://127.0.0.1:8790"
		if f := d.unreachable(); f != nil {
			t.Errorf("%s on paper: %+v", address, f)
		}
	}
}

func httptestURL(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}
