// Package console is the private side's HTTP handler: health, metrics, the JSON API, and the few words by which
// a person steers the engine (pause, resume, reconcile). Pages come in a later version; / answers with an index.
//
// It promises that every list, walked page by page, gives each row once and the newest first; that nothing
// changes on the word of a foreign web page (Content-Type, Origin, Host); and that no secret is in an answer
// (invariant 7). It reads the journal and asks the engine through the interface that it declares itself; it must
// never import engine, engine/lane or rules, and never write to the store. TestDecisionPagesGiveEachRowOnce,
// TestForeignOriginChangesNothing and TestInvariant7NoSecretInTheRulesSource would fail if the promise broke.
package console
