// Package engine carries decisions out. Each account has one goroutine, its lane: it takes all that waits, lets
// the pure engine/lane decide, makes the result durable in one commit, and only then answers and sends.
//
// # The order of duties, and what is durable when
//
//  1. take:    what waits in the account's inbox, at most 256 inputs; nothing of it is acknowledged yet
//  2. reserve: the paces say how many requests may leave, and hold so many
//  3. step:    lane.Step, a function of its state and what was taken
//  4. commit:  one transaction. Before it returns nothing has happened; after it everything in the batch is
//     durable: the updates, their decisions, and each request that is about to leave, as running
//  5. answer:  postbacks get their 200
//  6. send:    requests to the broker, messages to channels, readings; each on a goroutine of its own with a
//     deadline, so that a hanging broker or channel holds up no acknowledgement
//  7. record:  what came of each goes back into the inbox as one input, which is never dropped while the process
//     lives, and is durable with the step that takes it
//
// Turner is 3 and 4 and nothing else, without goroutines; run.go is the only file that commits or releases.
//
// # When it goes wrong
//
// The journal fails: the step is thrown away as if it had not been. Its postbacks get an error (503), the lane is
// read back from the store, what must not be lost (outcomes, deliveries, new rules) is given to it again, and
// it begins with a reading of the order book, since the broker won't send again. While the store doesn't answer,
// postbacks get their error at once.
//
// A crash: what was running may have left. The next start makes it unknown, and unknown is settled by reading.
//
// A broken invariant (a panic of Step) stops that account's lane alone: it goes on with a grant of zero, so
// updates and readings are still taken and journalled and no request leaves, and Options.Alert is told each
// minute what is uncovered. Other accounts and the process go on.
//
// The end (Run's ctx is done): what was taken is committed and answered, requests in flight are waited for, and
// what came of them is committed; nothing new leaves.
//
// # Around it
//
// The core is order, lane and journal, below this package. Kite's edge is kite and postback; console, notify,
// market, paper and reconcile stand beside. Siblings reach the engine through interfaces that they declare
// themselves (Submit, Reconcile); only cmd and tests import it. It must know no broker's wire.
//
// TestInvariant3NothingIsReleasedBeforeTheCommit and TestInvariant9APanicStopsOneAccountAlone would fail if the
// promises broke.
package engine
