package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"backstop/engine/journal"
)

// alarm tells a person what no lane can: that the journal, which all accounts share, fails or is damaged.
type alarm struct {
	tell func(text string)

	mu   sync.Mutex
	told time.Time // that the journal fails; zero: it does not, or nobody was told
}

// failing tells that steps have failed since a while, and again every alarmEvery while it lasts.
func (m *alarm) failing(now, since time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(since) < alarmAfter || !m.told.IsZero() && now.Sub(m.told) < alarmEvery {
		return
	}
	m.told = now
	m.tell(fmt.Sprintf("JOURNAL FAILS (for %s): %s. Nothing is acknowledged and nothing leaves until it can be written: no stop is placed, moved or "+
		"cancelled. Look whether the disk is full, and look at what is open in Kite. It goes on by itself.", now.Sub(since).Round(time.Second), oneLine(err)))
}

// durable tells that it is over.
func (m *alarm) durable() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.told.IsZero() {
		m.told = time.Time{}
		m.tell("The journal is written again; the order book is read for what was missed.")
	}
}

// inspect reads the whole journal once, beside the running service: what a lane starts from was checked when it was
// loaded, so what is damaged elsewhere is told and stops nobody.
func (e *Engine) inspect(ctx context.Context) {
	keeper, ok := e.store.(journal.Keeper)
	if !ok {
		return
	}
	select {
	case <-ctx.Done():
		return
	case <-time.After(inspectAfter):
	}
	first, places := "", 0
	found := func(what string) {
		if places++; places == 1 {
			first = what
		}
	}
	lines, err := keeper.Structure(ctx)
	for _, line := range lines {
		found(line)
	}
	if err == nil {
		err = keeper.ReadRows(ctx, func(read journal.Read) error {
			for _, t := range journal.Tables() {
				err := read(t, func(r journal.Row) error {
					if err := r.Whole(); err != nil {
						found(err.Error())
					}
					return ctx.Err()
				})
				if errors.Is(err, journal.ErrDamaged) {
					found(err.Error())
				} else if err != nil {
					return err
				}
			}
			return nil
		})
	}
	switch {
	case places > 0:
		e.alarm.tell(fmt.Sprintf("JOURNAL DAMAGED (found at the start): %s; %d places in all. What is open is still watched. The way back: stop Backstop and "+
			"restore a backup, or move the data folder away and start with an empty one, where orders are found again by their tags. "+
			"backstop journal verify names the rows.", oneLine(errors.New(first)), places))
	case err != nil && ctx.Err() == nil:
		e.log.Warn("the journal was not inspected to its end", "error", err)
	}
}

// oneLine is an error's text as one line.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
