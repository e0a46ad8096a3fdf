package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
	"backstop/engine/reconcile"
	"backstop/rules"
)

// AccountOptions are one account's settings.
type AccountOptions struct {
	ID     string // the broker's user id
	Label  string
	APIKey string // accounts of one key share its paces; never logged
	Broker actions.Broker
	// Streamer pushes updates besides; nil: none, and StreamOff says why in the settings' words. StreamMust says that
	// it was asked for: it is tried for ever, and its absence is told and makes the engine unready.
	Streamer   Streamer
	StreamMust bool
	StreamOff  string
	Lane       lane.Options // Account and Label are set from above; Hours and Instruments where they are nil

	build func(lane.Options, *journal.Snapshot, time.Time) (Stepper, error) // of tests
}

// Hours are the market's: a *market.Calendar.
type Hours interface {
	lane.Hours
	AnyOpen(t time.Time) bool // whether any segment trades at t
}

// Options are the engine's settings.
type Options struct {
	Accounts []AccountOptions
	Store    journal.Store
	Channels map[string]actions.Channel // by the name that messages carry

	Hours         Hours
	MarketAlways  bool   // every moment is trading time (market_hours: always)
	ReconcileSpec string // reconcile.ParseSpec's; "" is off

	Alert      func(text string) // a stopped lane is told each minute; nil: logged only
	Log        *slog.Logger      // nil: none
	Now        func() time.Time  // nil: time.Now; the engine's own time never falls where this one does
	Registerer prometheus.Registerer

	// Crash is called at each CrashPoint and need not return: tests of crashes end the process there. nil in production.
	Crash func(point string)
}

// ErrClosing means that the engine is shutting down: nothing of the call is durable.
var ErrClosing = errors.New("shutting down")

// ErrUnknownAccount means that the engine has no such account.
var ErrUnknownAccount = errors.New("no such account")

// Engine runs every account's lane.
type Engine struct {
	accounts    []*account
	byID        map[string]*account
	brokers     []actions.Broker // in the order of accounts
	store       journal.Store
	messages    *messengers
	metrics     *engineMetrics
	instruments *Instruments // nil where every account brings its own
	list        *listing     // what keeps them; nil with them
	schedule    reconcile.Schedule
	hours       Hours
	always      bool
	log         *slog.Logger
	now         func() time.Time
	crash       crash
	alarm       *alarm
	strangers   *strangers
	rules       atomic.Pointer[rules.Set]

	ran     atomic.Bool
	closing chan struct{} // closed when the shutdown begins
}

// New builds the engine and reads every account's lane back from the store. Nothing runs before Run.
func New(o Options) (*Engine, error) {
	e := &Engine{byID: map[string]*account{}, store: o.Store, hours: o.Hours, always: o.MarketAlways, log: o.Log, now: o.Now, crash: o.Crash, closing: make(chan struct{})}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	wall := e.now
	if wall == nil {
		wall = time.Now
	}
	tell := o.Alert
	if tell == nil {
		tell = func(text string) { e.log.Error(text) }
	}
	e.alarm, e.strangers = &alarm{tell: tell}, &strangers{tell: tell}
	clock := newClock(wall, tell)
	e.now = clock.now
	if o.Store == nil || len(o.Accounts) == 0 {
		return nil, errors.New("engine: a store and an account are needed")
	}
	var err error
	if o.ReconcileSpec != "" {
		if e.schedule, err = reconcile.ParseSpec(o.ReconcileSpec); err != nil {
			return nil, fmt.Errorf("engine: reconcile: %w", err)
		}
	}
	if e.metrics, err = newEngineMetrics(o.Registerer); err != nil {
		return nil, fmt.Errorf("engine: metrics: %w", err)
	}
	e.messages = newMessengers(o.Channels, e.metrics)
	keys := map[string]int{}
	for i := range o.Accounts {
		keys[o.Accounts[i].APIKey]++
	}
	pacers := map[string]*Pacer{}
	for i := range o.Accounts {
		ao := &o.Accounts[i]
		if beside := pacers[ao.APIKey]; beside != nil {
			pacers[ao.APIKey] = beside.Beside()
		} else {
			pacers[ao.APIKey] = NewPacer(keys[ao.APIKey])
		}
		if err := e.add(ao, &o, pacers[ao.APIKey]); err != nil {
			return nil, err
		}
		clock.notBefore(e.byID[ao.ID].seen().view.Now)
	}
	e.list = e.listing()
	if o.Registerer != nil {
		if err := o.Registerer.Register(newGauges(e)); err != nil {
			return nil, fmt.Errorf("engine: metrics: %w", err)
		}
	}
	return e, nil
}

