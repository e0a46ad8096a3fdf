package paper

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// postbackTimeout is how long Kite waits for an answer (docs/kite.md 1.3: 2 to 3 s).
	postbackTimeout = 3 * time.Second
	// postbackHold is how long a reordered postback waits for a follower.
	postbackHold = 300 * time.Millisecond
	// postbackQueueMax bounds the postbacks waiting for one user; beyond it
	// they are lost, as is everything that Kite cannot deliver.
	postbackQueueMax = 4096
	// postbackContentType is a form's, though the body is JSON (docs/kite.md 1.2).
	postbackContentType = "application/x-www-form-urlencoded;charset=UTF-8"
)

// PostbackOptions is how postbacks are sent.
type PostbackOptions struct {
	URLs     map[string]string // postback_url of each api_key; more by SetURL
	Client   *http.Client      // nil: one of its own
	Injector *Injector         // nil: no faults
	// OnSent is told each POST that ended: the answer's status, 0 when none came.
	OnSent func(p Push, status int)
}

// PostbackStats count postbacks since the start.
type PostbackStats struct {
	Due       int `json:"due"`       // pushes for an api_key that has a URL
	Delivered int `json:"delivered"` // POSTs answered 2xx
	Failed    int `json:"failed"`    // POSTs answered otherwise or not at all
	Lost      int `json:"lost"`      // never sent, by fault or because the queue was full
}

// Postbacks sends HTTP postbacks: one POST each with a time-out of 3 s, no
// second try, in the order of one user's updates unless a fault says
// otherwise (docs/kite.md 1.3).
type Postbacks struct {
	exchange *Exchange
	options  PostbackOptions
	client   *http.Client
	ctx      context.Context
	stop     func()

	mu     sync.Mutex
	urls   map[string]string
	queues map[string]chan Push // by user
	stats  PostbackStats
	closed bool
	wg     sync.WaitGroup
}

// NewPostbacks sends the postbacks of x from now until Close.
func NewPostbacks(x *Exchange, o PostbackOptions) *Postbacks {
	ctx, cancel := context.WithCancel(context.Background())
	p := &Postbacks{exchange: x, options: o, client: o.Client, ctx: ctx, urls: map[string]string{}, queues: map[string]chan Push{}}
	if p.client == nil {
		p.client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64, Proxy: http.ProxyFromEnvironment}}
	}
	if p.options.Injector == nil {
		p.options.Injector = NewInjector(0, Faults{})
	}
	for key, url := range o.URLs {
		p.urls[key] = url
	}
	unlisten := x.Listen(Listener{Update: p.take})
	p.stop = func() { unlisten(); cancel() }
	return p
}

// SetURL sets the postback_url of an app; "" for none.
func (p *Postbacks) SetURL(apiKey, url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.urls[apiKey] = url
}

// Stats are the counts so far.
func (p *Postbacks) Stats() PostbackStats {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// Close stops sending, drops what waits and returns when every goroutine is gone.
func (p *Postbacks) Close() {
	p.stop()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.wg.Wait()
	p.client.CloseIdleConnections()
}

// take queues a push that is due; it never waits.
func (p *Postbacks) take(push Push) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !push.Postback || p.closed || p.urls[push.APIKey] == "" {
		return
	}
	p.stats.Due++
	q := p.queues[push.User]
	if q == nil {
		q = make(chan Push, postbackQueueMax)
		p.queues[push.User] = q
		p.wg.Go(func() { p.run(q) })
	}
	select {
	case q <- push:
	default:
		p.stats.Lost++
	}
}

// run sends one user's postbacks.
func (p *Postbacks) run(q chan Push) {
	var held []Push // reordered ones
	timer := time.NewTimer(postbackHold)
	defer timer.Stop()
	for {
		select {
		case <-p.ctx.Done():
			return
		case <-timer.C:
			for _, push := range held {
				p.send(push)
			}
			held = nil
		case push := <-q:
			d := p.options.Injector.Postback()
			push.forged = d.Forged
			switch {
			case d.Lost:
				p.count(func(s *PostbackStats) { s.Lost++ })
				continue
			case d.Late > 0:
				p.later(push, d)
				continue
			case d.After:
				held = append(held, push)
				if d.Doubled {
					held = append(held, push)
				}
				timer.Reset(postbackHold)
				continue
			}
			p.send(push)
			if d.Doubled {
				p.send(push)
			}
			for _, h := range held {
				p.send(h)
			}
			held = nil
		}
	}
}

// later sends a postback on its own time, so that others overtake it.
func (p *Postbacks) later(push Push, d Delivery) {
	p.wg.Go(func() {
		timer := time.NewTimer(d.Late)
		defer timer.Stop()
		select {
		case <-p.ctx.Done():
			return
		case <-timer.C:
		}
		p.send(push)
		if d.Doubled {
			p.send(push)
		}
	})
}

// send is the one POST.
func (p *Postbacks) send(push Push) {
	p.mu.Lock()
	url := p.urls[push.APIKey]
	p.mu.Unlock()
	status := p.post(url, push.PostbackBody())
	if p.ctx.Err() != nil {
		return
	}
	p.count(func(s *PostbackStats) {
		if status/100 == 2 {
			s.Delivered++
		} else {
			s.Failed++
		}
	})
	if p.options.OnSent != nil {
		p.options.OnSent(push, status)
	}
}

func (p *Postbacks) post(url string, body []byte) (status int) {
	ctx, cancel := context.WithTimeout(p.ctx, postbackTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0 // a URL that is none: fire and forget, as Kite
	}
	r.Header.Set("Content-Type", postbackContentType)
	answer, err := p.client.Do(r)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<16)) // the answer's words mean nothing
	return answer.StatusCode
}

func (p *Postbacks) count(f func(*PostbackStats)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(&p.stats)
}
