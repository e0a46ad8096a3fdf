package notify

import (
	"context"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// paces keep each chat at the speed that Telegram takes, and hold a chat back that it has refused for a while.
type paces struct {
	mu    sync.Mutex // guards chats and what is in them
	chats map[string]*chat
	all   *rate.Limiter // of the bot
}

// chat is one chat's pace.
type chat struct {
	pace   *rate.Limiter
	minute *rate.Limiter // of a group; nil for a person
	until  time.Time     // Telegram refuses until then
	used   time.Time
}

func newPaces() *paces {
	return &paces{chats: map[string]*chat{}, all: rate.NewLimiter(rate.Every(botEvery), 1)}
}

// isGroup: ids of groups and channels are negative, and a name is always of one.
func isGroup(chatID string) bool {
	return strings.HasPrefix(chatID, "-") || strings.HasPrefix(chatID, "@")
}

// wait returns when the chat's next message may go. Where ctx ends before, it takes no place, and tells how long it
// would have been.
func (p *paces) wait(ctx context.Context, chatID string) (left time.Duration, ok bool) {
	now := time.Now()
	places, delay := p.reserve(chatID, now)
	if delay <= 0 && ctx.Err() == nil {
		return 0, true
	}
	deadline, bounded := ctx.Deadline()
	if ctx.Err() == nil && (!bounded || !deadline.Before(now.Add(delay))) {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
			return 0, true
		case <-ctx.Done():
		}
	}
	for _, r := range places {
		r.Cancel()
	}
	return max(0, delay-time.Since(now)), false
}

// reserve takes a place in each of the chat's paces and says when the last of them comes.
func (p *paces) reserve(chatID string, now time.Time) (places []*rate.Reservation, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.chat(chatID, now)
	delay = c.until.Sub(now)
	if delay > 0 {
		return nil, delay // no place is taken: the sender is told to come back
	}
	for _, limiter := range []*rate.Limiter{p.all, c.pace, c.minute} {
		if limiter != nil {
			r := limiter.ReserveN(now, 1)
			places, delay = append(places, r), max(delay, r.DelayFrom(now))
		}
	}
	return places, delay
}

// refused holds a chat back after a 429.
func (p *paces) refused(chatID string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	c := p.chat(chatID, now)
	if until := now.Add(d); until.After(c.until) {
		c.until = until
	}
}

// chat finds or makes a chat's pace. The caller holds mu.
func (p *paces) chat(chatID string, now time.Time) *chat {
	c := p.chats[chatID]
	if c == nil {
		if len(p.chats) >= chatsMax {
			p.forget()
		}
		c = &chat{pace: rate.NewLimiter(rate.Every(chatEvery), 1)}
		if isGroup(chatID) {
			c.minute = rate.NewLimiter(rate.Every(groupEvery), groupBurst)
		}
		p.chats[chatID] = c
	}
	c.used = now
	return c
}

// forget drops the chat that has been quiet longest. The caller holds mu.
func (p *paces) forget() {
	oldest := ""
	for id, c := range p.chats {
		if oldest == "" || c.used.Before(p.chats[oldest].used) {
			oldest = id
		}
	}
	delete(p.chats, oldest)
}
