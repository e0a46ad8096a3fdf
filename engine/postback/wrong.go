package postback

import (
	"net/netip"
	"sync"
	"time"
)

// wrongTable remembers wrong checksums by address. It is bounded: two halves, of which the newer takes what comes;
// when it is full or a window old it becomes the older one, and what was there is forgotten. What is forgotten by age
// alone could not limit any more; under a flood of addresses some are forgiven early, and memory stays.
type wrongTable struct {
	mu     sync.Mutex // guards all below; only wrong checksums take it
	began  time.Time
	turned time.Duration // since began
	newer  map[netip.Addr]*wrongs
	older  map[netip.Addr]*wrongs
}

// wrongs are the times of the last wrongMax wrong checksums of one address.
type wrongs struct {
	at    [wrongMax]time.Duration // since the table began, as a ring
	count int
}

func newWrongTable() *wrongTable { return &wrongTable{} }

// add counts a wrong checksum. It is limited where wrongMax others of the address lie within the window before it;
// wait is how long until the next wrong one would not be.
func (t *wrongTable) add(address netip.Addr, now time.Time) (wait time.Duration, limited bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.newer == nil {
		t.began, t.newer = now, map[netip.Addr]*wrongs{}
	}
	at := now.Sub(t.began)
	w := t.newer[address]
	if w == nil {
		w = t.fresh(address, at)
	}
	slot := &w.at[w.count%wrongMax]
	limited = w.count >= wrongMax && at-*slot < wrongWindow
	*slot = at
	w.count++
	if limited {
		wait = wrongWindow - (at - w.at[w.count%wrongMax])
	}
	return wait, limited
}

// fresh puts an address into the newer half, with what the older one knew of it.
func (t *wrongTable) fresh(address netip.Addr, at time.Duration) *wrongs {
	if len(t.newer) >= tableMax || at-t.turned >= wrongWindow {
		t.older, t.newer, t.turned = t.newer, map[netip.Addr]*wrongs{}, at
	}
	w := t.older[address]
	if w == nil {
		w = &wrongs{}
	}
	t.newer[address] = w
	return w
}
