// Package kite is all of Kite Connect's wire, and the only place that knows it: the checksum of a postback, the
// decoders that turn a postback, a stream frame and an order-book row into the same order.Update, the REST
// client behind actions.Broker, the one table that maps Kite's words to classes, the limits, and the day's list
// of instruments.
//
// It promises three things. A payload that Verify accepts names exactly one order_id, the one that the decoders
// read. A change that may have happened at the broker is told as actions.ClassAmbiguous, and every other class
// means that it has not. No error, log line or printed byte carries a key, a token or a request header.
//
// What is known of Kite stands in docs/kite.md; the traps that comments and tests number are those of its 8.4.
//
// It imports the standard library, actions, engine/order and gokiteconnect, and nothing else of ours: above all
// not engine/paper, which must not share a mistake with it (tests may).
//
// TestVerifyAndDecodeAgreeOnTheOrder, TestEveryEndOfAChangeHasItsClass and TestSecretsNeverLeave fail if a
// promise breaks.
package kite
