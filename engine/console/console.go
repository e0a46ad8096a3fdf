package console

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"backstop/engine/journal"
)

// Options are what New needs. Store, Engine and Rules are required.
type Options struct {
	Store  journal.Store
	Keeper journal.Keeper // prunes; nil: this store can't
	Engine Engine
	Rules  func() RulesInfo
	// Reload takes the rules from their files as they are now; with yes also those that wait for one. What can't be taken is
	// a *Refusal. nil: nothing can be reloaded.
	Reload func(ctx context.Context, yes bool) error

	Metrics prometheus.Gatherer // nil: /metrics is 404
	Version string              // of Backstop, for status

	// Public says that the listener is bound beyond loopback: then every address but /healthz wants
	// AdminPassword, and with an empty one none is served. Else the Host must be a loopback name.
	Public        bool
	AdminPassword string

	Log *slog.Logger     // nil: none
	Now func() time.Time // for since=15m; nil: time.Now
}

// console is the handler's state; it has none of its own but the last log line of wrong passwords.
type console struct {
	Options
	routes   []route
	refusals refusals
}

// route is one address: what it answers by method, and what its query may hold.
type route struct {
	path  string
	doc   string
	get   func(r *http.Request) (any, *problem)
	post  func(r *http.Request) (any, *problem)
	whole http.Handler // answers GET by itself, in its own form
	takes []string     // query parameters
}

// api is where the JSON API lives.
const api = "/api/v1/"

// New makes the private side's handler.
func New(o Options) http.Handler {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &console{Options: o}
	c.routes = c.table()
	mux := http.NewServeMux()
	for _, rt := range c.routes {
		mux.Handle(rt.path, c.serve(rt))
	}
	mux.HandleFunc("/", c.unknownAddress)
	return c.guard(mux)
}

// table lists every address, in the order of the index.
func (c *console) table() []route {
	routes := []route{
		{path: "/{$}", whole: http.HandlerFunc(c.index)},
		{path: "/healthz", doc: "the process is alive", get: c.healthz},
		{path: "/readyz", doc: "200 only when armed, else 503; names each check", whole: http.HandlerFunc(c.readyz)},
		{path: api + "status", doc: "accounts, what waits, what is open and covered", get: c.status},
		{path: api + "updates", doc: "every update acknowledged, with the reason where it changed nothing", get: c.updates,
			takes: []string{"account", "order_id", "state", "since", "ignored", "raw"}},
		{path: api + "orders", doc: "the folded orders", get: c.orders, takes: []string{"account", "order_id", "state", "since"}},
		{path: api + "positions", doc: "positions by account, instrument and product", get: c.positions, takes: []string{"account"}},
		{path: api + "decisions", doc: "one for each event and rule that listens", get: c.decisions,
			takes: []string{"account", "order_id", "rule", "since", "event", "matched"}},
		{path: api + "decisions/{id}", doc: "one decision with its explanation and its event", get: c.decision},
		{path: api + "actions", doc: "what was done or waits", get: c.actions, takes: []string{"account", "order_id", "rule", "state", "since"}},
		{path: api + "actions/{id}", doc: "one action", get: c.action},
		{path: api + "requests", doc: "every call that changes something at the broker", get: c.requests,
			takes: []string{"account", "order_id", "rule", "state", "since"}},
		{path: api + "requests/{id}", doc: "one request", get: c.request},
		{path: api + "rules", doc: "the rules in force and their file", get: c.rules, takes: []string{"rule"}},
		{path: api + "rules/reload", doc: "take changed rules now; {\"yes\":true} also where reload: ask holds them", post: c.reload},
		{path: api + "pause", doc: "no new risk; stops, exits and cancels go on", post: c.control(Pause)},
		{path: api + "resume", doc: "ends a pause", post: c.control(Resume)},
		{path: api + "reconcile", doc: "read the order book now", post: c.reconcile},
		{path: api + "journal/prune", doc: "remove the days before the last keep_days", post: c.prune},
		{path: api + "actions/{id}/retry", doc: "what failed is tried once more", post: c.word(Retry)},
		{path: api + "orders/{id}/adopt", doc: "an order of the baseline is decided as if it were new, once", post: c.adopt},
		{path: api + "actions/{id}/resolve", doc: "say what became of what is unknown or failed", post: c.word(Resolve)},
	}
	for _, path := range []string{"kill", "actions/{id}/approve", "actions/{id}/reject"} {
		routes = append(routes, route{path: api + path, doc: "not in this version", post: notInThisVersion})
	}
	if c.Metrics != nil {
		metrics := promhttp.HandlerFor(c.Metrics, promhttp.HandlerOpts{ErrorLog: promLog{c.Log}, ErrorHandling: promhttp.ContinueOnError})
		routes = slices.Insert(routes, 3, route{path: "/metrics", doc: "Prometheus text", whole: metrics})
	}
	for i := range routes {
		if isList(routes[i].path) {
			routes[i].takes = append([]string{"limit", "before"}, routes[i].takes...)
		}
	}
	return routes
}

// isList says whether an address answers {"data":[…],"next":"…"} in pages.
func isList(path string) bool {
	return slices.Contains([]string{"updates", "orders", "positions", "decisions", "actions", "requests", "rules"}, strings.TrimPrefix(path, api))
}

// serve answers one address: method first, then what a POST needs, then the query, then the handler.
func (c *console) serve(rt route) http.Handler {
	allow := "GET, HEAD"
	if rt.post != nil {
		allow = "POST"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !slices.Contains(strings.Split(allow, ", "), r.Method) {
			w.Header().Set("Allow", allow)
			c.refuse(w, &problem{http.StatusMethodNotAllowed, general, fmt.Sprintf("%s takes %s, not %s", r.URL.Path, allow, r.Method)})
			return
		}
		if rt.whole != nil {
			rt.whole.ServeHTTP(w, r)
			return
		}
		if p := checkParameters(r, rt); p != nil {
			c.refuse(w, p)
			return
		}
		answer := rt.get
		if rt.post != nil {
			answer = rt.post
			if p := checkPost(r); p != nil {
				c.refuse(w, p)
				return
			}
		}
		body, p := answer(r)
		if p != nil {
			c.refuse(w, p)
			return
		}
		c.answer(w, http.StatusOK, body)
	})
}

// unknownAddress is every address that the table has not.
func (c *console) unknownAddress(w http.ResponseWriter, r *http.Request) {
	var known []string
	for _, rt := range c.routes {
		if rt.doc != "" && !strings.Contains(rt.path, "{") {
			known = append(known, rt.path)
		}
	}
	c.refuse(w, &problem{http.StatusNotFound, general, "no such address" + didYouMean(r.URL.Path, known) + "; / lists them"})
}

// promLog takes what promhttp has to say.
type promLog struct{ log *slog.Logger }

func (p promLog) Println(v ...any) { p.log.Error("metrics", "error", fmt.Sprint(v...)) }
