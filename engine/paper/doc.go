// Package paper is the paper exchange: a broker in memory that speaks Kite
// Connect v3 (REST, WebSocket, HTTP postbacks), so that rules can be tried
// without an account, and the engine tested against everything that Kite is
// known to do. It promises to be deterministic (same seed, same calls, same
// times: the same bytes), to refuse what Kite refuses in Kite's words, and to
// keep a true book that no fault touches. It must never import the engine's
// own side of Kite's wire, for a shared mistake would hide itself, nor take
// the time or chance from anywhere but Options. TestDeterminism,
// TestRefusals, TestOfficialClient and TestFaults would fail first.
//
// Facts are cited by section of docs/kite.md; what Kite leaves open is said
// where it is decided.
//
// # Parts
//
// Exchange is the core: accounts, checks, matching, order lives, positions.
// It has neither goroutine nor timer. A simulator in virtual time calls Place,
// Modify, Cancel, SetPrice, Advance and then Drain, and renders a Push with
// PostbackBody or StreamFrame. Server puts HTTP around it, Postbacks sends
// the HTTP postbacks, and Injector decides which call goes wrong and how.
//
// # What moves an order
//
// A LIMIT fills when the last traded price is at or through it: an order that
// comes to the price fills at the price, one that the price comes to fills at
// its limit. SetDepth limits what each tick offers to all orders together;
// depth 0 leaves all filling to Fill. A stop opens when the price reaches or
// jumps over its trigger and then is a LIMIT like any other. A GTT fires once on
// the first tick of a session that reaches or jumps over it, after the orders of
// that tick; what it places is an order like any other.
//
// # Days
//
// Without Options.Hours the days are the caller's: EndOfDay, NextDay and
// SquareOff. With it they come by themselves (hours.go). AMOs wait for their
// morning by the clock, or for ReleaseAMOs, over NextDay.
//
// # Script of prices
//
// One change a line: time since the start (or + since the line above),
// instrument, price in rupees. A blank in a symbol is written _. A ramp goes
// in ten moves. depth is SetDepth from that line on (-1: without end).
//
//	# a fall through the stop, with a thin book
//	0s    NFO:NIFTY26NOV24500CE  120
//	+5s   NFO:NIFTY26NOV24500CE  120..104.50 over 10s
//	+1s   NFO:NIFTY26NOV24500CE  98 depth 65
//	30s   NSE:NIFTY_50           24480
//
// # Faults
//
// A flag such as lose=0.1,late=0.3/2s,reply_lost=0.05,dead_session; every
// name stands at its field in Faults. Injector.Next asks for exactly one.
//
// # Control endpoints
//
// JSON under /paper/, without a key, in the envelope of the other calls. user
// is the first account's when left out; prices are rupees.
//
//	POST price         {exchange, tradingsymbol, price}
//	POST depth         {exchange, tradingsymbol, quantity}
//	POST circuit       {exchange, tradingsymbol, lower, upper}
//	POST narrow        {exchange, tradingsymbol, lower, upper}   circuit, and cancels what rests outside
//	POST clock         {by: "90m"}                      sets the exchange's clock forward
//	POST open_delay    {by: "2s"}                       how long placed orders are OPEN PENDING
//	POST release_amos  {}                               sends queued AMOs to the exchange
//	POST flat_autoslice {on}                            the other form of its answer
//	POST fill          {order_id, quantity, price}      price 0: its limit
//	POST fills         {fills: [{order_id, quantity, price}, …]}   many at once: how many filled, and why others did not
//	POST reject        {order_id, text}                 ends REJECTED
//	POST cancel        {order_id, text}                 ends CANCELLED by the exchange
//	POST reject_next   {user, text}
//	POST hand/place    {user, params: {…}}              as from the phone; params may name the variety
//	POST hand/modify   {order_id, params: {…}}
//	POST hand/cancel   {order_id}
//	POST hand/gtt/place  {user, params: {type, condition, orders}}   a trigger from the phone
//	POST hand/gtt/modify {user, trigger_id, params: {…}}
//	POST hand/gtt/delete {user, trigger_id}
//	POST gtt/trigger   {trigger_id, leg}                fires leg 0 or 1 wherever the price is
//	POST gtt/end       {trigger_id, status, text}       disabled, cancelled, rejected or expired, by the broker
//	POST gtt/fail_next {user, text}                     the order of the next met trigger fails
//	POST gtt/postbacks {on}                             whether orders of triggers are told by HTTP
//	POST overnight     {user, exchange, tradingsymbol, product, quantity, price}
//	POST holding       {user, holding: {exchange, tradingsymbol, quantity, t1_quantity, average_price, mtf_quantity, mtf_average_price, needs_authorisation}}
//	POST authorise     {user, exchange, tradingsymbol, quantity}   what may be sold today of a holding that needs it
//	POST funds         {user, amount, refusal: error|book}   amount -1: no limit
//	POST squareoff     {user}                           MIS, by the broker
//	POST end_of_day    {}
//	POST next_day      {}
//	POST account       {user, api_key, api_secret, access_token, url}   one more, and where its postbacks go
//	POST kill_sessions {user}
//	POST request_token {user, api_key}                  for POST /session/token
//	POST personal      {api_key, on}                    no WebSocket, no quotes
//	POST message       {user, text}                     a text frame of type message
//	POST stream_error  {user, text}                     one of type error
//	POST drop_sockets  {}
//	POST faults        {faults: "lose=0.1"}             GET reads them
//	POST next          {point, fault}
//	POST postback_url  {api_key, url}
//	GET  book          the true book, BookOrder rows
//	GET  gtts          all triggers as they are, BookGTT rows
//	GET  doubled       tags on more than one order
//	GET  postbacks     counts
package paper
