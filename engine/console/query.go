package console

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"backstop/actions"
	"backstop/engine/journal"
	"backstop/engine/order"
)

// parameters are every query parameter of the API.
var parameters = []string{"limit", "before", "account", "order_id", "rule", "state", "since", "ignored", "raw", "event", "matched"}

// checkParameters refuses what the address does not take: a filter that is silently dropped shows too much.
func checkParameters(r *http.Request, rt route) *problem {
	if len(r.URL.RawQuery) > queryMax {
		return bad(fmt.Sprintf("the query is longer than %d bytes", queryMax))
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return bad("the query can't be read: write name=value, joined by &, special characters as %XX")
	}
	for name, all := range values {
		switch {
		case slices.Contains(rt.takes, name):
			if len(all) > 1 {
				return bad(name + " is given twice")
			}
		case slices.Contains(parameters, name):
			return bad(fmt.Sprintf("%s does not take %s; it takes %s", rt.path, name, orNothing(rt.takes)))
		default:
			return bad(fmt.Sprintf("unknown query parameter %q%s (%s takes %s)", name, didYouMean(name, rt.takes), rt.path, orNothing(rt.takes)))
		}
	}
	return nil
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// list reads a list's page and filters. An empty value does not filter.
func (c *console) list(r *http.Request, name string) (q journal.Query, from cursor, p *problem) {
	get := r.URL.Query().Get
	q = journal.Query{Account: get("account"), OrderID: get("order_id"), Rule: get("rule"), Limit: limitDefault}
	if v := get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > limitMax {
			return q, from, bad(fmt.Sprintf("limit must be a whole number from 1 to %d, not %q", limitMax, v))
		}
		q.Limit = n
	}
	if v := get("since"); v != "" {
		if q.Since, p = parseSince(v, c.Now()); p != nil {
			return q, from, p
		}
	}
	if v := get("before"); v != "" {
		if from, p = parseCursor(v, name); p != nil {
			return q, from, p
		}
	}
	q.Before = from.Store
	return q, from, nil
}

// parseSince reads a moment: RFC 3339, a day in IST, or how long ago.
func parseSince(v string, now time.Time) (time.Time, *problem) {
	// A + that was not written as %2B comes as a space.
	if t, err := time.Parse(time.RFC3339Nano, strings.Replace(v, " ", "+", 1)); err == nil {
		return t, nil
	}
	if t, err := time.ParseInLocation(time.DateOnly, v, order.IST); err == nil {
		return t, nil
	}
	if days, ok := strings.CutSuffix(v, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(v); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	return time.Time{}, bad(fmt.Sprintf("since must be a time (2026-01-30T09:15:00+05:30), a day (2026-01-30) or how long ago (15m, 2h, 7d), not %q", v))
}

// parseState reads the state of an action or a request.
func parseState(r *http.Request) (string, *problem) {
	v := strings.ToLower(r.URL.Query().Get("state"))
	var known []string
	for _, s := range actions.States() {
		known = append(known, string(s))
	}
	if v != "" && !slices.Contains(known, v) {
		return "", bad(fmt.Sprintf("unknown state %q%s; it is one of %s", v, didYouMean(v, known), strings.Join(known, ", ")))
	}
	return v, nil
}

// parseStatus reads the state of an order or an update: Kite's status.
func parseStatus(r *http.Request) string { return strings.ToUpper(r.URL.Query().Get("state")) }

// parseKind reads the kind of an event.
func parseKind(r *http.Request) (string, *problem) {
	v := r.URL.Query().Get("event")
	var known []string
	for _, k := range order.Kinds() {
		known = append(known, string(k.Kind))
	}
	if v != "" && !slices.Contains(known, v) {
		return "", bad(fmt.Sprintf("unknown event %q%s; it is a kind of rules.yaml, such as fill", v, didYouMean(v, known)))
	}
	return v, nil
}

// parseBool reads a yes or no; nil where it is not given.
func parseBool(r *http.Request, name string) (*bool, *problem) {
	var yes bool
	switch v := r.URL.Query().Get(name); v {
	case "":
		return nil, nil
	case "1", "true":
		yes = true
	case "0", "false":
	default:
		return nil, bad(fmt.Sprintf("%s must be true or false, not %q", name, v))
	}
	return &yes, nil
}

// cursor is where the next page of a list begins. Outside it is opaque text. A list kept by the store uses Store
// alone, a list of memory Row; a page of decisions may end inside an event: then the rest of that event comes
// first, then what lies behind Store, or nothing where End is set.
type cursor struct {
	List  string `json:"l"`
	Store string `json:"s,omitempty"`
	Row   string `json:"r,omitempty"`
	Event string `json:"e,omitempty"`
	Index int    `json:"i,omitempty"`
	End   bool   `json:"z,omitempty"`
}

func (k cursor) text() string {
	b, err := json.Marshal(k)
	if err != nil { // strings, a number and a bool always encode
		panic("console: cursor: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// parseCursor reads what text wrote, for the same list.
func parseCursor(v, list string) (cursor, *problem) {
	var k cursor
	b, err := base64.RawURLEncoding.DecodeString(v)
	if err == nil {
		err = json.Unmarshal(b, &k)
	}
	switch {
	case err != nil || k.Index < 0 || !isList(api+k.List):
		return cursor{}, bad("before is no cursor of this list: pass the next of the page before, unchanged")
	case k.List != list:
		return cursor{}, bad(fmt.Sprintf("before is a cursor of %s, not of %s", k.List, list))
	}
	return k, nil
}
