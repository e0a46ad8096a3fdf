package main

import (
	"errors"
	"fmt"
	"net/url"
	"os/user"

	"github.com/spf13/cobra"
)

func actionsRetryCommand(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "retry ID",
		Short: "Try once more what failed",
		Long: `Retry tries an action that failed once more, or one of its requests (actions list and journal list requests show
the ids). A placement is looked for in the order book first, by its tag, in three good readings, the last at least 20
seconds after it was sent; if it is there it is taken up, else a new one is sent. So there are never two.`,
		Args: arguments(1, 1, "the id of an action or request"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.sayWord(cmd, args[0], "retry", map[string]any{}, asJSON)
		},
	}
	settingFlags(cmd, "admin")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func actionsResolveCommand(p *program) *cobra.Command {
	var asJSON, failed bool
	var orderID, why string
	cmd := &cobra.Command{
		Use:   "resolve ID (--order ORDER_ID | --failed)",
		Short: "Say what became of what is unknown or failed",
		Long: `Resolve takes your word for what became of an action that is unknown or failed, or of one of its requests: the order
that it is, or that it failed. The order must be in today's order book, of the same instrument and side. What is unknown
is settled by the order book without it; resolve is for when you know better or can't wait.`,
		Args: arguments(1, 1, "the id of an action or request"),
		RunE: func(cmd *cobra.Command, args []string) error {
			given := cmd.Flags().Changed("order")
			body := map[string]any{}
			switch {
			case given == failed, given && orderID == "":
				return misuse("resolve wants one of --order ORDER_ID and --failed")
			case given && why != "":
				return misuse("--why goes with --failed")
			case given:
				body["order_id"] = orderID
			default:
				body["failed"], body["why"] = true, why
			}
			return p.sayWord(cmd, args[0], "resolve", body, asJSON)
		},
	}
	settingFlags(cmd, "admin")
	cmd.Flags().StringVar(&orderID, "order", "", "the order that it is")
	cmd.Flags().BoolVar(&failed, "failed", false, "it failed")
	cmd.Flags().StringVar(&why, "why", "", "why it failed, for the record")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func adoptCommand(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "adopt ORDER_ID...",
		Short: "Take on orders that were there before Backstop began",
		Long: `Adopt takes orders on that were in the book when Backstop first looked at the account, and that it has left alone since:
each is decided as if it were new, once. One that was decided already stays as it is. The orders must be of today.`,
		Args: arguments(1, -1, "an order id"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			var failed []error
			for _, id := range args {
				body := map[string]any{}
				if who, err := user.Current(); err == nil {
					body["by"] = who.Username
				}
				var answer asObject[adopted]
				err := s.service().post(cmd.Context(), "/api/v1/orders/"+url.PathEscape(id)+"/adopt", body, &answer)
				switch {
				case err != nil:
					failed = append(failed, err)
				case asJSON:
					if err := p.out.json(answer.raw); err != nil {
						return err
					}
				default:
					p.out.line("%s", answer.value.text())
				}
			}
			return errors.Join(failed...)
		},
	}
	settingFlags(cmd, "admin")
	jsonFlag(cmd, &asJSON)
	return cmd
}

// adopted is an order that was taken on.
type adopted struct {
	OrderID       string `json:"order_id"`
	Tradingsymbol string `json:"tradingsymbol"`
	Side          string `json:"transaction_type"`
	Quantity      int64  `json:"quantity"`
	Filled        int64  `json:"filled_quantity"`
	Status        string `json:"status"`
}

func (a *adopted) text() string {
	return fmt.Sprintf("order %s, %s %s %d, filled %d, %s, is decided like any other", a.OrderID, a.Side, a.Tradingsymbol, a.Quantity, a.Filled, a.Status)
}

// sayWord says a word about one action to the running service, and prints how it stands then.
func (p *program) sayWord(cmd *cobra.Command, id, word string, body map[string]any, asJSON bool) error {
	s, err := p.settings(cmd)
	if err != nil {
		return err
	}
	if who, err := user.Current(); err == nil {
		body["by"] = who.Username
	}
	var answer asObject[standing]
	if err := s.service().post(cmd.Context(), "/api/v1/actions/"+url.PathEscape(id)+"/"+word, body, &answer); err != nil {
		return err
	}
	if asJSON {
		return p.out.json(answer.raw)
	}
	p.out.line("%s", answer.value.text())
	return nil
}

// standing is how an action, or a request without one, stands.
type standing struct {
	Rule    string   `json:"rule"`
	Type    string   `json:"type"`
	For     string   `json:"for"`    // of a request
	Method  string   `json:"method"` // of a request
	State   string   `json:"state"`
	Why     string   `json:"why"`
	OrderID string   `json:"order_id"`
	Error   *failure `json:"error"`
}

func (s *standing) text() string {
	what := fmt.Sprintf("%s of %s", s.Type, s.Rule)
	if s.Method != "" {
		what = fmt.Sprintf("%s for %s", s.Method, s.For)
	}
	text := what + " is " + s.State
	if s.Why != "" {
		text += " (" + s.Why + ")"
	}
	if s.Error != nil {
		text += ": " + s.Error.text()
	}
	return text
}
