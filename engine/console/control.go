package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"backstop/actions"
)

// control gives the engine a person's word and answers with the status as it then is.
func (c *console) control(verb Verb) func(r *http.Request) (any, *problem) {
	return func(r *http.Request) (any, *problem) {
		return c.obey(r, string(verb), func(ctx context.Context, account string) error {
			return c.Engine.Control(ctx, account, verb)
		})
	}
}

// reconcile reads the order book now and answers with the status after it.
func (c *console) reconcile(r *http.Request) (any, *problem) {
	return c.obey(r, "reconcile", c.Engine.Reconcile)
}

func (c *console) obey(r *http.Request, word string, do func(ctx context.Context, account string) error) (any, *problem) {
	account, p := c.account(r)
	if p != nil {
		return nil, p
	}
	// Not the request's own end: a pause that was asked for holds although the asker hung up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), controlWithin)
	defer cancel()
	if err := do(ctx, account); err != nil {
		return nil, c.disobeyed(word, account, err)
	}
	c.Log.Info("console: "+word, "account", account, "from", r.RemoteAddr)
	return c.status(r)
}

func (c *console) disobeyed(word, account string, err error) *problem {
	c.Log.Error("console: "+word, "account", account, "error", err)
	var known *actions.Error
	switch {
	case errors.As(err, &known):
		message := word + ": " + known.Message
		if known.Hint != "" {
			message += " (" + known.Hint + ")"
		}
		return &problem{http.StatusBadGateway, network, message}
	case errors.Is(err, context.DeadlineExceeded):
		return &problem{http.StatusGatewayTimeout, network, fmt.Sprintf("%s: no answer within %v; it may still happen: GET %sstatus shows it", word, controlWithin, api)}
	default:
		return &problem{http.StatusServiceUnavailable, general, word + " failed; the log says why"}
	}
}

var bodyProblem = bad(`the body must be empty, {} or {"account":"AB1234"}`)

// account reads a POST's body: nothing or {} for every account, or {"account":"AB1234"}.
func (c *console) account(r *http.Request) (string, *problem) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return "", &problem{http.StatusRequestEntityTooLarge, input, fmt.Sprintf("the body is larger than %d bytes", bodyMax)}
	case err != nil:
		return "", bad("the body could not be read")
	case len(bytes.TrimSpace(body)) == 0:
		return "", nil
	}
	var want map[string]any
	if err := json.Unmarshal(body, &want); err != nil || want == nil {
		return "", bodyProblem
	}
	account, given := want["account"].(string)
	if !given && len(want) > 0 || len(want) > 1 {
		return "", bodyProblem
	}
	// "" and null would mean every account: a script whose variable is empty did not ask for that.
	if given && account == "" {
		return "", bad("account is empty; leave it out for every account")
	}
	if !given {
		return "", nil
	}
	var known []string
	for _, v := range c.Engine.Views() {
		known = append(known, v.Account)
	}
	if !slices.Contains(known, account) {
		return "", &problem{http.StatusNotFound, input, "no such account; there is " + strings.Join(known, ", ")}
	}
	return account, nil
}

// notInThisVersion answers what the contract names and a later version brings.
func notInThisVersion(r *http.Request) (any, *problem) {
	return nil, &problem{http.StatusNotImplemented, general, "POST " + r.URL.Path + " is not in this version"}
}
