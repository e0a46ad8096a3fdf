package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"backstop/engine/console"
	"backstop/engine/journal"
)

// record is the durable record, open for reading beside a running service or without one. Its rows come from the
// private side's own handler over the store, so that a command prints the very rows that the API answers.
type record struct {
	store journal.Store
	api   http.Handler
	log   bytes.Buffer // where the handler tells why the store failed
}

// openRecord opens the store of the settings for reading.
func openRecord(ctx context.Context, s *settings) (*record, error) {
	store, err := openReadOnly(ctx, s)
	if err != nil {
		return nil, err
	}
	store = journal.Whole(store)
	r := &record{store: store}
	r.api = console.New(console.Options{Store: store, Engine: noEngine{}, Rules: func() console.RulesInfo { return console.RulesInfo{} },
		Log: slog.New(slog.NewTextHandler(&r.log, &slog.HandlerOptions{ReplaceAttr: onlyError}))})
	return r, nil
}

// onlyError keeps of a log line what went wrong.
func onlyError(_ []string, a slog.Attr) slog.Attr {
	if a.Key != "error" {
		return slog.Attr{}
	}
	return a
}

func (r *record) close() { _ = r.store.Close() } // nothing was written

// get answers one address of the API.
func (r *record) get(ctx context.Context, path string, query url.Values, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/api/v1/"+path+"?"+query.Encode(), nil)
	if err != nil {
		return misuse("%s: %v", path, err)
	}
	request.Host = "localhost"
	request.RemoteAddr = "127.0.0.1:0"
	w := &answerBuffer{header: http.Header{}, status: http.StatusOK}
	r.api.ServeHTTP(w, request)
	if w.status == http.StatusOK {
		if err := json.Unmarshal(w.body.Bytes(), answer); err != nil {
			return storeFails("journal: %v", err)
		}
		return nil
	}
	var refusal struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(w.body.Bytes(), &refusal) != nil || w.status >= http.StatusInternalServerError {
		return storeFails("journal: %s", strings.TrimPrefix(strings.TrimSpace(r.log.String()), "error="))
	}
	if w.status == http.StatusNotFound {
		return found("%s", refusal.Message)
	}
	return misuse("%s", refusal.Message)
}

// answerBuffer keeps an answer in memory.
type answerBuffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *answerBuffer) Header() http.Header         { return w.header }
func (w *answerBuffer) WriteHeader(status int)      { w.status = status }
func (w *answerBuffer) Write(b []byte) (int, error) { return w.body.Write(b) }

// noEngine stands where no service runs: nothing is asked of it.
type noEngine struct{}

func (noEngine) Views() []console.View                               { return nil }
func (noEngine) Ready() []console.Check                              { return nil }
func (noEngine) Control(context.Context, string, console.Verb) error { return nil }
func (noEngine) Reconcile(context.Context, string) error             { return nil }
func (noEngine) Obey(context.Context, console.Word) error            { return nil }

// list is one list of the API as a command prints it.
type list struct {
	path    string
	head    []string
	row     func(raw json.RawMessage) ([]string, error)
	filters []string // query parameters, each a flag with - for _
}

// filterDocs describes every filter.
var filterDocs = map[string]string{
	"account":  "only this account",
	"order_id": "only this order",
	"rule":     "only this rule",
	"state":    "only this state (of updates and orders: Kite's status)",
	"since":    "only since then: 15m, 2h, 2026-01-30 or 2026-01-30T09:15:00+05:30",
	"event":    "only of this kind",
}

// listFlags gives a command a list's filters.
func listFlags(cmd *cobra.Command, filters []string) {
	for _, f := range filters {
		cmd.Flags().String(strings.ReplaceAll(f, "_", "-"), "", filterDocs[f])
	}
	cmd.Flags().Int("limit", 100, "at most so many rows, newest first (up to 1000)")
	cmd.Flags().String("before", "", "go on where a page before ended")
}

// page reads one page of a list as the flags ask, and prints it.
func (p *program) page(cmd *cobra.Command, r *record, l list, asJSON bool) error {
	query := url.Values{}
	for _, f := range append([]string{"limit", "before"}, l.filters...) {
		if flag := cmd.Flags().Lookup(strings.ReplaceAll(f, "_", "-")); flag != nil && flag.Changed {
			query.Set(f, flag.Value.String())
		}
	}
	var page struct {
		Data []json.RawMessage `json:"data"`
		Next string            `json:"next"`
	}
	if err := r.get(cmd.Context(), l.path, query, &page); err != nil {
		return err
	}
	var rows [][]string
	for _, raw := range page.Data {
		if asJSON {
			if err := p.out.json(raw); err != nil {
				return err
			}
			continue
		}
		row, err := l.row(raw)
		if err != nil {
			return storeFails("journal: %v", err)
		}
		rows = append(rows, row)
	}
	switch {
	case asJSON:
	case len(rows) == 0:
		p.out.note("no %s", l.path)
	default:
		p.out.table(l.head, rows)
	}
	if page.Next != "" {
		p.out.note("there are more: --before %s", page.Next)
	}
	return nil
}
