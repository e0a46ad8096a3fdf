package kite

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"backstop/engine/order"
)

// vector is one file of testdata/updates: a payload of our own making in a shape of docs/kite.md 1.5, 1.6, 2.2,
// 3.4 or 3.5, with what an update shall have of it.
type vector struct {
	name, about, shape string
	want               [][2]string
	raw                []byte
}

func vectors(t testing.TB) []vector {
	t.Helper()
	files, err := filepath.Glob("testdata/updates/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no vectors: ", err)
	}
	var all []vector
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		head, raw, ok := bytes.Cut(data, []byte("\n---\n"))
		if !ok {
			t.Fatalf("%s: no --- between header and payload", file)
		}
		v := vector{name: strings.TrimSuffix(filepath.Base(file), ".txt"), raw: bytes.TrimSuffix(raw, []byte("\n"))}
		for line := range strings.Lines(string(head)) {
			key, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
			switch key {
			case "about":
				v.about = text
			case "shape":
				v.shape = text
			case "expect":
				name, want, _ := strings.Cut(text, "=")
				v.want = append(v.want, [2]string{name, want})
			default:
				t.Fatalf("%s: header %q", file, line)
			}
		}
		all = append(all, v)
	}
	return all
}

var (
	tested = time.Date(2025, 11, 24, 12, 0, 0, 0, order.IST)
	began  = tested.Add(-time.Second)
)

func (v vector) decode() (u order.Update, ok bool, err error) {
	switch v.shape {
	case "postback":
		u, err = DecodePostback(v.raw, tested)
		return u, err == nil, err
	case "frame":
		return DecodeFrame(v.raw, tested)
	default:
		rows, bad, err := DecodeBook(fmt.Appendf(nil, `{"status":"success","data":[%s]}`, v.raw), began, tested)
		if err != nil {
			return u, false, err
		}
		if len(bad) > 0 {
			return u, false, bad[0]
		}
		return rows[0], true, nil
	}
}

func told(u order.Update, name string) string {
	when := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.RFC3339)
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	switch name {
	case "source":
		return string(u.Source)
	case "account":
		return u.Account
	case "app_id":
		return number(u.AppID)
	case "order_id":
		return u.OrderID
	case "exchange_order_id":
		return u.ExchangeOrderID
	case "parent_order_id":
		return u.ParentOrderID
	case "placed_by":
		return u.PlacedBy
	case "guid":
		return u.GUID
	case "status":
		return string(u.Status)
	case "raw_status":
		return u.RawStatus
	case "interim":
		return strconv.FormatBool(u.Interim)
	case "status_message":
		return u.StatusMessage
	case "status_message_raw":
		return u.StatusMessageRaw
	case "order_timestamp":
		return when(u.OrderTimestamp)
	case "exchange_timestamp":
		return when(u.ExchangeTimestamp)
	case "exchange_update_timestamp":
		return when(u.ExchangeUpdateTimestamp)
	case "variety":
		return u.Variety
	case "exchange":
		return u.Exchange
	case "tradingsymbol":
		return u.Tradingsymbol
	case "instrument_token":
		return number(u.InstrumentToken)
	case "order_type":
		return u.OrderType
	case "transaction_type":
		return u.TransactionType
	case "validity":
		return u.Validity
	case "validity_ttl":
		return number(u.ValidityTTL)
	case "product":
		return u.Product
	case "quantity":
		return number(u.Quantity)
	case "disclosed_quantity":
		return number(u.DisclosedQuantity)
	case "filled_quantity":
		return number(u.FilledQuantity)
	case "pending_quantity":
		return number(u.PendingQuantity)
	case "cancelled_quantity":
		return number(u.CancelledQuantity)
	case "price":
		return u.Price.String()
	case "trigger_price":
		return u.TriggerPrice.String()
	case "average_price":
		return u.AveragePrice.String()
	case "market_protection":
		return strconv.FormatFloat(u.MarketProtection, 'f', -1, 64)
	case "tag":
		return u.Tag
	case "tags":
		return strings.Join(u.Tags, " ")
	default:
		return "no field " + name
	}
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			u, ok, err := v.decode()
			switch v.want[0][0] {
			case "error":
				if err == nil || !strings.Contains(err.Error(), v.want[0][1]) {
					t.Fatalf("%s: error %v, want %q in it", v.about, err, v.want[0][1])
				}
				return
			case "none":
				if ok || err != nil {
					t.Fatalf("%s: %v %v, want no order and no error", v.about, ok, err)
				}
				return
			}
			if err != nil || !ok {
				t.Fatalf("%s: %v %v", v.about, ok, err)
			}
			for _, w := range v.want {
				if w[0] == "has_tag" {
					if !u.HasTag(w[1]) {
						t.Errorf("%s: no tag %s", v.about, w[1])
					}
					continue
				}
				want := strings.ReplaceAll(w[1], `\ufffd`, "\ufffd")
				if got := told(u, w[0]); got != want {
					t.Errorf("%s: %s is %q, want %q", v.about, w[0], got, want)
				}
			}
			if !bytes.Equal(u.Raw, v.raw) || !u.Received.Equal(tested) || (v.shape == "row") != u.Began.Equal(began) {
				t.Errorf("raw kept: %v, received %v, began %v", bytes.Equal(u.Raw, v.raw), u.Received, u.Began)
			}
		})
	}
}

// What the dry-run command reads is what the service would have read.
func TestVectorsAreTheSameWhenReplayed(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		if v.want[0][0] == "error" {
			continue
		}
		var got []order.Update
		err := DecodeAny(bytes.NewReader(v.raw), func(u order.Update, err error) error {
			got = append(got, u)
			return err
		})
		if v.want[0][0] == "none" {
			if err != nil || len(got) != 0 {
				t.Errorf("%s: %v %v", v.name, got, err)
			}
			continue
		}
		if err != nil || len(got) != 1 {
			t.Errorf("%s: %d updates, %v", v.name, len(got), err)
			continue
		}
		u, _, _ := v.decode()
		for _, w := range v.want {
			if w[0] != "source" && w[0] != "has_tag" && told(got[0], w[0]) != told(u, w[0]) {
				t.Errorf("%s: replayed %s is %q, not %q", v.name, w[0], told(got[0], w[0]), told(u, w[0]))
			}
		}
		if got[0].Source != order.SourceReplay {
			t.Errorf("%s: source %s", v.name, got[0].Source)
		}
	}
}
