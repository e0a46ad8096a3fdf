package kite

// What Kite allows (docs/kite.md 3.6, 3.7, 3.9). The per-second and per-minute limits are of an account across
// all its apps, RequestsPerSecond of an api_key.
const (
	// DefaultBaseURL is where Kite's REST interface lives.
	DefaultBaseURL = "https://api.kite.trade"

	OrdersPerSecond   = 10   // placements; above it 429
	OrdersPerMinute   = 400  // placements
	OrdersPerDay      = 5000 // placements of every platform, refused ones too
	RequestsPerSecond = 10   // all endpoints together
	ModificationsMax  = 25   // of one order; told as a NetworkException, yet a refusal
	TagLength         = 20   // characters of a tag

	// MarketProtectionAuto asks Kite for its own protection band; MARKET and SL-M need one (docs/kite.md 3.7).
	MarketProtectionAuto = -1
)

// Our own bounds on what is read. Beyond them a payload or reply is refused as unreadable.
const (
	depthMax        = 64        // nesting of a JSON payload
	payloadMax      = 64 << 20  // bytes of one payload of DecodeAny: a whole order book is about 6 MB
	bookMax         = 64 << 20  // bytes of a GET reply
	changeReplyMax  = 1 << 20   // bytes of the reply to a change
	instrumentsMax  = 256 << 20 // bytes of the instruments list, which is about 10 MB
	instrumentsLine = 16 << 10  // bytes of one of its lines
)
