// Package actions says what Backstop can do: the actions of the rule language, the requests that they become,
// the states of both, their ids and tags, the classes of errors, and the two interfaces that the world must
// offer (Broker and Channel).
//
// It promises that an id is made of the broker's facts and the rule alone, never of journal numbers, so that a
// restored backup or a second copy finds its orders in place of sending them again (invariant 2). It knows no
// network, clock, randomness or environment, and imports rules and engine/order only.
// TestInvariant2TheSameFactsGiveTheSameTag would fail if the promise broke.
package actions
