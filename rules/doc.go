// Package rules is what the user writes: it parses rules.yaml, finds every mistake in it at once, compiles its
// conditions and texts, evaluates them, and explains what came out.
//
// It promises that what it accepts means what rules.md says and nothing else: a word, field, kind or action that
// does not exist or comes in a later version is an error at its very place, never ignored; and that evaluation is
// a pure, bounded function of the Words it is given, safe from any number of goroutines. It imports
// backstop/engine/order, expr and yaml.v3, and has no I/O but the reading of the file in Load, no clock, no
// randomness and no environment (values for ${env.NAME} come in through Options).
// TestBad, TestGood and FuzzParse would fail if the promise broke.
package rules
