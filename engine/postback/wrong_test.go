package postback

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"backstop/engine/order"
)

// from posts a body from an address.
func from(r http.Handler, remote, body string, forwarded ...string) *httptest.ResponseRecorder {
	q := httptest.NewRequest(http.MethodPost, "/postback/k", strings.NewReader(body))
	q.RemoteAddr = remote
	for _, f := range forwarded {
		q.Header.Add("X-Forwarded-For", f)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, q)
	return w
}

func TestARightChecksumAlwaysPasses(t *testing.T) {
	t.Parallel()
	clock := time.Date(2026, 11, 23, 10, 0, 0, 0, order.IST)
	submitted := 0
	r := receiver(t, Options{Now: func() time.Time { return clock }, Submit: func(context.Context, string, order.Update) (string, error) {
		submitted++
		return "", nil
	}})
	const flooder = "203.0.113.7:1000"
	for i := range 50 {
		want, kind := http.StatusUnauthorized, tokenException
		if i >= 20 {
			want, kind = http.StatusTooManyRequests, networkException
		}
		w := from(r, flooder, "wrong")
		wantEnvelope(t, fmt.Sprint("wrong ", i), w.Code, w.Header(), w.Body.Bytes(), want, kind)
		if got := w.Header().Get("Retry-After"); (got != "") != (i >= 20) {
			t.Errorf("wrong %d: Retry-After %q", i, got)
		}
		if w := from(r, flooder, "{}"); w.Code != http.StatusOK {
			t.Errorf("right %d: %d", i, w.Code)
		}
		if w := from(r, flooder, "bad"); w.Code != http.StatusBadRequest {
			t.Errorf("malformed %d: %d", i, w.Code)
		}
	}
	if submitted != 50 {
		t.Errorf("%d submitted", submitted)
	}
	if w := from(r, "203.0.113.8:1000", "wrong"); w.Code != http.StatusUnauthorized {
		t.Errorf("a neighbour: %d", w.Code)
	}
	clock = clock.Add(wrongWindow - 1)
	if w := from(r, flooder, "wrong"); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "1" {
		t.Errorf("just before the window ends: %d, Retry-After %s", w.Code, w.Header().Get("Retry-After"))
	}
	clock = clock.Add(1)
	if w := from(r, flooder, "wrong"); w.Code != http.StatusUnauthorized {
		t.Errorf("after the window: %d", w.Code)
	}
}

