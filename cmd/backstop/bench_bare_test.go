//go:build unix

package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync"
	"testing"

	kiteconnect "github.com/zerodha/gokiteconnect/v4"
	_ "modernc.org/sqlite"

	"backstop/engine/kite"
)

// bareChecksum only reads the body and checks the checksum.
func bareChecksum() (url string, stop func()) {
	return bare(func([]byte) error { return nil })
}

// bareGroup makes bodies durable, all that wait in one transaction, and then calls then, where there is one.
func bareGroup(b *testing.B, then func(body []byte)) (url string, stop func()) {
	db := bareStore(b)
	type entry struct {
		body []byte
		done chan error
	}
	waiting := make(chan entry, 1024)
	ctx, cancel := context.WithCancel(context.Background())
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			var group []entry
			select {
			case e := <-waiting:
				group = append(group, e)
			case <-ctx.Done():
				return
			}
			for more := true; more && len(group) < 256; {
				select {
				case e := <-waiting:
					group = append(group, e)
				default:
					more = false
				}
			}
			bodies := make([][]byte, len(group))
			for i, e := range group {
				bodies[i] = e.body
			}
			err := insert(db, bodies)
			for _, e := range group {
				e.done <- err
			}
		}
	})
	url, closeServer := bare(func(body []byte) error {
		e := entry{body, make(chan error, 1)}
		waiting <- e
		err := <-e.done
		if err == nil && then != nil {
			go then(body)
		}
		return err
	})
	return url, func() { closeServer(); cancel(); writer.Wait(); _ = db.Close() }
}

// bareSync makes each body durable in a transaction of its own.
func bareSync(b *testing.B) (url string, stop func()) {
	db := bareStore(b)
	url, closeServer := bare(func(body []byte) error { return insert(db, [][]byte{body}) })
	return url, func() { closeServer(); _ = db.Close() }
}

func bare(keep func(body []byte) error) (url string, stop func()) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			_, err = kite.Verify(body, benchSecret)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnauthorized)
			return
		}
		if err := keep(body); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{"status":"success"}`)
	}))
	return s.URL, s.Close
}

func bareStore(b *testing.B) *sql.DB {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.TempDir(), "bare.db")+"?_txlock=immediate&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		b.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE TABLE bodies (seq INTEGER PRIMARY KEY, body BLOB)"); err != nil {
		b.Fatal(err)
	}
	return db
}

func insert(db *sql.DB, bodies [][]byte) error {
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	st, err := tx.Prepare("INSERT INTO bodies (body) VALUES (?)")
	if err != nil {
		return err
	}
	for _, body := range bodies {
		if _, err := st.Exec(body); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// stopAtOnce orders a stop behind a fill as a plain script does.
func stopAtOnce(b *testing.B, broker string) func(body []byte) {
	client := kiteconnect.New(benchKey)
	client.SetAccessToken(benchToken)
	client.SetBaseURI(broker)
	return func(body []byte) {
		var fill struct {
			Exchange, Tradingsymbol, Product, Status string
			FilledQuantity                           int     `json:"filled_quantity"`
			AveragePrice                             float64 `json:"average_price"`
		}
		if err := json.Unmarshal(body, &fill); err != nil || fill.Status != "COMPLETE" {
			return
		}
		trigger := float64(int(fill.AveragePrice*0.8*20)) / 20
		if _, err := client.PlaceOrder("regular", kiteconnect.OrderParams{Exchange: fill.Exchange, Tradingsymbol: fill.Tradingsymbol, Product: fill.Product,
			TransactionType: "SELL", Quantity: fill.FilledQuantity, OrderType: "SL", TriggerPrice: trigger, Price: trigger - 1, Validity: "DAY"}); err != nil {
			b.Error(err)
		}
	}
}
