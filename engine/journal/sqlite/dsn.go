package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// Pages of the WAL. A commit that finds more than checkpointForced moves them into the main file itself, which
// its caller waits for; the checkpointer's own goroutine keeps it from coming to that.
const (
	checkpointForced = 16_000
	checkpointDue    = 2_000
	walBytesKept     = 64 << 20 // a WAL that grew beyond is cut back when it starts anew
)

// pragma is a setting of a connection and what it must read back as. SQLite ignores names and values that it
// doesn't know, so that nothing is believed that was not read back.
type pragma struct{ name, value, want string }

func writingPragmas(o Options) []pragma {
	return []pragma{
		{"busy_timeout", fmt.Sprint(o.BusyTimeout.Milliseconds()), ""},
		{"journal_mode", "WAL", "wal"},
		{"synchronous", "FULL", "2"},
		{"fullfsync", "1", ""}, // macOS: sync through the drive's cache; nothing elsewhere
		{"checkpoint_fullfsync", "1", ""},
		{"foreign_keys", "1", ""},
		{"wal_autocheckpoint", fmt.Sprint(checkpointForced), ""},
		{"journal_size_limit", fmt.Sprint(walBytesKept), ""},
		{"cache_size", "-2000", ""}, // 2 MB
	}
}

func readingPragmas(o Options) []pragma {
	return []pragma{
		{"busy_timeout", fmt.Sprint(o.BusyTimeout.Milliseconds()), ""},
		{"query_only", "1", ""},
	}
}

// source is a DSN with the pragmas that a connection of it must read back.
type source struct {
	dsn     string
	pragmas []pragma
	crash   func(point string) // Options.Crash
}

func (s source) crashAt(point string) {
	if s.crash != nil {
		s.crash(point)
	}
}

func writingDSN(path string, o Options) source {
	s := newSource(path, url.Values{"_txlock": {"immediate"}}, writingPragmas(o))
	s.crash = o.Crash
	return s
}

// readingDSN is for connections that can't write; apart says that they are of a process that does not hold the
// folder, whose closing must not touch the file either.
func readingDSN(path string, o Options, apart bool) source {
	values := url.Values{}
	if apart {
		values.Set("mode", "ro")
	}
	return newSource(path, values, readingPragmas(o))
}

func newSource(path string, values url.Values, pragmas []pragma) source {
	for _, p := range pragmas {
		values.Add("_pragma", p.name+"("+p.value+")")
	}
	slashed := filepath.ToSlash(path)
	if !strings.HasPrefix(slashed, "/") {
		slashed = "/" + slashed // C:/…
	}
	return source{dsn: (&url.URL{Scheme: "file", Path: slashed, RawQuery: values.Encode()}).String(), pragmas: pragmas}
}

// openPool opens up to n connections and checks one: all get their settings from the same DSN.
func openPool(ctx context.Context, s source, n int) (*sql.DB, error) {
	db, err := sql.Open("sqlite", s.dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(n)
	db.SetMaxIdleConns(n)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	if err := errors.Join(readBack(ctx, conn, s.pragmas), conn.Close()); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// readBack refuses a connection whose settings are not what was asked for: a journal that is not synced must
// not stand behind an answer of 200.
func readBack(ctx context.Context, conn *sql.Conn, pragmas []pragma) error {
	for _, p := range pragmas {
		want := p.want
		if want == "" {
			want = p.value
		}
		var have string
		if err := conn.QueryRowContext(ctx, "PRAGMA "+p.name).Scan(&have); err != nil {
			return fmt.Errorf("pragma %s: %w", p.name, err)
		}
		if have != want {
			return fmt.Errorf("SQLite runs with %s=%s, not %s: is the data folder on a network disk? (it must be on a local one)", p.name, have, want)
		}
	}
	return nil
}
