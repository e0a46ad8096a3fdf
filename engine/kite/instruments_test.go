package kite

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"backstop/actions"
	"backstop/engine/order"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

const instrumentHeader = "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange\n"

func TestInstruments(t *testing.T) {
	t.Parallel()
	in := "\xef\xbb\xbf" + instrumentHeader +
		"779521,3045,SBIN,STATE BANK OF INDIA,0.0,,0.0,0.05,1,EQ,NSE,NSE\r\n" +
		"14626050,57133,NIFTY25NOV26000CE,NIFTY,0,2025-11-27,26000,0.05,75,CE,NFO-OPT,NFO\n" +
		`519937,2031,M&M,"MAHINDRA, ""M&M"" LTD",0,,0,0.10,1,EQ,NSE,NSE` + "\n" +
		"256265,1001,NIFTY 50,NIFTY 50,0,,0,0,0,EQ,INDICES,NSE\n" +
		"1,1,USDINR25NOVFUT,USDINR,0,2025-11-26,0,0.0025,1,FUT,CDS-FUT,CDS"
	want := []order.Instrument{
		{Exchange: "NSE", Tradingsymbol: "SBIN", Token: 779521, Name: "STATE BANK OF INDIA", TickSize: 50_000, LotSize: 1, Type: "EQ", Segment: "NSE"},
		{Exchange: "NFO", Tradingsymbol: "NIFTY25NOV26000CE", Token: 14626050, Name: "NIFTY", Expiry: "2025-11-27", Strike: 26000 * order.Rupee, TickSize: 50_000, LotSize: 75, Type: "CE", Segment: "NFO-OPT"},
		{Exchange: "NSE", Tradingsymbol: "M&M", Token: 519937, Name: `MAHINDRA, "M&M" LTD`, TickSize: 100_000, LotSize: 1, Type: "EQ", Segment: "NSE"},
		{Exchange: "NSE", Tradingsymbol: "NIFTY 50", Token: 256265, Name: "NIFTY 50", Type: "EQ", Segment: "INDICES"},
		{Exchange: "CDS", Tradingsymbol: "USDINR25NOVFUT", Token: 1, Name: "USDINR", Expiry: "2025-11-26", TickSize: 2_500, LotSize: 1, Type: "FUT", Segment: "CDS-FUT"},
	}
	for _, r := range []io.Reader{strings.NewReader(in), iotest.OneByteReader(strings.NewReader(in))} {
		var got []order.Instrument
		rows, err := DecodeInstruments(r, func(i order.Instrument) error { got = append(got, i); return nil })
		if err != nil || rows != (InstrumentRows{Read: len(want)}) || len(got) != len(want) {
			t.Fatal(got, rows, err)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("%+v\nwant %+v", got[i], want[i])
			}
		}
	}
}

