package kite

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"backstop/actions"
	"backstop/engine/order"
)

// The error table: the one place where Kite's words become classes (docs/kite.md 3.8, 3.9, 3.11, 3.12). Wording
// drifts and there is no numeric code, so texts are matched loosely, by the words that carry the meaning.
// testdata/errors.json holds every text that we know of with its class.

// entry is one line of the table: texts that match mean class, and hint says what a trader does about it.
type entry struct {
	class actions.Class
	text  *regexp.Regexp
	hint  string
}

func line(class actions.Class, text, hint string) entry {
	return entry{class, regexp.MustCompile("(?is)" + text), hint}
}

// capTexts come before the HTTP status and the error_type: Kite sends them as NetworkException, sometimes with
// 429, and yet they are certain refusals. The day's and the minute's cap share one text; where neither word
// stands in it, it counts as the minute's, which waits: a stop that gives up for good over a full minute would
// be worse than one that tries in vain on a full day (Client tells the day's cap by its lasting).
var capTexts = []entry{
	line(actions.ClassModificationCap, `order modifications? exceeded|modification limit|maximum .{0,20}modifications`,
		"an order takes 25 modifications: cancel it and place a new one"),
	line(actions.ClassOrderCap, `order requests exceeded.*\bday|(daily|per day|of the day|for the day).*order|orders? .{0,30}(per day|daily|for the day).*(exceed|limit|reached)`,
		"5000 orders a day are used up on all platforms: close positions by calling Zerodha's dealing desk"),
	line(actions.ClassMinuteCap, `order requests exceeded`,
		"400 orders a minute or 5000 a day are used up: it is tried again; if it lasts, call Zerodha's dealing desk"),
}

// sessionTexts and addressTexts tell the two causes of a 403 apart that are no matter of the app's permissions.
var (
	sessionTexts = line(actions.ClassSession, `incorrect .?api_key.? or .?access_token|token is invalid|missing .?api_key|session (has )?expired|invalid (session|.?access_token)`,
		"the Kite session is dead: log in (backstop login); it ends at 06:00 every day and when you log out of Kite")
	addressTexts = line(actions.ClassAddress, `\bips?\b.{0,40}(configured|not allowed|whitelist|not registered)|(allowed|whitelisted|static|registered) ips?\b|\bip (address )?not allowed|ip address`,
		"add this machine's public address to the app's IP list on the Kite developer console (one change a week)")
)

