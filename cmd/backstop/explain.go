package main

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstop/actions"
	"backstop/engine/order"
	"backstop/rules"
)

func explainCommand(p *program) *cobra.Command {
	var asJSON, words bool
	cmd := &cobra.Command{
		Use:   "explain ID",
		Short: "Say why something was or was not done",
		Long: `Explain takes the id of a decision and shows each part of its condition with its value, and what would have had to
differ where it did not match; or an order id, and shows one page from the raw updates to the broker's answer, with why
nothing happened for each rule that listened; or the id of an action or a request. --words lists all that
rules can say: words, functions, kinds, fields and actions. It reads the store beside a running service.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if words {
				return arguments(0, 0, "")(cmd, args)
			}
			return arguments(1, 1, "the id of a decision or an order, or --words")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if words {
				return p.explainWords(asJSON)
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
			return p.explain(cmd.Context(), r, args[0], asJSON)
		},
	}
	settingFlags(cmd, "data", "store")
	jsonFlag(cmd, &asJSON)
	cmd.Flags().BoolVar(&words, "words", false, "list every word, function, kind, field and action of the rules")
	return cmd
}

// explainWords prints the language: words, functions, kinds, fields, actions.
func (p *program) explainWords(asJSON bool) error {
	entries := rules.Reference(actions.Builtin())
	if asJSON {
		for _, e := range entries {
			if err := p.out.json(e); err != nil {
				return err
			}
		}
		return nil
	}
	for from := 0; from < len(entries); {
		part := entries[from].Part
		var rows [][]string
		for ; from < len(entries) && entries[from].Part == part; from++ {
			rows = append(rows, referenceRow(entries[from]))
		}
		p.out.table([]string{part, "type", "without it", "what"}, rows)
	}
	return nil
}

func referenceRow(e rules.Entry) []string {
	doc := e.Doc
	kind := strings.TrimSpace(e.Type + " " + e.Unit)
	switch {
	case len(e.Values) == 0:
	case e.Part != rules.PartWord:
		kind = strings.Join(e.Values, " | ")
	case len(e.Values) <= 8 && !strings.Contains(doc, e.Values[0]):
		doc += ": " + strings.Join(e.Values, ", ")
	}
	if e.Example != "" {
		doc += " (" + e.Example + ")"
	}
	without := e.Default
	if e.Required {
		without = "(required)"
	}
	return []string{e.Name, kind, without, doc}
}

// explain finds out what an id is of.
func (p *program) explain(ctx context.Context, r *record, id string, asJSON bool) error {
	if isID(id) { // of an action or a request: what it followed from
		as, _, err := r.store.Actions(ctx, query(id))
		if err == nil && len(as) > 0 {
			return p.explain(ctx, r, as[0].Decision, asJSON)
		}
		rs, _, err := r.store.Requests(ctx, query(id))
		switch {
		case err != nil || len(rs) == 0:
		case rs[0].ActionID != "" && rs[0].ActionID != id:
			return p.explain(ctx, r, rs[0].ActionID, asJSON)
		case rs[0].OrderID != "":
			return p.explainOrder(ctx, r, rs[0].OrderID, asJSON)
		}
		return notFound(id)
	}
	if len(id) > idLength && id[idLength] == '-' && isID(id[:idLength]) {
		return p.explainDecision(ctx, r, id, asJSON)
	}
	return p.explainOrder(ctx, r, id, asJSON)
}

// idLength is how long our own ids are (actions.ID).
const idLength = 18

func isID(text string) bool { return actions.IsTag("bs" + text) }

// decision is what explain prints of GET /api/v1/decisions/{id}.
type decision struct {
	Account      string             `json:"account"`
	At           *time.Time         `json:"at"`
	Event        order.Kind         `json:"event"`
	OrderID      string             `json:"order_id"`
	Rule         string             `json:"rule"`
	Matched      bool               `json:"matched"`
	Why          string             `json:"why"`
	RulesVersion string             `json:"rules_version"`
	Actions      []string           `json:"actions"`
	Explain      *rules.Explanation `json:"explain"`
	Doc          *order.Event       `json:"doc"`
}

func (p *program) explainDecision(ctx context.Context, r *record, id string, asJSON bool) error {
	var answer asObject[decision]
	if err := r.get(ctx, "decisions/"+id, nil, &answer); err != nil {
		return err
	}
	if asJSON {
		return p.out.json(answer.raw)
	}
	d, out := &answer.value, p.out
	word := out.bad("did not match")
	if d.Matched {
		word = out.good("matched")
	}
	of := ""
	if d.OrderID != "" {
		of = " of order " + d.OrderID
	}
	out.line("%s %s: %s%s at %s, account %s, rules %s", out.bold(d.Rule), word, d.Event, of, shortTime(d.At), d.Account, d.RulesVersion)
	if d.Doc != nil {
		out.line("  event: %s", printable(eventLine(d.Doc)))
	}
	if !d.Matched {
		out.line("  why not: %s", printable(whyNot(d.Why, string(d.Event))))
	}
	if d.Explain != nil && d.Explain.Source != "" {
		head := "  when:"
		if !d.Matched { // what came before it was true, what comes after it was not evaluated
			head = "  the first part of when that was not true:"
		}
		out.line("%s", head)
		for line := range strings.SplitSeq(strings.TrimRight(d.Explain.String(), "\n"), "\n") {
			out.line("    %s", printable(line))
		}
		if d.Explain.Needed != "" {
			out.line("  it would have matched with: %s", out.warn(printable(d.Explain.Needed)))
		}
	}
	w := whose{id, d.Rule, d.Account, d.OrderID, time.Time{}, d.Actions}
	if d.At != nil {
		w.at = *d.At
	}
	ids, err := r.actionsOf(ctx, w)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := p.explainAction(ctx, r, id, "  "); err != nil {
			return err
		}
	}
	return nil
}

// explainAction prints an action and the requests that it became.
func (p *program) explainAction(ctx context.Context, r *record, id, indent string) error {
	rows, _, err := r.store.Actions(ctx, query(id))
	if err != nil {
		return storeFails("journal: %v", err)
	}
	if len(rows) == 0 {
		p.out.line("%saction %s: not begun", indent, id)
		return nil
	}
	a := &rows[0]
	p.out.line("%s%s: %s%s", indent, a.Type, p.out.state(a.State), printable(because(a.Why, a.Error, a.Assumed)))
	if a.Message != nil {
		p.out.line("%s  %s", indent, printable(messageLine(a.Message)))
	}
	for _, id := range a.Requests {
		rs, _, err := r.store.Requests(ctx, query(id))
		if err != nil {
			return storeFails("journal: %v", err)
		}
		for i := range rs {
			p.explainRequest(&rs[i], indent+"  ")
		}
	}
	return nil
}

// explainRequest prints one call and the broker's answer.
func (p *program) explainRequest(r *actions.Request, indent string) {
	p.out.line("%s%s", indent, printable(requestLine(r)))
	answer := p.out.state(r.State) + printable(because(r.Why, r.Error, nil))
	if r.OrderID != "" && r.Call.Method == actions.Place {
		answer += ", order " + r.OrderID
	}
	if r.Tag() != "" {
		answer += ", tag " + r.Tag()
	}
	p.out.line("%s  %s, %s", indent, answer, plural(r.Attempts, "attempt"))
}

// because says why something stands as it does.
func because(why string, failed *actions.Error, assumed []string) string {
	s := ""
	if why != "" {
		s += " (" + why + ")"
	}
	if len(assumed) > 0 {
		s += ", assumed: " + strings.Join(assumed, ", ")
	}
	if failed != nil {
		s += ": " + failed.Error()
	}
	return s
}

// orderPage is all that is kept of one order, as explain --json prints it: rows of the API.
type orderPage struct {
	Order     json.RawMessage   `json:"order"`
	Updates   []json.RawMessage `json:"updates"`
	Decisions []json.RawMessage `json:"decisions"`
	Actions   []json.RawMessage `json:"actions"`
	Requests  []json.RawMessage `json:"requests"`
}
