package postback

import "time"

// Every bound of the receiver, with what happens when it is reached.
const (
	bodyMax     = 64 << 10 // bytes of a body; above: 413. A postback has about 900
	bodyFirst   = 4 << 10  // bytes set aside before any have come: a length that is only claimed costs no memory
	messageMax  = 256      // bytes of a check's own words in an answer; above: cut
	headerMax   = 16 << 10 // bytes of a request's head; above: 431 by net/http
	wrongMax    = 20       // wrong checksums of one address in wrongWindow; above: 429 for wrong ones
	wrongWindow = time.Minute
	tableMax    = 4096 // addresses in each of the two halves of the table of wrong ones (about 2 MB); above: the older half goes
	hopsMax     = 32   // addresses of X-Forwarded-For that are looked at, from the right; above: the last one counts
	openMax     = 1024 // open connections of strangers; above: the oldest that waits is closed, if it had its moment
	openMost    = 3072 // open connections of strangers, those in their moment too; above: the oldest that waits is closed
	nearMax     = 4096 // open connections of this machine and of trusted proxies; above: the newcomer is closed

	openGrace     = 2 * time.Second // the moment that a connection has to bring a postback
	headerTimeout = 5 * time.Second // for a request's head; then the connection is closed
	bodyTimeout   = 2 * time.Second // for the body; then 400. Kite itself gives up after 2 to 3 s (docs/kite.md 1.3)
	submitTimeout = 2500 * time.Millisecond
	loginTimeout  = 9 * time.Second // for a login's two calls to the broker; then 502
	writeTimeout  = 10 * time.Second
	idleTimeout   = time.Minute
	lingerMax     = time.Second      // at a shutdown for heads on the way, which get 503; then net/http drops them
	shutdownMax   = 15 * time.Second // for all that was taken in; more than the four above add up to for one request

	retryAfterClosing = "5" // seconds, told with a 503
	retryAfterFailed  = "1"
)
