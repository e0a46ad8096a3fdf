package console

import (
	"context"
	"time"

	"backstop/engine/order"
)

// Verb is a person's word to the engine.
type Verb string

// The verbs of Control.
const (
	Pause  Verb = "pause"
	Resume Verb = "resume"
)

// Engine is what the console needs of the engine. Views and Ready answer from memory, at once, and what they
// return is the caller's. Control and Reconcile return when the word is durable and Views shows it: Reconcile
// when the book was read and folded. An empty account means every account. Obey returns when the word is durable and
// the store shows it, or a *Refusal. An *actions.Error is shown with its message and hint, any other error is only logged.
type Engine interface {
	Views() []View
	Ready() []Check
	Control(ctx context.Context, account string, verb Verb) error
	Reconcile(ctx context.Context, account string) error
	Obey(ctx context.Context, w Word) error
}

// Check is one thing that must hold before the service is armed: journal, rules, session of an account,
// reconciler. What is switched off on purpose is OK and says so in Text.
type Check struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	Text string `json:"text"`
}

// View is one account's lane as it stands.
type View struct {
	Account      string
	Mode         string
	Paper        bool // it trades at a paper exchange
	Armed        bool
	Session      bool
	SessionWhy   string
	SessionUntil time.Time // when the session ends, at the latest; zero: there is none
	Paused       bool
	Stopped      string    // a broken invariant stopped the lane (invariant 9)
	LastRead     time.Time // start of the last good book reading; zero: none yet
	Orders       int       // of the day
	Waiting      int       // requests
	WaitsSince   time.Time // when the one that waits longest was asked for; zero: none waits
	WaitsWhy     string    // what that one waits for
	Unknown      int       // requests
	Missed       Missed
	Positions    []Position
	Groups       []Group // the open ones
}

// Position is a position as claimed, with the confirmed quantity beside it.
type Position struct {
	Account string `json:"account"`
	order.Key
	Quantity  int64 `json:"quantity"`
	Confirmed int64 `json:"confirmed_quantity"`
	Overnight int64 `json:"overnight_quantity"`
}

// Group is an open group: what is open and what covers it.
type Group struct {
	Account string
	ID      string
	order.Key
	Side    string
	Open    int64
	Covered int64
	Entry   order.Price // 0 while Kite has not told it; then null in the answer
}

// Rule is one rule of the file as loaded.
type Rule struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Enabled     bool     `json:"enabled"`
	Mode        string   `json:"mode"`     // "" for the service's
	On          []string `json:"on"`       // kinds
	Accounts    []string `json:"accounts"` // empty: all
}

// RulesInfo is the rules file in force. Source is its text with ${env.NAME} as written, never expanded; values
// that look like secrets written in clear are masked all the same before they leave.
type RulesInfo struct {
	File    string
	Version string
	Mode    string // the service's
	Problem string // why a newer file was not taken; "" where none is
	Source  string

	Loaded    time.Time
	RefusedAt time.Time     // of Problem
	Waiting   *WaitingRules // nil: none wait
	Compared  string        // what differed over the day when these were loaded; "" at the start
	Rules     []Rule        // in the file's order
}

// WaitingRules are changed rules that wait for a yes (reload: ask).
type WaitingRules struct {
	Version  string
	Since    time.Time
	Compared string // what they would have decided otherwise today
}
