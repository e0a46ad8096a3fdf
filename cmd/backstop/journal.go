package main

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

func journalCommand(p *program) *cobra.Command {
	commands := append([]*cobra.Command{journalListCommand(p), journalShowCommand(p)}, journalKeepCommands(p)...)
	return parent("journal", "Read and keep the durable record", commands...)
}

// journalLists are what journal list shows, the first by default.
var journalLists = []list{
	{"updates", []string{"id", "received", "account", "source", "order", "status", "filled", "ignored"}, updateCells,
		[]string{"account", "order_id", "state", "since"}},
	{"orders", []string{"order", "account", "instrument", "side", "quantity", "filled", "type", "price", "trigger", "status", "placed as"}, orderCells,
		[]string{"account", "order_id", "state", "since"}},
	{"decisions", []string{"at", "account", "event", "order", "rule", "matched", "why", "id"}, decisionCells,
		[]string{"account", "order_id", "rule", "since", "event"}},
	{"requests", []string{"at", "account", "request", "for", "state", "why", "order", "attempts", "error", "id"}, requestCells,
		[]string{"account", "order_id", "rule", "state", "since"}},
}

func listNames() []string {
	var names []string
	for _, l := range journalLists {
		names = append(names, l.path)
	}
	return names
}

func journalListCommand(p *program) *cobra.Command {
	var asJSON bool
	names := strings.Join(listNames(), "|")
	cmd := &cobra.Command{
		Use:       "list [" + names + "]",
		Short:     "List what was received, decided and sent, newest first",
		Long:      "List shows the updates that were acknowledged, with the reason where one changed nothing; or the folded orders, the\ndecisions or the requests. It reads the store beside a running service.",
		Args:      arguments(0, 1, ""),
		ValidArgs: listNames(),
		RunE: func(cmd *cobra.Command, args []string) error {
			l := journalLists[0]
			if len(args) > 0 {
				i := slices.Index(listNames(), args[0])
				if i < 0 && args[0] == "actions" {
					return misuse("journal list: actions have a list of their own: backstop actions list")
				}
				if i < 0 {
					return misuse("journal list: no list %q: there are %s", args[0], strings.Join(listNames(), ", "))
				}
				l = journalLists[i]
			}
			for _, f := range []string{"rule", "state", "event"} {
				if cmd.Flags().Changed(f) && !slices.Contains(l.filters, f) {
					return misuse("journal list %s takes no --%s", l.path, f)
				}
			}
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			r, err := openRecord(cmd.Context(), s)
			if err != nil {
				return err
			}
			defer r.close()
			return p.page(cmd, r, l, asJSON)
		},
	}
	settingFlags(cmd, "data", "store")
	listFlags(cmd, []string{"account", "order_id", "rule", "state", "since", "event"})
	jsonFlag(cmd, &asJSON)
	return cmd
}

func journalShowCommand(p *program) *cobra.Command {
	var asJSON bool
	var account string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one row whole: an update with its raw payload, an order, a decision, an action or a request",
		Args:  arguments(1, 1, "the id of a row"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			r, err := openRecord(cmd.Context(), s)
			if err != nil {
				return err
			}
			defer r.close()
			rows, err := r.find(cmd.Context(), args[0], account)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if asJSON {
					err = p.out.json(row)
				} else {
					var text bytes.Buffer
					err = json.Indent(&text, row, "", "  ")
					p.out.line("%s", printableLines(text.String()))
				}
				if err != nil {
					return storeFails("journal: %v", err)
				}
			}
			return nil
		},
	}
	settingFlags(cmd, "data", "store")
	cmd.Flags().StringVar(&account, "account", "", "only this account")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// sequenceDigits tells the number of an update from an order id, which has 15 digits or more.
const sequenceDigits = 12

// find looks a row up by an id of any kind.
func (r *record) find(ctx context.Context, id, account string) ([]json.RawMessage, error) {
	if _, err := strconv.ParseInt(id, 10, 64); err == nil && len(id) <= sequenceDigits {
		return r.update(ctx, id, account)
	}
	for _, kind := range []string{"decisions/", "actions/", "requests/"} {
		var row json.RawMessage
		if err := r.get(ctx, kind+id, nil, &row); err == nil {
			return []json.RawMessage{row}, nil
		}
	}
	rows, _, err := r.store.Orders(ctx, journal.Query{OrderID: id, Account: account})
	if err != nil {
		return nil, storeFails("journal: %v", err)
	}
	var found []json.RawMessage
	for _, row := range rows {
		found = append(found, json.RawMessage(row.Doc))
	}
	if len(found) == 0 {
		return nil, notFound(id)
	}
	return found, nil
}

func notFound(id string) error {
	return found("nothing is kept under %s: ids are those of journal list and actions list", printable(id))
}

