package engine

import (
	"context"
	"errors"
	"sync"

	"backstop/actions"
	"backstop/engine/lane"
)

// messengers carry messages to people on a path of their own: one goroutine a channel, in the order of their
// claims, so that a channel that hangs delays its own messages and nothing else. The queues are bounded by what
// the lanes have claimed; each message comes back as one Delivery.
type messengers struct {
	metrics *engineMetrics

	mu       sync.Mutex
	channels map[string]*messenger
	begin    func(*messenger) // while it runs
}

// messenger is one channel's queue.
type messenger struct {
	name    string
	metrics *engineMetrics

	mu      sync.Mutex
	channel actions.Channel
	queue   []parcel
	waiting map[string]bool // action ids in the queue or on their way
	ready   chan struct{}
}

// parcel is one claimed message with the lane that waits for its delivery.
type parcel struct {
	id      string
	message actions.Message
	post    func(lane.Input)
}

func newMessengers(channels map[string]actions.Channel, m *engineMetrics) *messengers {
	all := &messengers{channels: map[string]*messenger{}, metrics: m}
	all.use(channels)
	return all
}

// use takes channels from now on, those of names that are known in the place of what they were. One that is not among
// them stays for what is queued.
func (m *messengers) use(channels map[string]actions.Channel) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, channel := range channels {
		if c, ok := m.channels[name]; ok {
			c.mu.Lock()
			c.channel = channel
			c.mu.Unlock()
			continue
		}
		c := &messenger{name: name, channel: channel, metrics: m.metrics, waiting: map[string]bool{}, ready: make(chan struct{}, 1)}
		m.channels[name] = c
		if m.begin != nil {
			m.begin(c)
		}
	}
}

// send queues a claimed message. It never waits. One that is already on its way is not sent twice: a lane that
// was read back from the journal claims what ran anew, and the delivery of the first answers it.
func (m *messengers) send(post func(lane.Input), a *actions.Action) {
	if a.Message == nil {
		return
	}
	m.mu.Lock()
	c, ok := m.channels[a.Message.Channel]
	m.mu.Unlock()
	if !ok {
		m.metrics.delivered("", actions.ClassInternal)
		post(lane.Input{Delivery: &lane.Delivery{ActionID: a.ID, Err: &actions.Error{Class: actions.ClassInternal, Op: "message",
			Message: "there is no channel " + a.Message.Channel, Hint: "declare it under channels, or set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID"}}})
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting[a.ID] {
		return
	}
	c.waiting[a.ID] = true
	c.queue = append(c.queue, parcel{a.ID, *a.Message, post})
	select {
	case c.ready <- struct{}{}:
	default:
	}
}

// run delivers until live ends; what is queued then is still delivered, until hard ends, which cuts short the one
// on its way. What is left stays running in the journal and is sent by the next start.
func (m *messengers) run(live, hard context.Context) {
	var all sync.WaitGroup
	m.mu.Lock()
	m.begin = func(c *messenger) { all.Go(func() { c.run(live, hard) }) }
	for _, c := range m.channels {
		m.begin(c)
	}
	m.mu.Unlock()
	<-live.Done()
	m.mu.Lock()
	m.begin = nil
	m.mu.Unlock()
	all.Wait()
}

func (c *messenger) run(live, hard context.Context) {
	for {
		for hard.Err() == nil {
			p, ok := c.next()
			if !ok {
				break
			}
			c.deliver(hard, p)
		}
		if live.Err() != nil {
			return
		}
		select {
		case <-live.Done():
		case <-c.ready:
		}
	}
}

func (c *messenger) next() (parcel, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return parcel{}, false
	}
	p := c.queue[0]
	c.queue = c.queue[1:]
	return p, true
}

func (c *messenger) deliver(ctx context.Context, p parcel) {
	c.mu.Lock()
	channel := c.channel
	c.mu.Unlock()
	_, err := call(ctx, messageTimeout, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, channel.Send(ctx, p.message)
	})
	// A message may arrive twice rather than never: an error of no class is tried again.
	d := &lane.Delivery{ActionID: p.id, Err: asError(err, "message", actions.ClassDown)}
	var wait actions.RetryAfter
	if errors.As(err, &wait) {
		d.RetryAfter = max(wait.RetryAfter(), 0)
	}
	class := actions.ClassNone
	if d.Err != nil {
		class = d.Err.Class
	}
	c.metrics.delivered(c.name, class)
	c.mu.Lock()
	delete(c.waiting, p.id)
	c.mu.Unlock()
	p.post(lane.Input{Delivery: d})
}
