// Package actionstest holds what tests need of the world that package actions describes: RunBroker, the suite that
// every actions.Broker passes; Broker, an order book in memory that changes as an exchange's does; and Channel,
// which keeps what it was told.
//
// It imports actions and engine/order, and is imported by tests and by engine/enginetest only. The fake passes the
// suite that Kite's client passes against the paper exchange, so what a test learns with it holds of the real one.
package actionstest