// add builds one account.
func (e *Engine) add(ao *AccountOptions, o *Options, pacer *Pacer) error {
	switch {
	case ao.ID == "" || ao.Broker == nil:
		return errors.New("engine: an account needs an id and a broker")
	case e.byID[ao.ID] != nil:
		return fmt.Errorf("engine: account %s is there twice", ao.ID)
	}
	lo := ao.Lane
	lo.Account = ao.ID
	if ao.Label != "" {
		lo.Label = ao.Label
	}
	if lo.Hours == nil && o.Hours != nil {
		lo.Hours = o.Hours
	}
	if lo.Instruments == nil {
		if e.instruments == nil {
			e.instruments = &Instruments{}
		}
		lo.Instruments = e.instruments
	}
	if lo.Hours == nil && ao.build == nil {
		return errors.New("engine: market hours are needed")
	}
	for i := range o.Accounts {
		lo.Accounts = append(lo.Accounts, o.Accounts[i].ID)
	}
	if lo.Rules != nil {
		e.rules.CompareAndSwap(nil, lo.Rules)
	}
	m := e.metrics.of(ao.ID)
	a := &account{id: ao.ID, apiKey: ao.APIKey, dry: lo.Mode == lane.DryRun, inbox: newInbox(), pacer: pacer, messages: e.messages, metrics: m,
		log: e.log.With("account", ao.ID), clock: e.now, crash: e.crash, alarm: e.alarm, alert: o.Alert, alerting: make(chan struct{}, 1),
		peeks: make(chan chan lane.View), asked: make(chan struct{}, 1), finish: make(chan struct{}), quiet: make(chan struct{}), quieted: make(chan struct{}), done: make(chan struct{})}
	a.other = func(id string) *account { return e.byID[id] }
	a.setAside, a.stream = e.setAside, newStream(a, ao.Broker, ao, lo.Instruments, e.metrics.stream(ao.ID), e.open, e.now())
	a.turner = NewTurner(timedJournal{o.Store, m.commits, e.crash}, lo)
	if ao.build != nil {
		a.turner.build = ao.build
	}
	a.senders = newSenders(ao.Broker, a.post, m, e.crash)
	a.reads = newReads(ao.Broker, pacer, a.post, e.now)
	a.turner.stepped = a.stepped
	ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
	defer cancel()
	if err := a.turner.Load(ctx, e.now()); err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	e.crash.at(CrashLoad)
	a.look()
	e.accounts = append(e.accounts, a)
	e.brokers = append(e.brokers, ao.Broker)
	e.byID[ao.ID] = a
	return nil
}

// Run runs until ctx is done, and then ends in good order: nothing new is taken or sent, what was taken is
// committed and answered, requests in flight are waited for, at most some 12 seconds, and what came of them is
// committed. It can be called once.
func (e *Engine) Run(ctx context.Context) error {
	if e.ran.Swap(true) {
		return errors.New("engine: Run was called before")
	}
	hard, cut := context.WithCancel(context.Background())
	defer cut()
	live, end := context.WithCancel(ctx)
	defer end()
	var around, talk sync.WaitGroup
	// First the reconciler, so that its first reading and the lane's own tend to be one.
	around.Go(func() {
		reconcile.Run(live, reconcile.Options{Accounts: e.Accounts(), Schedule: e.schedule, Reader: e, Open: e.open, Log: e.log, Now: e.now})
	})
	for i, a := range e.accounts {
		go a.run()
		around.Go(func() { a.watchSession(live, e.brokers[i]) })
		if a.stream.streamer != nil {
			around.Go(func() { a.stream.run(live) })
		}
	}
	around.Go(func() { e.inspect(live) })
	if e.list != nil {
		around.Go(func() { e.list.run(live) })
	}
	talking, hush := context.WithCancel(context.Background())
	defer hush()
	talk.Go(func() { e.messages.run(talking, hard) })

	<-ctx.Done()
	close(e.closing)
	bound := time.AfterFunc(shutdownMax, cut)
	defer bound.Stop()
	var shutdown sync.WaitGroup
	for _, a := range e.accounts {
		shutdown.Go(func() { a.shutdown(hard) })
	}
	shutdown.Wait()
	hush()
	talk.Wait()
	around.Wait()
	for _, a := range e.accounts {
		close(a.finish)
	}
	for _, a := range e.accounts {
		<-a.done
	}
	return nil
}

// shutdown makes nothing new come in or leave, and waits for what is in flight.
func (a *account) shutdown(hard context.Context) {
	a.inbox.refuse()
	close(a.quiet)
	a.reads.stop()
	select {
	case <-a.quieted:
	case <-hard.Done():
	}
	a.senders.wait(hard)
}

// listing is what keeps the engine's list of instruments; nil where every account brings its own.
func (e *Engine) listing() *listing {
	if e.instruments == nil {
		return nil
	}
	l := newListing(e.instruments, e.store, e.log, e.now)
	l.crash = e.crash
	l.loaded = func() {
		for _, a := range e.accounts {
			a.post(lane.Input{Loaded: true})
		}
	}
	for i, a := range e.accounts {
		l.sources = append(l.sources, source{e.brokers[i], a.pacer})
	}
	return l
}

// Accounts are the ids of the accounts, in the order of the options.
func (e *Engine) Accounts() []string {
	ids := make([]string, len(e.accounts))
	for i, a := range e.accounts {
		ids[i] = a.id
	}
	return ids
}

