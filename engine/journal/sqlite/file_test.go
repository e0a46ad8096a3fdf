package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/journal/journaltest"
	"backstop/engine/order"
)

func TestFilesAreClosedToOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	folder := filepath.Join(t.TempDir(), "a new", "folder with ?#% and ₹")
	s := open(t, folder)
	if err := s.Commit(t.Context(), journaltest.Typical("AB")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{"": folderMode | fs.ModeDir, FileName: fileMode, FileName + "-wal": fileMode,
		FileName + "-shm": fileMode, lockName: fileMode} {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Error(err)
		} else if info.Mode() != want {
			t.Errorf("%q has the mode %v, want %v", name, info.Mode(), want)
		}
	}
}

func TestAClosedStoreIsOneFileThatReaderAndWriterOpen(t *testing.T) {
	folder := t.TempDir()
	if _, err := OpenReadOnly(t.Context(), folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading where there is nothing: %v", err)
	}
	s := open(t, folder)
	if err := s.Commit(t.Context(), journaltest.Typical("AB")); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, FileName+"-wal")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a WAL is left: %v", err)
	}
	for range 2 {
		reader, err := OpenReadOnly(t.Context(), folder)
		if err != nil {
			t.Fatal(err)
		}
		if rows, _, err := reader.Inputs(t.Context(), journal.Query{}); err != nil || len(rows) != 1 {
			t.Errorf("%d inputs: %v", len(rows), err)
		}
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}
	open(t, folder)
}

func TestEveryConnectionHasTheSettingsOfADurableStore(t *testing.T) {
	s := open(t, t.TempDir())
	if err := readBack(t.Context(), s.writer.tx.conn, writingPragmas(Options{}.orDefault())); err != nil {
		t.Errorf("writer: %v", err)
	}
	if err := readBack(t.Context(), s.writer.upkeep.conn, writingPragmas(Options{}.orDefault())); err != nil {
		t.Errorf("checkpointer: %v", err)
	}
	if _, err := s.readers.ExecContext(t.Context(), "DELETE FROM inputs"); err == nil {
		t.Error("a reading connection writes")
	}
}

func TestASettingThatDoesNotHoldIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), FileName)
	for _, x := range []pragma{
		{"synchronous", "BANANA", "2"}, // SQLite takes it for NORMAL
		{"journal_mode", "MEMORY", "wal"},
		{"busy_timeuot", "5000", ""}, // SQLite takes no notice
	} {
		db, err := openPool(t.Context(), newSource(path, url.Values{}, []pragma{x}), 1)
		if err == nil {
			t.Errorf("%s=%s was taken", x.name, x.value)
			_ = db.Close()
		}
	}
}

func TestASchemaOfAnotherVersionIsRefused(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder)
	setVersion := func(version int) {
		t.Helper()
		task := &task{write: func(t *transaction) error {
			_, err := t.conn.ExecContext(background, "UPDATE "+versionTable+" SET version_id = ? WHERE version_id > 0", version)
			return err
		}}
		if err := s.writer.submit(t.Context(), task); err != nil {
			t.Fatal(err)
		}
	}
	setVersion(schemaVersion + 1)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), folder, Options{}); !errors.Is(err, journal.ErrNewer) {
		t.Errorf("writing a newer store: %v", err)
	}
	if _, err := OpenReadOnly(t.Context(), folder); !errors.Is(err, journal.ErrNewer) {
		t.Errorf("reading a newer store: %v", err)
	}
	empty := filepath.Join(t.TempDir(), FileName)
	if err := makeFile(empty); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(t.Context(), filepath.Dir(empty)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an empty file was read as a store: %v", err)
	}
}

