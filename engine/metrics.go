package engine

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/lane"
	"backstop/engine/order"
)

// engineMetrics are the counters of the whole engine. Every label has a bounded set of values: accounts and
// channels are those of the settings, the rest is closed lists of the code.
type engineMetrics struct {
	updates   *prometheus.CounterVec
	decisions *prometheus.CounterVec
	sends     *prometheus.CounterVec
	outcomes  *prometheus.CounterVec
	sendTime  *prometheus.HistogramVec
	messages  *prometheus.CounterVec
	reads     *prometheus.CounterVec
	acks      *prometheus.HistogramVec
	batches   *prometheus.HistogramVec
	commits   *prometheus.HistogramVec
	failures  *prometheus.CounterVec
	stopped   *prometheus.GaugeVec
	streams   *prometheus.GaugeVec
	frames    *prometheus.CounterVec
	again     *prometheus.CounterVec
	news      *prometheus.CounterVec
	newsLate  *prometheus.HistogramVec
}

func newEngineMetrics(r prometheus.Registerer) (*engineMetrics, error) {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "backstop", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "backstop", Name: name, Help: help, Buckets: buckets}, labels)
	}
	seconds := prometheus.ExponentialBuckets(0.0005, 2, 15) // half a millisecond to 8 s
	m := &engineMetrics{
		updates:   counter("updates_total", "Updates that were acknowledged, by source and why they changed nothing (none: they did).", "account", "source", "ignored"),
		decisions: counter("decisions_total", "Decisions, one for each event and rule.", "account", "matched"),
		sends:     counter("requests_sent_total", "Requests that left for the broker.", "account", "method"),
		outcomes:  counter("requests_answered_total", "Outcomes of requests; class none is accepted.", "account", "method", "class"),
		sendTime:  histogram("request_seconds", "How long the broker took to answer a request.", seconds, "account"),
		messages:  counter("messages_total", "Deliveries by channel; class none is delivered.", "channel", "class"),
		reads:     counter("book_reads_total", "Readings of the order book.", "account", "good"),
		acks:      histogram("ack_seconds", "From an update's arrival to its durable answer.", seconds, "account"),
		batches:   histogram("batch_inputs", "Inputs of one durable step.", prometheus.ExponentialBuckets(1, 2, 9), "account"),
		commits:   histogram("commit_seconds", "How long a commit took.", seconds, "account"),
		failures:  counter("steps_failed_total", "Steps that were thrown away: the journal failed or an invariant broke.", "account"),
		stopped: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "backstop", Name: "lane_stopped",
			Help: "1 where a broken invariant stopped the account's lane."}, []string{"account"}),
		streams: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "backstop", Name: "stream_connected",
			Help: "1 where the stream of updates stands."}, []string{"account"}),
		frames:   counter("stream_frames_total", "Frames of the stream of updates.", "account", "kind"),
		news:     counter("news_total", "Events of orders that the broker pushes, by the source that told them first.", "account", "source"),
		newsLate: histogram("news_delay_seconds", "From the broker's own time of an event, which has whole seconds, to when it was told.", prometheus.ExponentialBuckets(0.5, 2, 11), "account", "source"),
		again:    counter("stream_reconnects_total", "How often the stream stood again after a gap.", "account"),
	}
	if r == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.updates, m.decisions, m.sends, m.outcomes, m.sendTime, m.messages, m.reads, m.acks,
		m.batches, m.commits, m.failures, m.stopped, m.streams, m.frames, m.again, m.news, m.newsLate} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *engineMetrics) delivered(channel string, class actions.Class) {
	m.messages.WithLabelValues(channel, className(class)).Inc()
}

// accountMetrics are one account's.
type accountMetrics struct {
	all      *engineMetrics
	account  string
	failures prometheus.Counter
	stopped  prometheus.Gauge
	acks     prometheus.Observer
	batches  prometheus.Observer
	commits  prometheus.Observer
	sendTime prometheus.Observer
}

func (m *engineMetrics) of(account string) *accountMetrics {
	a := &accountMetrics{all: m, account: account, failures: m.failures.WithLabelValues(account), stopped: m.stopped.WithLabelValues(account),
		acks: m.acks.WithLabelValues(account), batches: m.batches.WithLabelValues(account), commits: m.commits.WithLabelValues(account),
		sendTime: m.sendTime.WithLabelValues(account)}
	a.stopped.Set(0)
	return a
}

// streamMetrics are of one account's stream.
type streamMetrics struct {
	connected prometheus.Gauge
	frames    *prometheus.CounterVec
	again     prometheus.Counter
}

func (m *engineMetrics) stream(account string) streamMetrics {
	s := streamMetrics{m.streams.WithLabelValues(account), m.frames.MustCurryWith(prometheus.Labels{"account": account}), m.again.WithLabelValues(account)}
	s.connected.Set(0)
	return s
}

func (m streamMetrics) up(again bool) {
	m.connected.Set(1)
	if again {
		m.again.Inc()
	}
}

func (m streamMetrics) down()             { m.connected.Set(0) }
func (m streamMetrics) frame(kind string) { m.frames.WithLabelValues(kind).Inc() }

