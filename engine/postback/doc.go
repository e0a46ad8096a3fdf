// Package postback receives order updates over HTTP, from whichever broker posts them: it bounds what a stranger can
// make it do, hands the raw body to the door's check, and answers 200 only after Submit has said that the update is
// durable (invariant 3).
//
// It promises the answers of the HTTP contract exactly; that a genuine postback is never refused for what others send;
// that no answer says which part of a checksum was wrong; and that a postback which was taken in before a shutdown
// is made durable and answered. It knows no broker's wire and keeps no secret: both are behind Door.Check. It imports
// the standard library and engine/order, and reads the body once without reflection.
//
// TestEveryAnswerOfTheContract, TestInvariant3NothingIsAnsweredBeforeItIsDurable and
// TestARightChecksumAlwaysPasses fail if a promise breaks.
package postback
