// Package lane is one account's step: Step(now, inputs) -> Batch. It folds what came in, tells events, decides
// them by the rules, keeps slots true, and says what to commit, whom to answer, what to send and when to wake.
//
// It is pure: a function of its state, the time given and the inputs. No goroutine, lock, clock, randomness or
// I/O, so the service, the dry-run command, rule tests, replay and the simulator run the very same code. The
// contract for whoever calls it, in order:
//
//  1. Call Step with everything that waits.
//  2. Commit Batch.Commit. If that fails, throw the Lane away: answer 503 to the batch's postbacks, build a new
//     Lane from the store, and give it a book reading.
//  3. Only then answer (Batch.Answers), send (Batch.Sends, Batch.Messages) and read (Batch.Reads). Each comes
//     back as an input: exactly one Outcome a send, one Delivery a message, one answer a read.
//  4. Call Step again when an input waits or Batch.Wake has come.
//
// Requests in Batch.Sends are already durable as running: a crash before their Outcome makes them unknown at
// the next start, and unknown is settled by reading, never by sending (invariant 2).
// It imports actions, rules, order and the records of journal; TestInvariant… tests name what each would break.
package lane
