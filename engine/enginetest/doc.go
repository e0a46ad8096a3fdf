// Package enginetest tries to break the promise: a simulator that drives the real turner and lane, the kite decoders,
// a store and the paper exchange in virtual time under faults and crashes, and checkers that judge what happens from
// the exchange's true book and the journal's rows alone, at every commit, at every request that leaves, at every
// change of the book and at the end, sharing no code with the engine.
//
// A day is a list of events, drawn from one seed (Draw, Day); nothing else is left to chance (Run). A day that fails
// can be lived again with fewer events, down to the shortest story (Shrink, Story). Each checker names the invariant
// that it guards. docs/simulation.md is the page for readers.
//
// It is imported by tests and by the simulate target only. TestSimulateSeeds lives a few dozen days in every test run.
package enginetest