// tradeTexts are refusals of one order: in the reply to a request, and as the status_message of a row.
var tradeTexts = []entry{
	line(actions.ClassProcessing, `as it is being processed`,
		"the exchange works on it or it has just finished: its row says which"),
	line(actions.ClassNotFound, `could ?n.?t find that .?order_id|order .{0,20}(not found|does not exist)`,
		"Kite knows no such order today"),
	line(actions.ClassProtection, `market protection`,
		"MARKET and SL-M need market_protection (-1 is automatic), or use LIMIT or SL"),
	line(actions.ClassPriceBand, `limit price protection|\blpp\b`,
		"the limit lay outside the exchange's protection range when it came to trade: place it closer to the last price"),
	line(actions.ClassFarPrice, `far (away )?from the (ltp|last traded price)|outside the allowed range for index options`,
		"place it closer to the last traded price, or use a GTT"),
	line(actions.ClassBeyondMarket, `trigger price.*(should|must|has to) be (higher|lower|greater|less|more|above|below).*(last traded price|\bltp\b|market price)|trigger price.*(higher|lower|greater|less) than the (ltp|last traded price)|trigger.*(already )?(crossed|breached)`,
		"the price is past the trigger already: a stop can't be placed there, exit at the market"),
	line(actions.ClassCircuit, `circuit|within the daily range|day.?s price range|price (is )?(out of|outside) .{0,20}(price )?(range|band)`,
		"price and trigger must lie inside the day's circuit limits"),
	line(actions.ClassTick, `tick size|multiples? of tick`,
		"price and trigger must be multiples of the instrument's tick size"),
	line(actions.ClassFreeze, `freeze|maximum (allowed )?quantity|(quantity|qty).{0,40}(exceeds|more than|higher than).{0,40}(maximum|allowed|limit)`,
		"more than the exchange takes in one order: split it"),
	line(actions.ClassHoldings, `insufficient (stock )?holdings?|authori[sz]ation at depository|check .{0,5}holdings?|holdings? .{0,30}(insufficient|not sufficient)|\btpin\b|\bddpi\b`,
		"sell what is free in the demat account: authorise it (TPIN or DDPI) and look for pending sell orders"),
	line(actions.ClassMargin, `insufficient (funds|margin|balance)|margin exceeds|required margin|margin (is )?(insufficient|not sufficient|shortfall)|insufficient_funds`,
		"add funds, or cancel open orders that block margin"),
	line(actions.ClassInstrument, `(instrument|contract|scrip|symbol|tradingsymbol).{0,60}(expired|does not exist|not found|invalid|unknown)|(invalid|unknown) .?(instrument|tradingsymbol|symbol)`,
		"check exchange and tradingsymbol against today's list of instruments"),
	line(actions.ClassPermission, `not (enabled|activated) for|segment .{0,30}(not |in)active|kill ?switch`,
		"the segment or product is not active on this account: see Console, Segment activation"),

	// What has no class of its own still has its own advice.
	line(actions.ClassRefused, `trigger price can.?t be (higher|lesser|lower|greater) than price`,
		"of a SELL stop the limit must not lie above the trigger, of a BUY stop not below it"),
	line(actions.ClassRefused, `after market order`,
		"the market is closed for this order: place it in the session, or as AMO inside its hours"),
	line(actions.ClassRefused, `periodic call auction`,
		"the stock trades in hourly auctions only: place a LIMIT order inside one"),
	line(actions.ClassRefused, `contract not traded`,
		"no trade in this contract today, so no MARKET order: use a LIMIT"),
	line(actions.ClassRefused, `function not available|sl-?m .{0,40}(not (available|allowed)|blocked|discontinued)`,
		"the exchange takes no SL-M here: use SL with a limit price"),
	line(actions.ClassRefused, `beyond .{0,20}(mark-?up|spread)|would trade beyond`,
		"the market is too thin for a MARKET order: use a LIMIT"),
	line(actions.ClassRefused, `exchange connection|\badapter\b`,
		"the line to the exchange was down: nothing reached it, place it again"),
	line(actions.ClassRefused, `\bban period|banned|surveillance|\bgsm\b|\basm\b`,
		"no new positions in this scrip at present: only exits are taken"),
	line(actions.ClassRefused, `\bmis\b.{0,60}(not allowed|blocked)|(blocked|not allowed) .{0,40}\b(mis|intraday)\b|square.?off block`,
		"no intraday orders in it now: use CNC, NRML or MTF"),
	line(actions.ClassRefused, `enter valid price`,
		"the price is missing or not one the exchange takes"),
	line(actions.ClassRefused, `ioc .{0,40}not (supported|allowed)`,
		"IOC is not taken here: use DAY"),
}

// Hints where no text says more.
const (
	hintAmbiguous  = "it may have happened: the order book is read to find out"
	hintBusy       = "Kite takes 10 requests a second: it is tried again"
	hintDown       = "Kite could not be reached: it is tried again"
	hintGateway    = "a gateway in front of Kite refused this machine: check its address, VPN or proxy"
	hintMargin     = "add funds, or cancel open orders that block margin"
	hintHoldings   = "sell what is free in the demat account: authorise it (TPIN or DDPI) and look for pending sell orders"
	hintPermission = "the app or plan does not allow this call: see the Kite developer console"
	hintRefused    = "the message is Kite's own: correct the order and place it again"
	hintOther      = "an answer that Backstop does not know: look at the order book in Kite"
)

func find(table []entry, text string) (entry, bool) {
	for _, e := range table {
		if e.text.MatchString(text) {
			return e, true
		}
	}
	return entry{}, false
}