// The list is read by its header, and a bad row costs itself alone (the documentation's own sample has a row
// that lacks a column, docs/kite.md 7.1).
func TestInstrumentRowsThatCantBeRead(t *testing.T) {
	t.Parallel()
	good := "NSE,SBIN,0.05,1,779521\n"
	in := "exchange,tradingsymbol,tick_size,lot_size,instrument_token,extra\n" + good +
		"NSE,TCS,0.05,1\n" + "NSE,TCS,x,1,7\n" + "NSE,TCS,0.05,many,7\n" + "NSE,TCS,0.05,1,token\n" + "NSE,,0.05,1,7\n" +
		"NSE,TCS,-0.05,1,7\n" + "NSE,TCS,1e999,1,7\n" + "NSE,TCS,0.05,-1,7\n" + "NSE,TCS,0.05,1,-7\n" + "\n" +
		`NSE,"TCS,0.05,1,7` + "\n" + strings.Repeat("x", 3*instrumentsLine) + "\n" + good
	n := 0
	rows, err := DecodeInstruments(strings.NewReader(in), func(i order.Instrument) error {
		if n++; i.Tradingsymbol != "SBIN" {
			t.Error(i)
		}
		return nil
	})
	if err != nil || n != 2 || rows.Read != 2 || rows.Skipped != 12 || rows.First == nil || rows.First.Error() != "line 3: too few columns" {
		t.Error(n, rows, err)
	}
	for _, in := range []string{"", "<html>", "instrument_token,tradingsymbol\n1,2\n", "\n" + instrumentHeader} {
		if _, err := DecodeInstruments(strings.NewReader(in), nil); err == nil {
			t.Errorf("%q: no error", in)
		}
	}
	stop := errors.New("enough")
	if _, err := DecodeInstruments(strings.NewReader(instrumentHeader+"7,1,A,,0,,0,1,1,EQ,NSE,NSE\n"), func(order.Instrument) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	broken := errors.New("wire")
	if _, err := DecodeInstruments(io.MultiReader(strings.NewReader(instrumentHeader), iotest.ErrReader(broken)), nil); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestClientInstruments(t *testing.T) {
	t.Parallel()
	list := instrumentHeader + "779521,3045,SBIN,STATE BANK OF INDIA,0.0,,0.0,0.05,1,EQ,NSE,NSE\n"
	zipped := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept-Encoding") != "gzip" {
			t.Error("not asked for gzip")
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, list)
		_ = z.Close()
	}
	for name, k := range map[string]struct {
		h    http.HandlerFunc
		want actions.Class
	}{
		"plain":   {says(200, list), ""},
		"gzip":    {zipped, ""},
		"empty":   {says(200, instrumentHeader), actions.ClassOther},
		"HTML":    {says(200, "<html>"), actions.ClassOther},
		"session": {failure(403, "TokenException", "Token is invalid or has expired."), actions.ClassSession},
		"502":     {says(502, "<html>"), actions.ClassDown},
		"429":     {failure(429, "NetworkException", "Too many requests"), actions.ClassBusy},
		"304":     {says(304, ""), actions.ClassDown},
		"broken": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000")
			_, _ = io.WriteString(w, list)
		}, actions.ClassDown},
		"gzip cut short": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			whole := compressed(t, instrumentList(1000))
			_, _ = w.Write(whole[:len(whole)/2])
		}, actions.ClassDown},
		"a gzip file":           {says(200, string(compressed(t, list))), ""},
		"a gzip file cut short": {says(200, string(compressed(t, instrumentList(1000))[:2000])), actions.ClassDown},
		"redirect":              {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/x", 302) }, actions.ClassDown},
	} {
		s, c := serve(t, k.h)
		n := 0
		err := c.Instruments(t.Context(), func(order.Instrument) error { n++; return nil })
		if classOf(t, err) != k.want || k.want == "" && n != 1 {
			t.Errorf("%s: %d rows, %v", name, n, err)
		}
		got := s.requests()
		if len(got) != 1 || got[0].path != "/instruments" || got[0].header.Get("Authorization") == "" || got[0].header.Get("X-Kite-Version") != "3" {
			t.Error(got)
		}
	}
	_, c := serve(t, says(200, list))
	stop := errors.New("enough")
	if err := c.Instruments(t.Context(), func(order.Instrument) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

func compressed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAListBeyondItsBoundIsNoWholeOne(t *testing.T) {
	t.Parallel()
	list := instrumentList(1000)
	_, err := DecodeInstruments(&atMost{r: strings.NewReader(list), left: int64(len(list) / 2)}, func(order.Instrument) error { return nil })
	if !errors.Is(err, errTooLong) {
		t.Error(err)
	}
}

func instrumentList(n int) string {
	var b strings.Builder
	b.WriteString(instrumentHeader)
	for i := range n {
		fmt.Fprintf(&b, "%d,%d,NIFTY25NOV%dCE,NIFTY,0,2025-11-27,%d,0.05,75,CE,NFO-OPT,NFO\n", 256+i*256, i+1, i, 10000+i)
	}
	return b.String()
}

func BenchmarkDecodeInstruments100k(b *testing.B) {
	list := instrumentList(100_000)
	b.SetBytes(int64(len(list)))
	b.ReportAllocs()
	for b.Loop() {
		rows, err := DecodeInstruments(strings.NewReader(list), func(order.Instrument) error { return nil })
		if err != nil || rows.Read != 100_000 {
			b.Fatal(rows, err)
		}
	}
}