// took counts a durable step.
func (m *accountMetrics) took(b *lane.Batch, entries []entry) {
	if len(entries) > 0 {
		m.batches.Observe(float64(len(entries)))
	}
	for _, answer := range b.Answers {
		if answer.Input >= len(entries) {
			continue
		}
		if u := entries[answer.Input].input.Update; u != nil {
			m.all.updates.WithLabelValues(m.account, string(u.Source), ignoredClass(answer.Ignored)).Inc()
		}
	}
	for _, n := range b.News {
		m.all.news.WithLabelValues(m.account, string(n.Source)).Inc()
		if n.Late > 0 {
			m.all.newsLate.WithLabelValues(m.account, string(n.Source)).Observe(n.Late.Seconds())
		}
	}
	for i := range b.Commit.Events {
		for j := range b.Commit.Events[i].Decisions {
			matched := "false"
			if b.Commit.Events[i].Decisions[j].Matched {
				matched = "true"
			}
			m.all.decisions.WithLabelValues(m.account, matched).Inc()
		}
	}
}

func (m *accountMetrics) answered(after time.Duration) { m.acks.Observe(after.Seconds()) }

func (m *accountMetrics) sent(method actions.Method) {
	m.all.sends.WithLabelValues(m.account, string(method)).Inc()
}

func (m *accountMetrics) outcome(method actions.Method, class actions.Class, took time.Duration) {
	m.all.outcomes.WithLabelValues(m.account, string(method), className(class)).Inc()
	m.sendTime.Observe(took.Seconds())
}

func (m *accountMetrics) read(r *lane.Read) {
	good := "true"
	if r.Err != nil {
		good = "false"
	}
	m.all.reads.WithLabelValues(m.account, good).Inc()
}

func className(c actions.Class) string {
	if c == actions.ClassNone {
		return "none"
	}
	return string(c)
}

// ignoredClass is the first word of why an update changed nothing, of a closed list.
func ignoredClass(why string) string {
	if why == "" {
		return "none"
	}
	if strings.HasPrefix(why, foreignUser) || strings.HasPrefix(why, foreignStream) {
		return "foreign_user"
	}
	for _, class := range []string{"duplicate", "stale", "impossible", "refuted", unknownUser} {
		if strings.HasPrefix(why, class) {
			return strings.ReplaceAll(class, " ", "_")
		}
	}
	return "other"
}

// timedJournal measures commits.
type timedJournal struct {
	Journal
	commits prometheus.Observer
	crash   crash
}

// Commit is the journal's.
func (t timedJournal) Commit(ctx context.Context, c *journal.Commit) error {
	if slices.ContainsFunc(c.Inputs, func(in journal.Input) bool { return in.Kind == journal.InputOutcome }) {
		t.crash.at(CrashOutcome)
	}
	t.crash.at(CrashCommit)
	began := time.Now()
	defer func() { t.commits.Observe(time.Since(began).Seconds()) }()
	return t.Journal.Commit(ctx, c)
}

// gauges shows the accounts as they stand when they are asked for.
type gauges struct {
	engine *Engine

	inbox, waiting, unknown, armed, session, readAge, missed, unposted, uncovered, streamAge, instruments *prometheus.Desc
}

func newGauges(e *Engine) *gauges {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("backstop_"+name, help, labels, nil)
	}
	return &gauges{engine: e,
		inbox:       d("inbox_entries", "Inputs that wait for the lane's next step.", "account"),
		waiting:     d("requests_waiting", "Requests that are held back.", "account"),
		unknown:     d("requests_unknown", "Requests that may or may not have happened.", "account"),
		armed:       d("armed", "1 where the account acts: book and overnight quantities are known.", "account"),
		session:     d("session_alive", "1 where the Kite session lives.", "account"),
		readAge:     d("book_read_age_seconds", "Since the last good reading of the order book began.", "account"),
		missed:      d("missed_updates", "Updates of today that no push told and the order book did.", "account"),
		unposted:    d("missed_postbacks", "Orders of today that ended without a postback, by who told it.", "account", "told_by"),
		uncovered:   d("uncovered_quantity", "Open units without a live exit, over all groups.", "account"),
		streamAge:   d("stream_data_age_seconds", "Since something came by the stream; none where none came yet.", "account"),
		instruments: d("instruments", "Rows of the list of instruments."),
	}
}

// Describe is of prometheus.Collector.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.inbox, g.waiting, g.unknown, g.armed, g.session, g.readAge, g.missed, g.unposted, g.uncovered, g.streamAge, g.instruments} {
		to <- d
	}
}

// Collect is of prometheus.Collector.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	one := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for i, v := range g.engine.Views() {
		a := g.engine.accounts[i]
		uncovered := int64(0)
		for j := range v.Groups {
			uncovered += max(v.Groups[j].Open-v.Groups[j].Covered, 0)
		}
		one(g.inbox, float64(a.inbox.depth()), a.id)
		one(g.waiting, float64(v.Waiting), a.id)
		one(g.unknown, float64(v.Unknown), a.id)
		one(g.armed, flag(v.Armed), a.id)
		one(g.session, flag(v.Session), a.id)
		one(g.missed, float64(v.Missed.Updates), a.id)
		one(g.unposted, float64(v.Missed.Orders), a.id, string(order.SourceBook))
		one(g.unposted, float64(v.Missed.ByStream), a.id, string(order.SourceStream))
		one(g.uncovered, float64(uncovered), a.id)
		if last := a.seen().lastGood; !last.IsZero() {
			one(g.readAge, g.engine.now().Sub(last).Seconds(), a.id)
		}
		if heard := a.stream.heard(); !heard.IsZero() {
			one(g.streamAge, g.engine.now().Sub(heard).Seconds(), a.id)
		}
	}
	if g.engine.instruments != nil {
		one(g.instruments, float64(g.engine.instruments.Len()))
	}
}

func flag(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
