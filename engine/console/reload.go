package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

var reloadProblem = bad(`the body must be empty, {} or {"yes":true}`)

// reload takes changed rules and answers with the status as it then is. Rules that can't be taken are a 409 that says why.
func (c *console) reload(r *http.Request) (any, *problem) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, bad("the body could not be read")
	}
	var want struct {
		Yes bool `json:"yes"`
	}
	if len(bytes.TrimSpace(body)) > 0 {
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&want); err != nil {
			return nil, reloadProblem
		}
	}
	if c.Reload == nil {
		return notInThisVersion(r)
	}
	// Not the request's own end: rules that are being taken are taken although the asker hung up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), controlWithin)
	defer cancel()
	err = c.Reload(ctx, want.Yes)
	var refused *Refusal
	if errors.As(err, &refused) {
		return nil, &problem{http.StatusConflict, input, refused.Why}
	}
	if err != nil {
		return nil, c.disobeyed("reload", "", err)
	}
	c.Log.Info("console: reload", "yes", want.Yes, "from", r.RemoteAddr)
	return c.status(r)
}
