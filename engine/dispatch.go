package engine

import (
	"context"
	"sync"

	"backstop/actions"
	"backstop/engine/lane"
)

// senders carry one account's claimed requests through the stages, several at once: they are of different orders,
// for a slot has at most one request in flight for each of its orders. There is no queue, since what is claimed
// must leave at once: a lane is granted no more requests than there are senders free.
type senders struct {
	broker  actions.Broker
	post    func(lane.Input)
	metrics *accountMetrics
	crash   crash

	ctx    context.Context // ends with the last grace of a shutdown: what then still hangs ends ambiguously
	cancel context.CancelFunc

	mu     sync.Mutex
	flying map[string]chan struct{} // by request id: closed when its latest attempt has ended
	n      int
	idle   chan struct{} // closed while none flies
}

func newSenders(broker actions.Broker, post func(lane.Input), m *accountMetrics, c crash) *senders {
	s := &senders{broker: broker, post: post, metrics: m, crash: c, flying: map[string]chan struct{}{}, idle: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	close(s.idle)
	return s
}

// free is how many more requests may fly.
func (s *senders) free() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return max(sendersMax-s.n, 0)
}

// start lets a request go. It never waits.
func (s *senders) start(r actions.Request) {
	ended := make(chan struct{})
	a := &attempt{request: r}
	s.mu.Lock()
	if earlier, ok := s.flying[r.ID]; ok {
		a.earlier = earlier
	}
	s.flying[r.ID] = ended
	if s.n++; s.n == 1 {
		s.idle = make(chan struct{})
	}
	s.mu.Unlock()
	s.metrics.sent(r.Call.Method)
	go func() {
		defer s.end(r.ID, ended)
		for _, st := range stages {
			st.do(s.ctx, s, a)
		}
	}()
}

func (s *senders) end(id string, ended chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(ended)
	if s.flying[id] == ended {
		delete(s.flying, id)
	}
	if s.n--; s.n == 0 {
		close(s.idle)
	}
}

// wait waits until no request flies; when ctx ends first it cuts the calls short, so that their outcomes are
// ambiguous, and waits for those.
func (s *senders) wait(ctx context.Context) {
	s.mu.Lock()
	idle := s.idle
	s.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
	s.cancel()
	<-idle // a call that ignores even this is left behind after its grace
}
