package kite

import (
	"context"
	"errors"

	kiteconnect "github.com/zerodha/gokiteconnect/v4"

	"backstop/actions"
)

// What can be asked of Kite without placing, changing or cancelling anything.

// neverAnOrder is an order id of Kite's form that no order has: of the first of January 2015, a holiday of the exchanges,
// and of long ago (kite-facts 3.3).
const neverAnOrder = "150101000000001"

// Address asks whether Kite takes changes from this machine's address (kite-facts 5.2). It cancels an order that
// doesn't exist: a gateway looks at the address before the order, so that of an allowed address Kite says that it knows no
// such order, and of any other that it is not allowed. (That order of its checks is not written in Kite's pages.) nil is allowed; ClassAddress is refused, with Kite's words; any other class says
// nothing of the address.
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

// MarketData asks whether the app's plan has quotes, and with them the stream (kite-facts 1.8, 5.3): false for a Personal
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
