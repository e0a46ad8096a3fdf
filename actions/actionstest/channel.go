package actionstest

import (
	"context"
	"slices"
	"sync"

	"backstop/actions"
)

// Channel is a channel in memory that keeps what it was given. Its zero value takes everything. It may be used by
// several goroutines.
type Channel struct {
	OnSend func(ctx context.Context, m actions.Message) error // answers in its place where it is set; the text is kept all the same

	mu    sync.Mutex
	texts []string
}

var _ actions.Channel = (*Channel)(nil)

// Send keeps the message.
func (c *Channel) Send(ctx context.Context, m actions.Message) error {
	c.mu.Lock()
	c.texts = append(c.texts, m.Text)
	c.mu.Unlock()
	if c.OnSend != nil {
		return c.OnSend(ctx, m)
	}
	return nil
}

// Said are the texts that it was given, oldest first, also those that it refused.
func (c *Channel) Said() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.texts)
}

// Count is how many texts it was given.
func (c *Channel) Count() int { return len(c.Said()) }
