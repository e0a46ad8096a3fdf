package order

import (
	"encoding/json"
	"math"
	"testing"
)

func TestPriceIsReadToSixDecimals(t *testing.T) {
	for _, c := range []struct {
		text string
		want Price
	}{
		{"0", 0}, {"96", 96 * Rupee}, {"96.05", 96_050_000}, {"0.0025", 2_500}, {"-1.5", -1_500_000}, {"0.1234565", 123_457},
		{"470", 470 * Rupee}, {"1e3", 1000 * Rupee}, {"119.9500001", 119_950_000}, {"1234567.89", 1_234_567_890_000},
	} {
		if p, err := ParsePrice(c.text); err != nil || p != c.want {
			t.Errorf("%s is %d, %v, want %d", c.text, p, err, c.want)
		}
	}
	for _, bad := range []string{"", "x", "NaN", "Inf", "-Inf", "1e30", "1,000", "0x"} {
		if p, err := ParsePrice(bad); err == nil || p != 0 {
			t.Errorf("%q is %v", bad, p)
		}
	}
}

func TestPriceOfAFloatIsTheDecimalMeant(t *testing.T) {
	tenth, fifth := 0.1, 0.2
	if p, ok := PriceOf(tenth + fifth); !ok || p != rupees(0.3) || p.String() != "0.3" {
		t.Errorf("0.1 + 0.2 is %v", p)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e13, -1e13} {
		if p, ok := PriceOf(bad); ok || p != 0 {
			t.Errorf("%v is %v", bad, p)
		}
	}
}

func TestPriceIsWrittenInItsShortestForm(t *testing.T) {
	for want, p := range map[string]Price{"0": 0, "96": 96 * Rupee, "96.05": 96_050_000, "0.0025": 2_500, "-0.5": -500_000,
		"0.000001": 1, "-9223372036854.775808": math.MinInt64, "9223372036854.775807": math.MaxInt64} {
		if got := p.String(); got != want {
			t.Errorf("%d is written %s, want %s", p, got, want)
		}
	}
}

func TestPriceInJSON(t *testing.T) {
	var v struct {
		A, B, C Price
		D       Price `json:"d,omitempty"`
	}
	if err := json.Unmarshal([]byte(`{"A":96.05,"B":null,"C":"12.5"}`), &v); err != nil || v.A != rupees(96.05) || v.B != 0 || v.C != rupees(12.5) {
		t.Errorf("%+v, %v", v, err)
	}
	if doc, err := json.Marshal(v); err != nil || string(doc) != `{"A":96.05,"B":0,"C":12.5}` {
		t.Errorf("%s, %v", doc, err)
	}
	for _, bad := range []string{`{"A":"x"}`, `{"A":true}`, `{"A":1e99}`} {
		if err := json.Unmarshal([]byte(bad), &v); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}

func TestPriceRound(t *testing.T) {
	for _, c := range []struct {
		price, tick       float64
		nearest, up, down float64
	}{
		{96.02, 0.05, 96, 96.05, 96},
		{96.03, 0.05, 96.05, 96.05, 96},
		{96.025, 0.05, 96.05, 96.05, 96}, // half goes up
		{96.05, 0.05, 96.05, 96.05, 96.05},
		{83.0013, 0.0025, 83.0025, 83.0025, 83},
		{83.0012, 0.0025, 83.0025 - 0.0025, 83.0025, 83},
		{83.0025, 0.0025, 83.0025, 83.0025, 83.0025},
		{71999.5, 1, 72000, 72000, 71999},
		{71999, 1, 71999, 71999, 71999},
		{-96.02, 0.05, -96, -96, -96.05},
		{-96.03, 0.05, -96.05, -96, -96.05},
		{-96.025, 0.05, -96, -96, -96.05},
		{0.01, 0.05, 0, 0.05, 0},
		{0.1 + 0.2, 0.05, 0.3, 0.3, 0.3},
	} {
		p, tick := rupees(c.price), rupees(c.tick)
		if n, u, d := p.Round(tick, Nearest), p.Round(tick, Up), p.Round(tick, Down); n != rupees(c.nearest) || u != rupees(c.up) || d != rupees(c.down) {
			t.Errorf("%v on %v: nearest %v, up %v, down %v", p, tick, n, u, d)
		}
	}
	for _, tick := range []Price{0, -50_000} {
		if p := rupees(96.02); p.Round(tick, Up) != p {
			t.Errorf("a tick of %v moves a price", tick)
		}
	}
}
