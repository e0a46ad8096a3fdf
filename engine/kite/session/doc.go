// Package session keeps the day's access token of each account at rest: encrypted (AES-256-GCM), bound to its account and
// its end, readable by the owner alone, and never half written or half read. It also keeps the one-time states of logins
// that were begun and not yet finished, so that the process that began one and the process that receives the browser's
// return may be two.
//
// It promises that a token of one account is never given for another, that a dead one is never given, and that a wrong
// key or a single changed byte is told as ErrSealed. What encryption is for: a copied data folder, a backup, a file sent
// by mistake. It does not help against who can read the key as well; docs/security.md says where to put the key.
//
// The files, in the data folder:
//
//	session.key             32 random bytes; another place where KeyFile names one
//	session-ACCOUNT.json    one sealed token
//	login-ACCOUNT-….json    the hash of a state and when it lapses; several may wait: one on the phone, one at the desk
//
// TestATokenComesBackOnlyAsItWasKept and TestAStateIsTakenOnce fail first where a promise breaks.
package session
