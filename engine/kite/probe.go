package kite

import (
	"context"
	"errors"

	kiteconnect "github.com/zerodha/gokiteconnect/v4"

	"backstop/actions"
)

// What can be asked of Kite without placing, changing or cancelling anything.

// neverAnOrder is an order id of Kite's form that is in no book: of the first of January 2015, and the book has the day's
// orders alone (docs/kite.md 3.3, 3.5).
const neverAnOrder = "150101000000001"

// Address asks whether Kite takes changes from this machine's address (docs/kite.md 5.2). It cancels an order that
// doesn't exist: a gateway looks at the address before the order (believed: Kite's pages do not say it), so that of an
// allowed address Kite says that it knows no such order, and of any other that it is not allowed. nil is allowed;
// ClassAddress is refused, with Kite's words; any other class says nothing of the address.
func (c *Client) Address(ctx context.Context) error {
	_, err := c.Do(ctx, actions.Call{Method: actions.Cancel, Variety: "regular", OrderID: neverAnOrder})
	var e *actions.Error
	if errors.As(err, &e) {
		switch e.Class {
		case actions.ClassNotFound, actions.ClassProcessing, actions.ClassRefused: // it looked for the order
			return nil
		}
	}
	return err
}

// MarketData asks whether the app's plan has quotes, and with them the stream (docs/kite.md 5.3): false for a Personal
// app, whose one quote is refused.
func (c *Client) MarketData(ctx context.Context) (bool, error) {
	w := &wire{limit: changeReplyMax}
	_, e := c.call(ctx, "plan", false, w, func(k *kiteconnect.Client) {
		_, _ = k.GetLTP("NSE:INFY") // w has the reply
	})
	switch {
	case e == nil:
		return true, nil
	case e.Class == actions.ClassPermission:
		return false, nil
	}
	return false, e
}