// Classify is the class of Kite's answer to a change, with what a trader should do: from the HTTP status, the
// error_type and the message (docs/kite.md 3.11, 3.13). ClassAmbiguous means that the change may have happened:
// any 5xx and any NetworkException save 429 and the caps. An error told with a 2xx counts as certain only where
// its error_type is one of a refusal.
func Classify(status int, errorType, message string) (actions.Class, string) {
	if e, ok := find(capTexts, message); ok {
		return e.class, e.hint
	}
	switch {
	case status == http.StatusTooManyRequests:
		return actions.ClassBusy, hintBusy
	case status >= 500: // whatever it says of itself, it may have happened
		return actions.ClassAmbiguous, hintAmbiguous
	case errorType == "TokenException", errorType == "TwoFAException", status == http.StatusUnauthorized,
		status >= 400 && status < 500 && sessionTexts.text.MatchString(message):
		return actions.ClassSession, sessionTexts.hint
	case errorType == "NetworkException", status == http.StatusRequestTimeout,
		status < 400 && !refusals[errorType], strings.Contains(message, "exchange connection (adapter)"):
		return actions.ClassAmbiguous, hintAmbiguous
	case status == http.StatusForbidden || errorType == "PermissionException" || errorType == "PermissionError":
		switch {
		case addressTexts.text.MatchString(message):
			return actions.ClassAddress, addressTexts.hint
		case errorType == "" && message == "":
			return actions.ClassAddress, hintGateway
		}
		if e, ok := find(tradeTexts, message); ok {
			return e.class, e.hint
		}
		return actions.ClassPermission, hintPermission
	}
	if e, ok := find(tradeTexts, message); ok {
		return e.class, e.hint
	}
	if addressTexts.text.MatchString(message) {
		return actions.ClassAddress, addressTexts.hint
	}
	switch {
	case errorType == "MarginException":
		return actions.ClassMargin, hintMargin
	case errorType == "HoldingException", status == http.StatusPreconditionRequired:
		return actions.ClassHoldings, hintHoldings
	case refusals[errorType], errorType == "" && status == http.StatusBadRequest:
		return actions.ClassRefused, hintRefused
	default:
		return actions.ClassOther, hintOther
	}
}

// refusals are the error types that say by themselves that nothing was done.
var refusals = map[string]bool{
	"InputException": true, "OrderException": true, "MarginException": true, "HoldingException": true,
	"UserException": true, "PermissionException": true, "PermissionError": true,
}

// Reason is the class of a REJECTED or CANCELLED order and what a trader should do, from the row's two messages.
// A cancellation without a message is a person's or a rule's own: ClassNone. A status that isn't one of the two
// has no reason.
func Reason(statusMessage, statusMessageRaw string, status order.Status) (actions.Class, string) {
	if status != order.StatusRejected && status != order.StatusCancelled {
		return actions.ClassNone, ""
	}
	for _, text := range []string{statusMessage, statusMessageRaw} {
		if text == "" {
			continue
		}
		for _, table := range [][]entry{capTexts, tradeTexts, {addressTexts, sessionTexts}} {
			if e, ok := find(table, text); ok {
				return e.class, e.hint
			}
		}
	}
	if status == order.StatusCancelled && statusMessage == "" {
		return actions.ClassNone, ""
	}
	return actions.ClassOther, hintRefused
}

// freezeLimits find the limit that a freeze refusal names, the surest wording first.
var freezeLimits = []*regexp.Regexp{
	regexp.MustCompile(`(?i)(?:maximum|max) (?:allowed )?(?:order )?(?:quantity|qty)[^0-9.]*?([0-9][0-9,]*)`),
	regexp.MustCompile(`(?i)limit[^0-9.]*?([0-9][0-9,]*)`),
	regexp.MustCompile(`(?i)freeze[^0-9.]*?([0-9][0-9,]*)`),
}

// FreezeLimit is the greatest quantity of one order, in units, that a ClassFreeze message names; false where it
// names none. Kite has no other source of it (docs/kite.md 3.8).
func FreezeLimit(message string) (int64, bool) {
	for _, re := range freezeLimits {
		if m := re.FindStringSubmatch(message); m != nil {
			n, err := strconv.ParseInt(strings.ReplaceAll(m[1], ",", ""), 10, 64)
			if err == nil && n > 0 {
				return n, true
			}
		}
	}
	return 0, false
}

// refusal is Kite's answer as an *actions.Error. A reading that may have happened has only to be repeated, so
// what is ambiguous of a change is ClassDown of a reading.
func refusal(op string, change bool, status int, errorType, message string) *actions.Error {
	class, hint := Classify(status, errorType, message)
	if class == actions.ClassAmbiguous && !change {
		class, hint = actions.ClassDown, hintDown
	}
	if message == "" {
		message = "Kite answered " + strings.TrimSpace(strconv.Itoa(status)+" "+http.StatusText(status))
	}
	return &actions.Error{Class: class, Op: op, Message: message, Hint: hint, Status: status}
}
