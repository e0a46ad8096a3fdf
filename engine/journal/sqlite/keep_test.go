package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pressly/goose/v3"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/journal/journaltest"
	"backstop/engine/order"
)

// small is a store with two commits of rows in every table.
func small(t *testing.T, folder string) *Store {
	t.Helper()
	s := open(t, folder)
	for n := range 2 {
		c := journaltest.Numbered("AB", n)
		c.At = c.Inputs[0].At
		c.Actions = []actions.Action{{ID: fmt.Sprint("action", n), Account: "AB", State: actions.Done}}
		c.Requests = []actions.Request{{ID: fmt.Sprint("request", n), Account: "AB", State: actions.Done}}
		if err := s.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.SaveInstruments(t.Context(), "2026-11-23", func(add func(order.Instrument) error) error {
		return add(order.Instrument{Exchange: "NSE", Tradingsymbol: "INFY"})
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestVerifyNamesEveryRowThatIsChangedOrMissing(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		sql  string
		want []string // what table id account seq
	}{
		{`UPDATE inputs SET status = 'REJECTED' WHERE seq = 2`, []string{"changed inputs 2 AB 2"}},
		{`UPDATE inputs SET doc = NULL WHERE seq = 1`, []string{"changed inputs 1 AB 1"}},
		{`DELETE FROM inputs WHERE seq = 1`, []string{"missing inputs 1 AB 1"}},
		{`DELETE FROM inputs WHERE seq = 2`, []string{"missing inputs 2 AB 2"}},
		{`UPDATE inputs SET seq = 7 WHERE seq = 2`, []string{"unknown inputs 7 AB 7", "missing inputs 2 AB 2"}},
		{`UPDATE events SET kind = 'flat' WHERE seq = 1`, []string{"changed events EVENT0 AB 1"}},
		{`DELETE FROM events WHERE seq = 1`, []string{"missing events EVENT0 AB 0"}},
		{`UPDATE orders SET account = 'CD' WHERE place = 1`, []string{"changed orders 261123000000000 CD 1", "missing orders 261123000000000 AB 0"}},
		{`DELETE FROM orders WHERE place = 1`, []string{"missing orders 261123000000000 AB 0"}},
		{`UPDATE actions SET final = 0 WHERE place = 2`, []string{"changed actions action1 AB 2"}},
		{`DELETE FROM actions`, []string{"missing actions action0 AB 0", "missing actions action1 AB 0"}},
		{`UPDATE requests SET doc = replace(doc, 'done', 'sent')`, []string{"changed requests request0 AB 1", "changed requests request1 AB 2"}},
		{`DELETE FROM requests WHERE place = 2`, []string{"missing requests request1 AB 0"}},
		{`UPDATE docs SET body = x'00' WHERE kind = 'account'`, []string{"changed docs account AB AB 0"}},
		{`DELETE FROM docs WHERE kind = 'account'`, []string{"missing docs account AB AB 0"}},
		// A row with the checksum of an older content of it, as a lost write leaves it.
		{`UPDATE docs SET body = (SELECT body FROM docs WHERE kind = 'slot' LIMIT 1), sum = 12345 WHERE kind = 'account'`, []string{"changed docs account AB AB 0"}},
		{`UPDATE orders SET step = 2 WHERE place = 1`, []string{"changed orders 261123000000000 AB 1"}},
		{`INSERT INTO docs (account, kind, id, body, step, sum) SELECT account, kind, 'another', body, step, sum FROM docs LIMIT 1`,
			[]string{"changed docs account another AB 0"}},
		{`UPDATE steps SET risk = 99 WHERE seq = 1`, []string{"changed steps 1 AB 1"}},
		{`DELETE FROM steps WHERE seq = 1`, []string{"missing steps   1", "unknown inputs 1 AB 1", "unknown events EVENT0 AB 1", "unknown orders 261123000000000 AB 1",
			"unknown actions action0 AB 1", "unknown requests request0 AB 1", "unknown docs slot 261123000000000 AB 0"}},
		{`DELETE FROM instruments`, []string{"missing instruments   0"}},
		{`UPDATE instruments SET rows = '[]'`, []string{"changed instruments 1  1"}},
	} {
		t.Run(x.sql, func(t *testing.T) {
			t.Parallel()
			s := small(t, t.TempDir())
			if found, _ := journaltest.Verify(t, s); len(found) != 0 {
				t.Fatalf("whole: %+v", found)
			}
			if err := s.exec(t.Context(), 0, x.sql); err != nil {
				t.Fatal(err)
			}
			want := slices.Clone(x.want)
			for i := range want {
				for n, id := range []string{actions.ID("AB", "261123000000000", "fill"), actions.ID("AB", "261123000000001", "fill")} {
					want[i] = strings.ReplaceAll(want[i], fmt.Sprint("EVENT", n), id)
				}
			}
			found, _ := journaltest.Verify(t, s)
			var have []string
			for _, f := range found {
				have = append(have, fmt.Sprintf("%s %s %s %s %d", f.What, f.Table, f.ID, f.Account, f.Seq))
			}
			if !slices.Equal(have, want) {
				t.Errorf("found:\n%s\nwant:\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

func TestADamagedFileIsFoundAtTheStartOrByVerify(t *testing.T) {
	t.Parallel()
	whole := t.TempDir()
	s := small(t, whole)
	for n := range 300 {
		if err := s.Commit(t.Context(), journaltest.Numbered("AB", 10+n)); err != nil {
			t.Fatal(err)
		}
	}
	export := journaltest.Export(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(whole, FileName))
	if err != nil {
		t.Fatal(err)
	}
	lockFile, err := os.ReadFile(filepath.Join(whole, lockName))
	if err != nil {
		t.Fatal(err)
	}
	damaged := func(change func([]byte) []byte) (folder string) {
		folder = t.TempDir()
		for name, text := range map[string][]byte{FileName: change(slices.Clone(content)), lockName: lockFile} {
			if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return folder
	}
	for name, change := range map[string]func([]byte) []byte{
		"truncated":            func(b []byte) []byte { return b[:len(b)/2] },
		"truncated in a page":  func(b []byte) []byte { return b[:len(b)-1000] },
		"empty":                func([]byte) []byte { return nil },
		"not a database":       func(b []byte) []byte { return []byte(strings.Repeat("no journal at all\n", 1000)) },
		"its head overwritten": func(b []byte) []byte { copy(b, make([]byte, 200)); return b },
	} {
		s, err := Open(t.Context(), damaged(change), Options{})
		if err == nil {
			_, err = s.Load(t.Context(), "AB", "")
			err = errors.Join(err, s.Close())
		}
		if !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Bytes that flip anywhere in a page that is used.
	for at := 4096; at+16 < len(content); at += 9*4096 + 777 {
		folder := damaged(func(b []byte) []byte {
			for i := range 16 {
				b[at+i] ^= 0x55
			}
			return b
		})
		s, err := Open(t.Context(), folder, Options{})
		if errors.Is(err, journal.ErrDamaged) {
			continue
		} else if err != nil {
			t.Fatalf("flipped at %d: %v", at, err)
		}
		n := 0
		if _, err := journal.Verify(t.Context(), s, func(journal.Finding) { n++ }); err == nil && n == 0 && journaltest.Export(t, s) != export {
			t.Errorf("flipped at %d of %d: nothing is found, and rows differ", at, len(content))
		}
		if err := s.Close(); err != nil && !errors.Is(told(err), journal.ErrDamaged) {
			t.Error(err)
		}
	}
}

func TestAStoreOfVersion1IsBroughtUpToDate(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := filepath.Join(folder, FileName)
	db, err := sql.Open("sqlite", writingDSN(path, Options{}.orDefault()).dsn)
	if err != nil {
		t.Fatal(err)
	}
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, files, goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.UpTo(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	insert := func(r journal.Row) {
		t.Helper()
		rows++
		names, values := []string{}, r.Values
		for _, c := range r.Table.Columns() {
			names = append(names, c.Name)
		}
		if _, err := tx.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", r.Table, strings.Join(names, ", "),
			strings.TrimSuffix(strings.Repeat("?,", len(names)), ",")), values...); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 1200 {
		account := []string{"AB", "CD"}[n%2]
		x, err := journaltest.Numbered(account, n).Encode()
		if err != nil {
			t.Fatal(err)
		}
		for _, list := range [][]journal.Row{x.Inputs, x.Events, x.Orders} {
			for _, r := range list {
				insert(r)
			}
		}
		if n < 2 {
			for _, r := range x.Docs {
				insert(r)
			}
		}
	}
	if err := errors.Join(tx.Commit(), db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenReadOnly(t.Context(), folder); !errors.Is(err, errOlder) {
		t.Errorf("reading it before: %v", err)
	}
	s := open(t, folder)
	found, seen := journaltest.Verify(t, s)
	if len(found) != 0 || seen.Rows-seen.Steps != int64(rows) {
		t.Errorf("%d rows of %d, %d findings, the first %+v", seen.Rows-seen.Steps, rows, len(found), append(found, journal.Finding{})[0])
	}
	for n := range 2 {
		next := journaltest.Numbered("AB", 5000+n)
		if err := s.Commit(t.Context(), next); err != nil || next.Inputs[0].Seq != int64(1201+n) {
			t.Errorf("the next input is %d: %v", next.Inputs[0].Seq, err)
		}
	}
	if err := s.exec(t.Context(), 0, "DELETE FROM inputs WHERE seq = 600"); err != nil {
		t.Fatal(err)
	}
	if found, _ := journaltest.Verify(t, s); len(found) != 1 || found[0].Seq != 600 || found[0].What != journal.FoundMissing {
		t.Errorf("found %+v", found)
	}
}

func TestABackupBesideCommitsIsWholeAndOpens(t *testing.T) {
	t.Parallel()
	folder, target := t.TempDir(), filepath.Join(t.TempDir(), "copy of today")
	s := open(t, folder)
	reader, err := OpenReadOnly(t.Context(), folder)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	stop, stopped := make(chan struct{}), make(chan int)
	began := make(chan struct{})
	go func() {
		n := 0
		defer func() { stopped <- n }()
		for ; ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.Commit(context.Background(), journaltest.Numbered("AB", n)); err != nil {
				t.Error(err)
				return
			}
			if n == 100 {
				close(began)
			}
		}
	}()
	<-began
	_, err = reader.Backup(t.Context(), target)
	close(stop)
	most := <-stopped
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(target); err != nil || info.Mode().Perm() != fileMode {
		t.Errorf("the copy: %v, %v", info, err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(target), ".*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if _, err := s.Backup(t.Context(), target); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over an existing file: %v", err)
	}
	if _, err := s.Backup(t.Context(), filepath.Join(folder, "no", "such", "folder")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into no folder: %v", err)
	}
	// Restored: put under the store's name into an empty folder.
	restored := t.TempDir()
	if err := os.Rename(target, filepath.Join(restored, FileName)); err != nil {
		t.Fatal(err)
	}
	back := open(t, restored)
	found, _ := journaltest.Verify(t, back)
	if n := count(t, back, "inputs", "AB"); len(found) != 0 || n < 100 || n > most {
		t.Errorf("%d inputs of %d, found %+v", n, most, found)
	}
	if err := back.Commit(t.Context(), journaltest.Numbered("AB", 100_000)); err != nil {
		t.Error(err)
	}
}

func TestABackupOfADamagedStoreIsNotMade(t *testing.T) {
	t.Parallel()
	s := small(t, t.TempDir())
	if err := s.exec(t.Context(), 0, "DELETE FROM orders WHERE place = 1"); err != nil {
		t.Fatal(err)
	}
	target := filepath.Join(t.TempDir(), "copy")
	if _, err := s.Backup(t.Context(), target); !errors.Is(err, journal.ErrDamaged) || !strings.Contains(err.Error(), "missing orders 261123000000000") {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(target); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a copy is there: %v", err)
	}
}

func TestImportWantsAnEmptyFolderThatNobodyHolds(t *testing.T) {
	t.Parallel()
	source := small(t, t.TempDir())
	export := journaltest.Export(t, source)
	into := func(folder string) error {
		_, err := Import(t.Context(), folder, strings.NewReader(export))
		return err
	}
	held := t.TempDir()
	s := open(t, held)
	if err := into(held); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("into a folder that is held: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := into(held); err != nil {
		t.Errorf("into a journal without rows: %v", err)
	}
	if err := into(held); !errors.Is(err, journal.ErrNotEmpty) {
		t.Errorf("into a journal with rows: %v", err)
	}
	broken := t.TempDir()
	if _, err := Import(t.Context(), broken, strings.NewReader(export[:len(export)-20])); !errors.Is(err, journal.ErrLines) {
		t.Errorf("half an export: %v", err)
	}
	if left, err := os.ReadDir(broken); err != nil || len(left) != 1 || left[0].Name() != lockName {
		t.Errorf("left behind: %v, %v", left, err)
	}
	if err := into(broken); err != nil {
		t.Error(err)
	}
	if info, err := os.Stat(filepath.Join(broken, FileName)); err != nil || info.Mode().Perm() != fileMode {
		t.Errorf("%v, %v", info, err)
	}
	// A row that is not in its place is found before the store has its name.
	lines := strings.SplitAfter(export, "\n")
	i := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, `{"table":"docs"`) })
	short := strings.Replace(strings.Join(slices.Delete(lines, i, i+1), ""), fmt.Sprintf(`"rows":%d`, len(lines)-1), fmt.Sprintf(`"rows":%d`, len(lines)-2), 1)
	missing := t.TempDir()
	if _, err := Import(t.Context(), missing, strings.NewReader(short)); !errors.Is(err, journal.ErrDamaged) && !errors.Is(err, journal.ErrLines) {
		t.Errorf("an export without one of its rows: %v", err)
	}
}

func TestALongReadingDoesNotLetTheWALGrowForEver(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s, err := Open(t.Context(), folder, Options{WALMax: 2 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	n := 0
	write := func() {
		t.Helper()
		c := journaltest.Numbered("AB", n)
		c.Docs[0].Body = make([]byte, 100_000)
		if err := s.Commit(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		n++
	}
	size := func() int64 {
		info, err := os.Stat(filepath.Join(folder, FileName+"-wal"))
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	write()
	ended := make(chan error, 1)
	reading := make(chan struct{})
	go func() {
		ended <- s.ReadRows(t.Context(), func(read journal.Read) error {
			close(reading)
			for {
				if err := read(journal.TableInputs, func(journal.Row) error { return nil }); err != nil {
					return err
				}
			}
		})
	}()
	<-reading
	for done := false; !done; {
		select {
		case err := <-ended:
			if !errors.Is(err, journal.ErrOutgrown) {
				t.Fatalf("the reading ended: %v", err)
			}
			done = true
		default:
			if write(); size() > 512<<20 {
				t.Fatalf("the WAL has %d MB and the reading goes on", size()>>20)
			}
		}
	}
	grown := size()
	if grown <= 2<<20 {
		t.Errorf("the reading ended with a WAL of %d bytes", grown)
	}
	for range 2 * grown / 100_000 { // with nobody in the way it begins anew and is not written on
		write()
	}
	if size() > 2*grown+(checkpointForced*pageBytes) {
		t.Errorf("it grew from %d to %d bytes without a reader", grown, size())
	}
}

func TestAPruneThatWasCutShortIsWholeAndIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := open(t, folder)
	const rows, day = 3 * pruneRows, 24 * time.Hour
	for d := range 3 {
		for n := 0; n < rows; n += 100 {
			c := &journal.Commit{Account: "AB"}
			for i := range 100 {
				more := journaltest.Numbered("AB", d*rows+n+i)
				c.At = more.At.Add(time.Duration(d-2) * day)
				c.Inputs, c.Orders = append(c.Inputs, more.Inputs...), append(c.Orders, more.Orders...)
				c.Orders[i].Day = order.DayOf(c.At)
			}
			if err := s.Commit(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
	}
	sound := func(when string) {
		t.Helper()
		found, _ := journaltest.Verify(t, s)
		for _, f := range found {
			t.Fatalf("%s: %+v", when, f)
		}
	}
	// The process dies behind the cut, and one piece of each table later.
	first := int64(2*rows/100 + 1)
	if err := inTheWriter(t, s, func(tx *transaction) error { _, err := tx.cut(first, "2026-11-23", time.Now()); return err }); err != nil {
		t.Fatal(err)
	}
	sound("only cut")
	for _, table := range journal.PrunedTables() {
		if err := inTheWriter(t, s, func(tx *transaction) error { _, _, _, err := tx.remove(table, "2026-11-23", first, 0); return err }); err != nil {
			t.Fatal(err)
		}
		sound("a piece of " + string(table))
		if err := s.Commit(t.Context(), journaltest.Numbered("AB", 100_000)); err != nil { // commits go on
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, folder)
	sound("started again")
	if n := count(t, s, "inputs", "AB"); n <= rows+6 {
		t.Fatalf("%d inputs are left already", n)
	}
	if _, err := s.Prune(t.Context(), "2026-11-23", time.Now()); err != nil {
		t.Fatal(err)
	}
	sound("pruned again")
	if inputs, orders, steps := count(t, s, "inputs", "AB"), count(t, s, "orders", "AB"), count(t, s, "steps", "AB"); inputs != rows+6 || orders != rows+1 || steps != rows/100+6 {
		t.Errorf("%d inputs, %d orders and %d steps are left", inputs, orders, steps)
	}
}
