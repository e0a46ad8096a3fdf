package main

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"backstop/actions"
)

func actionsCommand(p *program) *cobra.Command {
	commands := append([]*cobra.Command{actionsListCommand(p), actionsRetryCommand(p), actionsResolveCommand(p)}, laterActionsCommands()...)
	return parent("actions", "Show what was done or waits", commands...)
}

var actionsList = list{"actions", []string{"at", "account", "rule", "type", "state", "why", "order", "attempts", "error", "id"}, actionCells,
	[]string{"account", "order_id", "rule", "state", "since"}}

func actionsListCommand(p *program) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what was done or waits, newest first",
		Args:  arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			r, err := openRecord(cmd.Context(), s)
			if err != nil {
				return err
			}
			defer r.close()
			return p.page(cmd, r, actionsList, asJSON)
		},
	}
	settingFlags(cmd, "data", "store")
	listFlags(cmd, actionsList.filters)
	jsonFlag(cmd, &asJSON)
	return cmd
}

func actionCells(raw json.RawMessage) ([]string, error) {
	var a struct {
		ID        string        `json:"id"`
		Account   string        `json:"account"`
		Rule      string        `json:"rule"`
		Type      string        `json:"type"`
		State     actions.State `json:"state"`
		Why       string        `json:"why"`
		OrderID   string        `json:"order_id"`
		Attempts  int           `json:"attempts"`
		Error     *failure      `json:"error"`
		CreatedAt *time.Time    `json:"created_at"`
	}
	err := json.Unmarshal(raw, &a)
	return []string{shortTime(a.CreatedAt), a.Account, a.Rule, a.Type, string(a.State), a.Why, a.OrderID, strconv.Itoa(a.Attempts),
		a.Error.text(), a.ID}, err
}
