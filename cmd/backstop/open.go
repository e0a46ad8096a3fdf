package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"backstop/actions"
	"backstop/engine"
	"backstop/engine/journal"
	"backstop/engine/journal/sqlite"
	"backstop/engine/kite"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// This file holds the two registries of adapters. A new store or broker is one folder and one line here.

// stores is the registry of stores: what a name in the settings opens.
var stores = map[string]struct {
	open     func(ctx context.Context, s *settings) (journal.Store, error)
	readOnly func(ctx context.Context, s *settings) (journal.Store, error)
	fill     func(ctx context.Context, s *settings, export io.Reader) (journal.Verified, error) // of an export, while it is empty
}{
	"sqlite": {
		func(ctx context.Context, s *settings) (journal.Store, error) {
			return sqlite.Open(ctx, s.text("data"), sqlite.Options{Crash: s.tests.crash})
		},
		func(ctx context.Context, s *settings) (journal.Store, error) {
			return sqlite.OpenReadOnly(ctx, s.text("data"))
		},
		func(ctx context.Context, s *settings, export io.Reader) (journal.Verified, error) {
			return sqlite.Import(ctx, s.text("data"), export)
		},
	},
}

// brokers is the registry of brokers: what an account trades at, and how its connections are closed at the end. absent says why
// there is no token.
var brokers = map[string]func(a account, token, absent func() string) (b actions.Broker, end func()){
	"kite": func(a account, token, absent func() string) (actions.Broker, func()) {
		c := kiteClient(a, token, absent, 0)
		return c, c.CloseIdle
	},
}

// kiteClient is a client of one account, whose calls take no longer than within; 0 is the client's own bound. absent says
// why there is no token.
func kiteClient(a account, token, absent func() string, within time.Duration) *kite.Client {
	o := kite.Options{UserID: a.user, APIKey: a.apiKey, AccessToken: token, Absent: absent, BaseURL: a.baseURL, Timeout: within}
	if a.onLoopback() {
		o.Transport = &paperProof{Transport: kite.NewTransport(), base: a.baseURL}
	}
	return kite.New(o)
}

// streams is the registry of brokers' streams of updates.
var streams = map[string]func(a account, token func() string) (s engine.Streamer, end func()){
	"kite": func(a account, token func() string) (engine.Streamer, func()) {
		s := kite.NewStream(kite.StreamOptions{UserID: a.user, APIKey: a.apiKey, AccessToken: token, URL: a.wsURL})
		return kiteStream{s}, s.CloseIdle
	},
}

// kiteStream is Kite's stream in the engine's words.
type kiteStream struct{ stream *kite.Stream }

// Stream makes one connection.
func (s kiteStream) Stream(ctx context.Context, to engine.StreamSink) error {
	sink := kite.Sink{Open: to.Open, Frame: to.Frame, Update: to.Update, Wanted: to.Wanted}
	if to.Ticks != nil {
		sink.Ticks = func(ticks []kite.Tick) {
			own := make([]engine.Tick, len(ticks))
			for i, t := range ticks {
				own[i] = engine.Tick(t)
			}
			to.Ticks(own)
		}
	}
	return s.stream.Stream(ctx, sink)
}

// openStore opens the store for writing. One process holds it at a time.
func openStore(ctx context.Context, s *settings) (journal.Store, error) {
	if err := s.storeKind(); err != nil {
		return nil, err
	}
	store, err := stores[s.text("store")].open(ctx, s)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it makes its folder itself, so this is no missing journal
		return nil, storeFails("the data folder %s can't be made: name another with --data", s.text("data"))
	case err != nil:
		return nil, storeProblem(s.text("data"), err)
	}
	return store, nil
}

// openReadOnly opens the store for reading, beside whoever holds it.
func openReadOnly(ctx context.Context, s *settings) (journal.Store, error) {
	if err := s.storeKind(); err != nil {
		return nil, err
	}
	store, err := stores[s.text("store")].readOnly(ctx, s)
	if err != nil {
		return nil, storeProblem(s.text("data"), err)
	}
	return store, nil
}

// storeProblem puts a failure to open a store into one line that says what to do.
func storeProblem(folder string, err error) error {
	switch {
	case errors.Is(err, journal.ErrLocked):
		return storeFails("the data folder %s is held by another Backstop: stop that one, or name another folder with --data", folder)
	case errors.Is(err, journal.ErrNewer):
		return storeFails("the data folder %s was written by a newer Backstop: use that version", folder)
	case errors.Is(err, journal.ErrDamaged):
		return storeFails("the journal in %s is damaged (%s). The way back: restore a backup, or move the folder away and start with an empty one, "+
			"where orders are found again by their tags; backstop journal verify names the rows (docs/journal.md)", folder, oneLine(err))
	case errors.Is(err, fs.ErrNotExist):
		return storeFails("there is no journal in %s yet: backstop serve makes one, or name the folder with --data", folder)
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS):
		return storeFails("the data folder %s can't be written: give it to the user that Backstop runs as, or name another with --data (%v)", folder, err)
	}
	return storeFails("store: %s", oneLine(err))
}

// instrumentsFor is the day's list for a dry run: of a CSV file, else of the store where there is one, else empty.
func (p *program) instrumentsFor(ctx context.Context, s *settings, name string) (lane.Instruments, error) {
	if name != "" {
		return readInstruments(name)
	}
	list := instrumentList{}
	if s.storeKind() != nil {
		return list, nil
	}
	if _, err := os.Stat(filepath.Join(s.text("data"), sqlite.FileName)); err != nil {
		return list, nil
	}
	store, err := openReadOnly(ctx, s)
	if err != nil {
		p.out.note("%v: ticks and lots are assumed", err)
		return list, nil
	}
	defer func() { _ = store.Close() }() // only read
	if _, err := store.Instruments(ctx, func(i order.Instrument) { list.add(i) }); err != nil {
		p.out.note("instruments of %s: %v: ticks and lots are assumed", s.text("data"), err)
		return instrumentList{}, nil
	}
	return list, nil
}
