// Package notify carries messages to people. Telegram is the one channel of this version; Registry finds a channel by
// the name that it has in rules.yaml.
//
// It promises that a message arrives as it was written: whole or visibly cut, as plain text, with nothing in it that
// acts on the reader's screen; that each failure has its class, so that the sender knows whether to try again; and
// that the bot token, which Telegram wants in every URL, is in no error and no printed value. A message whose answer
// was lost is told as ambiguous, so it may be sent twice, and never is lost without a word. It imports actions,
// go-telegram/bot and x/time/rate, and never decides what is said, to whom, or whether to try again.
//
// TestEveryAnswerHasItsClass, TestWhatStandsInAMessageIsHarmless and TestTheTokenNeverLeaves fail if a promise breaks.
package notify