// update is the update of that number; accounts count their own.
func (r *record) update(ctx context.Context, id, account string) ([]json.RawMessage, error) {
	inputs, _, err := r.store.Inputs(ctx, journal.Query{ID: id, Account: account})
	if err != nil {
		return nil, storeFails("journal: %v", err)
	}
	var rows []json.RawMessage
	for _, in := range inputs {
		doc := json.RawMessage(in.Doc)
		if !json.Valid(in.Doc) {
			doc, err = json.Marshal(string(in.Doc))
		}
		row, err2 := json.Marshal(struct {
			ID      string            `json:"id"`
			Account string            `json:"account"`
			At      time.Time         `json:"received_at"`
			Kind    journal.InputKind `json:"kind"`
			Source  order.Source      `json:"source,omitempty"`
			OrderID string            `json:"order_id,omitempty"`
			Status  string            `json:"status,omitempty"`
			Filled  int64             `json:"filled_quantity"`
			Ignored string            `json:"ignored"`
			Raw     json.RawMessage   `json:"raw"`
		}{id, in.Account, in.At.In(order.IST), in.Kind, in.Source, in.OrderID, in.Status, in.Filled, in.Ignored, doc})
		if err != nil || err2 != nil {
			return nil, storeFails("journal: update %s cannot be shown", id)
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, notFound(id)
	}
	return rows, nil
}

// The cells of the lists, from the API's rows.

func updateCells(raw json.RawMessage) ([]string, error) {
	var u struct {
		ID         string     `json:"id"`
		Account    string     `json:"account"`
		Source     string     `json:"source"`
		ReceivedAt *time.Time `json:"received_at"`
		OrderID    string     `json:"order_id"`
		Status     string     `json:"status"`
		Filled     int64      `json:"filled_quantity"`
		Ignored    string     `json:"ignored"`
	}
	err := json.Unmarshal(raw, &u)
	return []string{u.ID, shortTime(u.ReceivedAt), u.Account, u.Source, u.OrderID, u.Status, strconv.FormatInt(u.Filled, 10), u.Ignored}, err
}

func orderCells(raw json.RawMessage) ([]string, error) {
	var o struct {
		OrderID string `json:"order_id"`
		Account string `json:"account"`
		order.Key
		Side     string      `json:"transaction_type"`
		Quantity int64       `json:"quantity"`
		Filled   int64       `json:"filled_quantity"`
		Type     string      `json:"order_type"`
		Price    order.Price `json:"price"`
		Trigger  order.Price `json:"trigger_price"`
		Status   string      `json:"status"`
		PlacedAs string      `json:"placed_as"`
	}
	err := json.Unmarshal(raw, &o)
	return []string{o.OrderID, o.Account, o.Instrument() + " " + o.Product, o.Side, strconv.FormatInt(o.Quantity, 10),
		strconv.FormatInt(o.Filled, 10), o.Type, orDash(o.Price), orDash(o.Trigger), o.Status, o.PlacedAs}, err
}

func decisionCells(raw json.RawMessage) ([]string, error) {
	var d struct {
		ID      string     `json:"id"`
		Account string     `json:"account"`
		At      *time.Time `json:"at"`
		Event   string     `json:"event"`
		OrderID string     `json:"order_id"`
		Rule    string     `json:"rule"`
		Matched bool       `json:"matched"`
		Why     string     `json:"why"`
	}
	err := json.Unmarshal(raw, &d)
	matched := "no"
	if d.Matched {
		matched = "yes"
	}
	return []string{shortTime(d.At), d.Account, d.Event, d.OrderID, d.Rule, matched, d.Why, d.ID}, err
}

func requestCells(raw json.RawMessage) ([]string, error) {
	var r struct {
		ID        string         `json:"id"`
		Account   string         `json:"account"`
		For       string         `json:"for"`
		Method    string         `json:"method"`
		Path      string         `json:"path"`
		Params    actions.Params `json:"params"`
		State     actions.State  `json:"state"`
		Why       string         `json:"why"`
		OrderID   string         `json:"order_id"`
		Attempts  int            `json:"attempts"`
		Error     *failure       `json:"error"`
		CreatedAt *time.Time     `json:"created_at"`
	}
	err := json.Unmarshal(raw, &r)
	what := r.Method + " " + r.Path
	if r.Params.Quantity != 0 {
		what += " " + strings.TrimSpace(r.Params.TransactionType+" "+strconv.FormatInt(r.Params.Quantity, 10)+" "+r.Params.Tradingsymbol)
	}
	return []string{shortTime(r.CreatedAt), r.Account, what, r.For, string(r.State), r.Why, r.OrderID, strconv.Itoa(r.Attempts), r.Error.text(), r.ID}, err
}

// failure is why an action or a request failed, as the API tells it.
type failure struct {
	Type    string `json:"type"`
	Message string `json:"message"`
	Hint    string `json:"hint"`
}

func (f *failure) text() string {
	switch {
	case f == nil:
		return ""
	case f.Hint == "":
		return f.Type + ": " + f.Message
	}
	return f.Type + ": " + f.Message + " (" + f.Hint + ")"
}

// shortTime is a moment in IST, "" for none.
func shortTime(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	return t.In(order.IST).Format("2006-01-02 15:04:05")
}

// orDash is a price, or a dash where there is none.
func orDash(p order.Price) string {
	if p == 0 {
		return "-"
	}
	return p.String()
}
