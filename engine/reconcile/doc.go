// Package reconcile says when the order book is read besides the readings that the lanes ask for themselves: at
// the start, on a robfig/cron schedule inside market hours, and every 15 minutes outside them.
//
// It promises that no account is read more often than the schedule says, that a schedule denser than one reading
// in five seconds is refused (polling every 2 s is seen as abuse), and that one account's slow or failing broker
// delays no other. What a reading means, and that an empty, partial or failing one invents nothing, is the
// lane's; reading on demand is the same Reader called by whoever wants it.
// It imports the standard library and cron only. TestParseSpec and TestRunOutsideMarketHours would fail if the
// promises broke.
package reconcile