// Views are the lanes as they stand, in the order of the options. A lane whose goroutine is busy for over a second
// is shown as it stood.
func (e *Engine) Views() []lane.View {
	views := make([]lane.View, len(e.accounts))
	var all sync.WaitGroup
	for i, a := range e.accounts {
		all.Go(func() { views[i] = a.view() })
	}
	all.Wait()
	return views
}

// Instruments is the engine's list; nil where every account brings its own.
func (e *Engine) Instruments() *Instruments { return e.instruments }

var _ reconcile.Reader = (*Engine)(nil)

// unknownUser is why an update of a user whom nobody declared changes nothing.
const unknownUser = "unknown user"

// foreignUser is why an update changes nothing that names a user of another api_key than the one that signed it.
const foreignUser = "another api_key's user"

// Submit gives a pushed update to its account's lane and returns when it is durable: ignored says why it changed
// nothing, or "". An update of an unknown user is kept with that reason. With an error nothing was acknowledged
// (ErrJournal, ErrInvariant, ErrClosing), except that ctx may end while the commit goes on.
func (e *Engine) Submit(ctx context.Context, u order.Update) (ignored string, err error) {
	select {
	case <-e.closing:
		return "", ErrClosing
	default:
	}
	a := e.byID[u.Account]
	if a == nil {
		return e.setAside(ctx, &u, u.Account, unknownUser)
	}
	reply := make(chan answer, 1)
	if err := a.inbox.submit(ctx, e.closing, entry{input: lane.Input{Update: &u}, arrived: e.now(), reply: reply}); err != nil {
		return "", err
	}
	return wait(ctx, reply)
}

// SubmitSigned is Submit for an update whose sender proved to know the api_secret of apiKey. The signature covers no
// user id, so an update that names a user of another api_key is nobody's word for that user: it is kept with its reason,
// and folded into nothing, whatever the settings say of confirming.
func (e *Engine) SubmitSigned(ctx context.Context, apiKey string, u order.Update) (ignored string, err error) {
	a := e.byID[u.Account]
	if a == nil || a.apiKey == apiKey {
		return e.Submit(ctx, u)
	}
	user := u.Account
	why := foreignUser + ": " + user
	u.Account = "" // not among the rows of an account that never took it
	return e.setAside(ctx, &u, user, why)
}

// setAside keeps an update that no lane takes, with its reason, and tells it.
func (e *Engine) setAside(ctx context.Context, u *order.Update, user, why string) (ignored string, err error) {
	select {
	case <-e.closing:
		return "", ErrClosing
	default:
	}
	if err := e.keep(ctx, u, why); err != nil {
		return "", err
	}
	e.metrics.updates.WithLabelValues("", string(u.Source), ignoredClass(why)).Inc()
	e.strangers.note(e.now(), u, user, why)
	return why, nil
}

// Control gives a person's word to an account's lane and returns when it is durable.
func (e *Engine) Control(ctx context.Context, account string, c lane.Control) error {
	a := e.byID[account]
	if a == nil {
		return fmt.Errorf("%w: %s", ErrUnknownAccount, account)
	}
	return a.tell(ctx, lane.Input{Control: &c})
}

// UseChannels takes channels beside those that there are, or in their place, before rules that name them are set.
func (e *Engine) UseChannels(channels map[string]actions.Channel) { e.messages.use(channels) }

// SetRules gives new rules to every lane; each follows them from its next step on. It returns when that is durable.
func (e *Engine) SetRules(ctx context.Context, set *rules.Set) error {
	if set == nil {
		return errors.New("engine: no rules")
	}
	failures := make([]error, len(e.accounts))
	var all sync.WaitGroup
	for i, a := range e.accounts {
		all.Go(func() { failures[i] = a.tell(ctx, lane.Input{Rules: set}) })
	}
	all.Wait()
	err := errors.Join(failures...)
	if err == nil {
		e.rules.Store(set)
	}
	return err
}

// tell gives the lane an input and waits until it is durable.
func (a *account) tell(ctx context.Context, in lane.Input) error {
	reply := make(chan answer, 1)
	if !a.inbox.put(entry{input: in, arrived: a.now(), reply: reply}) {
		return ErrClosing
	}
	_, err := wait(ctx, reply)
	return err
}

func wait(ctx context.Context, reply <-chan answer) (string, error) {
	select {
	case r := <-reply:
		return r.ignored, r.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Reconcile reads the account's order book now and returns when the reading was folded, or why it failed. It
// waits a minute at most.
func (e *Engine) Reconcile(ctx context.Context, account string) error {
	ctx, cancel := context.WithTimeout(ctx, reconcileMax)
	defer cancel()
	a := e.byID[account]
	if a == nil {
		return fmt.Errorf("%w: %s", ErrUnknownAccount, account)
	}
	read := make(chan error, 1)
	if !a.inbox.put(entry{input: lane.Input{Control: &lane.Control{Verb: lane.Reconcile}}, arrived: a.now(), read: read}) {
		return ErrClosing
	}
	select {
	case err := <-read:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
