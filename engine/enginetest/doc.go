// Package enginetest tries to break the promise: a seeded simulator that drives the real lane, the kite decoders,
// a store and the paper exchange in virtual time under faults and crashes, and checkers that judge the result from
// the exchange's true book and the journal's rows alone, sharing no code with the engine.
//
// It is imported by tests and by the simulate target only. TestSimulateSeeds runs some ninety seeds in every
// test run; a failing seed prints one line to repeat it.
package enginetest