func TestADamagedRowIsNamed(t *testing.T) {
	folder := t.TempDir()
	s := open(t, folder)
	c := &journal.Commit{Account: "AB", Events: []journal.Event{{Account: "AB", ID: "event1"}},
		Actions:  []actions.Action{{Account: "AB", ID: "action1", State: actions.Waiting}},
		Requests: []actions.Request{{Account: "AB", ID: "request1", State: actions.Waiting}}}
	if err := s.Commit(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	damage := func(sql string) {
		t.Helper()
		if err := s.exec(t.Context(), 0, sql); err != nil {
			t.Fatal(err)
		}
	}
	load := func(account string) error { _, err := s.Load(t.Context(), account, ""); return err }
	expect := func(err error, words ...string) {
		t.Helper()
		for _, w := range words {
			if err == nil || !strings.Contains(err.Error(), w) {
				t.Errorf("the error does not name %s: %v", w, err)
			}
		}
	}
	damage(`UPDATE requests SET doc = '{"id": tru'`)
	expect(load("AB"), "requests", "request1", "AB")
	damage(`UPDATE actions SET doc = json_set(doc, '$.id', 'another')`)
	expect(load("AB"), "actions", "action1")
	damage(`UPDATE events SET decisions = 'x'`)
	_, _, err := s.Events(t.Context(), journal.Query{})
	expect(err, "events", "event1")
	if err := s.SaveInstruments(t.Context(), "2026-11-23", func(add func(order.Instrument) error) error { return add(order.Instrument{}) }); err != nil {
		t.Fatal(err)
	}
	damage(`UPDATE instruments SET rows = '[{}'`)
	_, err = s.Instruments(t.Context(), func(order.Instrument) {})
	expect(err, "instruments", "row 1")
}

// plan is how SQLite goes about a query.
func plan(t *testing.T, s *Store, query string, args ...any) string {
	t.Helper()
	rows, err := s.readers.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var a, b, c int
		var step string
		if err := rows.Scan(&a, &b, &c, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return strings.Join(steps, "; ")
}

func TestWhatIsAskedOftenIsNotScannedFor(t *testing.T) {
	s := open(t, t.TempDir())
	for query, indexes := range map[string][]string{
		`SELECT doc FROM inputs WHERE order_id = ? AND order_id <> '' AND seq < ? ORDER BY seq DESC`: {"inputs_order"},
		`SELECT doc FROM events WHERE order_id = ? AND order_id <> '' AND seq < ? ORDER BY seq DESC`: {"events_order"},
		loadOrders:   {"orders_day"},
		loadActions:  {"actions_open"},
		loadRequests: {"requests_open", "requests_day", "PRIMARY KEY"},
		loadDocs:     {"PRIMARY KEY"},
	} {
		have := plan(t, s, query, []any{"x", "x", "x"}[:strings.Count(query, "?")]...)
		for _, index := range indexes {
			if !strings.Contains(have, index) {
				t.Errorf("%s: %s", query, have)
			}
		}
		if strings.Contains(have, "SCAN") {
			t.Errorf("%s: %s", query, have)
		}
	}
}

func TestInstrumentsOfAWholeDayGoBesideCommits(t *testing.T) {
	s := open(t, t.TempDir())
	const rows = 5_000
	save := func(day order.Day) error {
		return s.SaveInstruments(t.Context(), day, func(add func(order.Instrument) error) error {
			for i := range rows {
				if i == rows/2 { // a broker that is slow to send holds no commit back
					if err := s.Commit(context.Background(), journaltest.Numbered("AB", i)); err != nil {
						return err
					}
				}
				if err := add(order.Instrument{Exchange: "NFO", Tradingsymbol: fmt.Sprint("NIFTY26NOV", i, "CE"), Token: int64(i), TickSize: 50_000, LotSize: 75,
					Strike: order.Price(i) * order.Rupee, Type: "CE", Segment: "NFO-OPT", Expiry: "2026-11-24", Name: "NIFTY"}); err != nil {
					return err
				}
			}
			return nil
		})
	}
	for _, day := range []order.Day{"2026-11-20", "2026-11-23"} {
		if err := save(day); err != nil {
			t.Fatal(err)
		}
		n := 0
		have, err := s.Instruments(t.Context(), func(i order.Instrument) {
			if i.Token != int64(n) {
				t.Fatalf("instrument %d is %+v", n, i)
			}
			n++
		})
		if err != nil || have != day || n != rows {
			t.Errorf("%d instruments of %s: %v", n, have, err)
		}
	}
	var lists int
	if err := s.readers.QueryRowContext(t.Context(), "SELECT count(DISTINCT list) FROM instruments").Scan(&lists); err != nil || lists != 1 {
		t.Errorf("%d lists are kept: %v", lists, err)
	}
}
