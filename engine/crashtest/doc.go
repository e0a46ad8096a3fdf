// Package crashtest ends the real program at the worst moments and judges what is left. It holds tests alone.
//
// A world is the program as its user runs it: backstop paper and backstop serve --mode live, each a process of its
// own, SQLite in a folder, and a trader who places, fills, exits and cancels through the exchange's own interface.
// serve is ended by kill -9 at random moments and at the named crash points (engine.CrashPoint and those of the
// SQLite store), started again, and in the end left alone until nothing is under way. Then the judge, who shares no
// code with the engine, reads the exchange's true book and the journal:
//
//   - every open quantity has its stop, exactly as large, and nothing of ours stands without a position
//   - no tag of ours is on two orders
//   - after one reconciliation every order is known, its fills are told once each and it ended once
//   - every postback that the exchange saw answered 200 is in the journal, byte for byte
//   - nothing is still running, unknown or accepted, and a lane's time never fell
//
// Beside the kills stand the disk that is full, the folder that can't be written, is damaged, restored or lost, the
// clock that jumps, two processes on one folder, and 2,000 postbacks a second over 200 accounts.
//
// A plain go test runs a sample. make crash runs all of it; docs/crashes.md says how to read a failure.
package crashtest
