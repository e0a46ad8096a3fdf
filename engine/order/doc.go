// Package order is the heart: what an order update is, how updates fold into orders, and what they mean.
//
// It promises that the fold is a join: the same observations in any order, with any duplication, end in the
// same orders, and the events told along the way carry the same sum of fills (invariant 1 of ARCHITECTURE.md).
// It imports the standard library only and has no I/O, clock, randomness or environment; rules and actions
// may import it although it lies below engine, which is the one oddity of the tree.
// TestInvariant1EveryPermutationFoldsToTheSameOrder would fail if the promise broke.
package order