func TestWrongOnesCountByNetwork(t *testing.T) {
	t.Parallel()
	proxies, err := ParseProxies([]string{"127.0.0.1", " 10.0.0.0/8 ", "::1", "2001:db8:1::/48"})
	if err != nil {
		t.Fatal(err)
	}
	type sent struct {
		remote    string
		forwarded []string
	}
	for _, c := range []struct {
		name        string
		first, then sent
		same        bool
	}{
		{"another port", sent{"203.0.113.7:1", nil}, sent{"203.0.113.7:2", nil}, true},
		{"another address", sent{"203.0.113.7:1", nil}, sent{"203.0.113.8:1", nil}, false},
		{"one /64", sent{"[2001:db8::1]:1", nil}, sent{"[2001:db8::ffff:ffff:ffff:ffff]:1", nil}, true},
		{"another /64", sent{"[2001:db8::1]:1", nil}, sent{"[2001:db8:0:1::1]:1", nil}, false},
		{"IPv4 within IPv6", sent{"203.0.113.7:1", nil}, sent{"[::ffff:203.0.113.7]:1", nil}, true},
		{"zone", sent{"[fe80::1%eth0]:1", nil}, sent{"[fe80::2%eth1]:1", nil}, true},
		{"a stranger's X-Forwarded-For", sent{"203.0.113.7:1", []string{"1.1.1.1"}}, sent{"203.0.113.7:1", []string{"2.2.2.2"}}, true},
		{"a proxy's", sent{"127.0.0.1:1", []string{"1.1.1.1"}}, sent{"127.0.0.1:1", []string{"2.2.2.2"}}, false},
		{"through either proxy", sent{"127.0.0.1:1", []string{"1.1.1.1"}}, sent{"[::1]:1", []string{"1.1.1.1"}}, true},
		{"left of a stranger", sent{"127.0.0.1:1", []string{"8.8.8.8, 1.1.1.1"}}, sent{"127.0.0.1:1", []string{"9.9.9.9,1.1.1.1"}}, true},
		{"a chain", sent{"127.0.0.1:1", []string{"8.8.8.8, 1.1.1.1, 10.1.1.1"}}, sent{"127.0.0.1:1", []string{"1.1.1.1, [2001:db8:1::5]:443 , 10.1.1.1"}}, true},
		{"two lines", sent{"127.0.0.1:1", []string{"8.8.8.8", "1.1.1.1"}}, sent{"127.0.0.1:1", []string{"1.1.1.1"}}, true},
		{"with a port", sent{"127.0.0.1:1", []string{"1.1.1.1:99"}}, sent{"127.0.0.1:1", []string{"1.1.1.1"}}, true},
		{"rubbish", sent{"127.0.0.1:1", []string{"1.1.1.1, unknown"}}, sent{"127.0.0.1:1", []string{"2.2.2.2, "}}, true},
		{"nothing", sent{"127.0.0.1:1", nil}, sent{"127.0.0.1:2", nil}, true},
		{"all proxies", sent{"127.0.0.1:1", []string{"10.1.1.1, 10.2.2.2"}}, sent{"127.0.0.1:1", []string{"10.1.1.1"}}, true},
		{"a Unix socket", sent{"@", nil}, sent{"", nil}, true},
		{"endless", sent{"127.0.0.1:1", []string{strings.Repeat("10.1.1.1,", 5000) + "10.1.1.1"}}, sent{"127.0.0.1:1", []string{"10.1.1.1"}}, true},
	} {
		r := receiver(t, Options{TrustedProxies: proxies})
		for range wrongMax {
			from(r, c.first.remote, "wrong", c.first.forwarded...)
		}
		if got := from(r, c.then.remote, "wrong", c.then.forwarded...).Code == http.StatusTooManyRequests; got != c.same {
			t.Errorf("%s: one sender: %v", c.name, got)
		}
	}
	for _, s := range []string{"", "10.0.0.0/33", "proxy.example", "fe80::1%eth0"} {
		if _, err := ParseProxies([]string{s}); err == nil {
			t.Errorf("%q is taken for a proxy", s)
		}
	}
}

// The table against the plainest list of times there can be.
func TestTheTableLimitsAsAPlainListWould(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		table, list := newWrongTable(), map[netip.Addr][]time.Time{}
		now := time.Unix(1_800_000_000, 0)
		for range rapid.IntRange(1, 300).Draw(t, "wrong ones") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 100, 3000, 3100, 30_000, 60_000, 61_000}).Draw(t, "ms")) * time.Millisecond)
			a := netip.AddrFrom4([4]byte{1, 1, 1, byte(rapid.IntRange(1, 3).Draw(t, "address"))})
			within := 0
			for _, then := range list[a] {
				if now.Sub(then) < wrongWindow {
					within++
				}
			}
			list[a] = append(list[a], now)
			wait, limited := table.add(a, now)
			if limited != (within >= wrongMax) {
				t.Fatalf("limited %v with %d before it", limited, within)
			}
			if limited && (wait <= 0 || wait > wrongWindow) {
				t.Fatalf("wait %s", wait)
			}
		}
	})
}

func TestTheTableDoesNotGrowForEver(t *testing.T) {
	t.Parallel()
	table, now := newWrongTable(), time.Unix(1_800_000_000, 0)
	for i := range 10 * tableMax {
		table.add(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), now)
		if n := len(table.newer) + len(table.older); n > 2*tableMax {
			t.Fatalf("%d addresses", n)
		}
	}
	if n := len(table.newer) + len(table.older); n < tableMax {
		t.Errorf("%d addresses kept", n)
	}
	table.add(netip.AddrFrom4([4]byte{1, 1, 1, 1}), now.Add(wrongWindow))
	table.add(netip.AddrFrom4([4]byte{1, 1, 1, 2}), now.Add(2*wrongWindow))
	if n := len(table.newer) + len(table.older); n > 2 {
		t.Errorf("%d addresses after two windows", n)
	}
}

func TestAFloodHoldsBackNoGenuineOne(t *testing.T) {
	t.Parallel()
	r := receiver(t, Options{})
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 200 {
				body, want := "wrong", 0
				if i%2 == 0 {
					body, want = "{}", http.StatusOK
				}
				if w := from(r, fmt.Sprintf("203.0.113.%d:1", g%2), body); want != 0 && w.Code != want {
					t.Errorf("%d", w.Code)
				}
			}
		})
	}
	all.Wait()
}
