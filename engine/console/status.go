package console

import (
	"net/http"

	"backstop/engine/order"
	"backstop/rules"
)

// accountRow is one account of the status.
type accountRow struct {
	Account    string     `json:"account"`
	Mode       string     `json:"mode"`
	Paper      bool       `json:"paper"` // it trades at a paper exchange
	Armed      bool       `json:"armed"`
	Session    bool       `json:"session"`
	SessionWhy string     `json:"session_why"`
	Until      stamp      `json:"session_until"` // null without a session
	Paused     bool       `json:"paused"`
	Stopped    string     `json:"stopped"`
	LastReadAt stamp      `json:"last_read_at"`
	Orders     int        `json:"orders"`
	Waiting    int        `json:"waiting"`
	WaitsSince stamp      `json:"waits_since"` // of the request that waits longest; null where none does
	WaitsWhy   string     `json:"waits_why"`   // session, address, confirm …
	Unknown    int        `json:"unknown"`
	Missed     Missed     `json:"missed"`
	Positions  []Position `json:"positions"`
	Groups     []groupRow `json:"groups"`
}

// Missed counts, of today, what pushes did not tell.
type Missed struct {
	Updates        int     `json:"updates"`         // that the order book told
	Orders         int     `json:"orders"`          // that ended so
	ByStream       int     `json:"by_stream"`       // orders that the stream told ended and no postback did
	LongestSeconds float64 `json:"longest_seconds"` // the longest that the order book came after the broker's own time
}

type groupRow struct {
	Account string `json:"account"`
	ID      string `json:"id"`
	order.Key
	Side    string       `json:"side"`
	Open    int64        `json:"open_quantity"`
	Covered int64        `json:"covered_quantity"`
	Entry   *order.Price `json:"entry_price"` // null while Kite has not told it
}

func newAccountRow(v View) accountRow {
	row := accountRow{v.Account, v.Mode, v.Paper, v.Armed, v.Session, v.SessionWhy, stamp(v.SessionUntil), v.Paused, v.Stopped, stamp(v.LastRead), v.Orders, v.Waiting, stamp(v.WaitsSince), v.WaitsWhy, v.Unknown,
		v.Missed, orEmpty(v.Positions), make([]groupRow, len(v.Groups))}
	for i, g := range v.Groups {
		row.Groups[i] = groupRow{g.Account, g.ID, g.Key, g.Side, g.Open, g.Covered, nil}
		if g.Entry != 0 {
			row.Groups[i].Entry = &v.Groups[i].Entry
		}
	}
	return row
}

// status is how the service stands; a POST answers with it too.
func (c *console) status(*http.Request) (any, *problem) {
	views, checks, info := c.Engine.Views(), orEmpty(c.Engine.Ready()), c.Rules()
	accounts := make([]accountRow, len(views))
	for i, v := range views {
		accounts[i] = newAccountRow(v)
	}
	return struct {
		Version      string       `json:"version"`
		Mode         string       `json:"mode"`
		RulesVersion string       `json:"rules_version"`
		Ready        bool         `json:"ready"`
		Checks       []Check      `json:"checks"`
		Accounts     []accountRow `json:"accounts"`
		Rules        rulesRow     `json:"rules"`
	}{c.Version, info.Mode, info.Version, ready(checks), checks, accounts, rulesRowOf(&info)}, nil
}

// rulesRow says which rules are in force, and what became of a change of theirs.
type rulesRow struct {
	File      string      `json:"file"`
	Version   string      `json:"version"`
	LoadedAt  stamp       `json:"loaded_at"`
	Problem   string      `json:"problem"` // why a newer file was not taken, or empty
	RefusedAt stamp       `json:"refused_at"`
	Waiting   *waitingRow `json:"waiting"` // a newer file that waits for a yes
	Compared  string      `json:"compared"`
}

type waitingRow struct {
	Version  string `json:"version"`
	Since    stamp  `json:"since"`
	Compared string `json:"compared"`
}

func rulesRowOf(info *RulesInfo) rulesRow {
	row := rulesRow{File: info.File, Version: info.Version, LoadedAt: stamp(info.Loaded), Problem: info.Problem, RefusedAt: stamp(info.RefusedAt), Compared: info.Compared}
	if w := info.Waiting; w != nil {
		row.Waiting = &waitingRow{w.Version, stamp(w.Since), w.Compared}
	}
	return row
}

// rules is the rules in force, a list like the others, and beside it the file that they come from.
func (c *console) rules(r *http.Request) (any, *problem) {
	q, from, p := c.list(r, "rules")
	if p != nil {
		return nil, p
	}
	info, rows := c.Rules(), []Rule{}
	for _, rule := range info.Rules {
		if q.Rule == "" || q.Rule == rule.Name {
			rule.On, rule.Accounts = orEmpty(rule.On), orEmpty(rule.Accounts)
			rows = append(rows, rule)
		}
	}
	list, p := pageOf("rules", rows, q.Limit, from, func(x Rule) string { return x.Name })
	if p != nil {
		return nil, p
	}
	return struct {
		page[Rule]
		rulesRow
		Mode   string `json:"mode"`
		Source string `json:"source"`
	}{list, rulesRowOf(&info), info.Mode, rules.WithoutSecrets(info.Source)}, nil
}
