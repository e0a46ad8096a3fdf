// Package rulestest runs users' scenarios (*_test.yaml) against their rules: what would be decided, asked of the
// broker and told, step by step, in virtual time.
//
// It promises that a scenario is decided by the very code that trades: inline updates are turned into Kite's JSON and
// read by the same decoder, and every step goes through a lane (lane.Rehearsal). It imports rules, actions,
// engine/lane, engine/kite (decoder and error table) and engine/market; nothing but cmd and tests imports it. Reading
// the test file, its rules and its payloads is its only I/O; it has no clock and no randomness.
// TestTheLanguageItself would fail if the promise broke.
package rulestest
