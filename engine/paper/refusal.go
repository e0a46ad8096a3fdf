package paper

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// APIError is a refusal as Kite sends it: HTTP status, class and text
// (docs/kite.md 3.11, 3.12). A nil *APIError means accepted.
type APIError struct {
	HTTPStatus int    // 400, 403, 404, 428, 429, …
	ErrorType  string // TokenException, InputException, …
	Message    string
}

// Error is the message with its class.
func (e *APIError) Error() string { return e.ErrorType + ": " + e.Message }

// Body is the error envelope of docs/kite.md 3.11.
func (e *APIError) Body() []byte {
	return encode(struct {
		Status    string `json:"status"`
		Message   string `json:"message"`
		ErrorType string `json:"error_type"`
	}{"error", e.Message, e.ErrorType})
}

// The classes of docs/kite.md 3.11. PermissionException is not documented but seen.
const (
	classToken      = "TokenException"
	classPermission = "PermissionException"
	classOrder      = "OrderException"
	classInput      = "InputException"
	classMargin     = "MarginException"
	classHolding    = "HoldingException"
	classNetwork    = "NetworkException"
	classGeneral    = "GeneralException"
)

// Texts of Kite's, word for word (docs/kite.md 3.12). Where none is known the
// wording is ours and the name ends in Own.
const (
	textMarketProtection = "Market orders without market protection are not allowed via API. Please set market protection or use a Limit order."
	textFarFromLTP       = "LIMIT orders that are far away from the LTP are restricted as per exchange guidelines. Please use GTT"
	textCancelProcessed  = "Order cannot be cancelled as it is being processed. Try later."
	textModifyProcessed  = "Order cannot be modified as it is being processed. Try later."
	textModificationCap  = "Maximum allowed order modifications exceeded."
	textOrderCap         = "Maximum allowed order requests exceeded"
	textTooMany          = "Too many requests"
	textUnknownOrder     = "Couldn't find that `order_id`."
	textWrongToken       = "Incorrect `api_key` or `access_token`."
	textTokenExpired     = "Token is invalid or has expired."
	textMissingAPIKey    = "Missing api_key"
	textRouteNotFound    = "Route not found"
	textAddressRefused   = "No IPs configured for this app. Add allowed IPs on the Kite developer console."
	textInsufficient     = "Insufficient permission for that call"
	textOMS              = "Request failed (kitetrade-oms)"
	textNoAMO            = "Your order could not be converted to a After Market Order (AMO)."
	textHoldings         = "Insufficient stock holding or there are pending sell orders."
	textTriggerBuyLTP    = "Trigger price for stoploss buy orders should be higher than the last traded price"
	textTriggerSellLTP   = "Trigger price for stoploss sell orders should be lower than the last traded price"
	textTriggerHigher    = "Trigger price can't be higher than price"
	textTriggerLesser    = "Trigger price can't be lesser than price"
	textFunds            = "Insufficient funds. Required margin is %s but available margin is %s."
	textLot              = "Quantity should be in multiples of lot size %d"
	textTickTrigger      = "Tick size for this script is %s. Kindly enter trigger price in the multiple of tick size for this script"
	textPriceProtection  = "The order was cancelled by the exchange because the price is outside the current allowed limit price protection range."
	textTimedOut         = "request %s timed out"
	textNotTraded        = "17181 : Contract not traded. Market order not allowed"

	textGTTFirst = "Trigger cannot be created with the first trigger price more than the last price."
	textGTTMet   = "Trigger already met."

	textGTTSecondOwn  = "Trigger cannot be created with the second trigger price less than the last price."
	textGTTNearOwn    = "The trigger price should be at least 0.25% (9 paise below 50 rupees) away from the last price."
	textGTTBuyOCOOwn  = "A buy GTT with two legs is not available for equity."
	textGTTCapOwn     = "Maximum allowed active GTTs exceeded (%d)."
	textUnknownGTTOwn = "Couldn't find that trigger `id`."
	textGTTEndedOwn   = "The trigger is %s and can't be changed."

	textAMOHoursOwn   = "After market orders are taken only while the market is closed."
	textSquaredOffOwn = "MIS orders are not taken after the intraday square-off."
	textConvertOwn    = "Only %d can be converted."
	textNamesOwn      = "At most %d instruments can be asked for at once."
	textSlicesOwn     = "An order can be sliced into at most %d."

	textUnknownInstrumentOwn = "The instrument you are placing an order for has either expired or does not exist."
	textStopMarketOptionsOwn = "SL-M orders are not available for options. Please use SL with a limit price."
	textStopMarketBSEOwn     = "SL-M orders are blocked on BSE. Please use SL with a limit price."
	textMCXImmediateOwn      = "IOC orders are not supported on MCX via API."
	textTagOwn               = "Invalid `tag`. It can have at most 20 characters."
	textTypeChangeOwn        = "A LIMIT order cannot be modified to %s."
	textBelowFilledOwn       = "Quantity cannot be less than the filled quantity %d."
	textVersionOwn           = "Unsupported API version. Send `X-Kite-Version: 3`."
)

func inputError(format string, args ...any) *APIError {
	return refuse(http.StatusBadRequest, classInput, format, args...)
}

func orderError(format string, args ...any) *APIError {
	return refuse(http.StatusBadRequest, classOrder, format, args...)
}

func missing(field string) *APIError { return inputError("Missing or empty field `%s`", field) }

func invalid(field string) *APIError { return inputError("Invalid `%s`.", field) }

func unknownOrder() *APIError { return refuse(http.StatusNotFound, classGeneral, textUnknownOrder) }

func wrongToken() *APIError { return refuse(http.StatusForbidden, classToken, textWrongToken) }

func refuse(status int, class, format string, args ...any) *APIError {
	message := format
	if len(args) > 0 {
		message = fmt.Sprintf(format, args...)
	}
	return &APIError{HTTPStatus: status, ErrorType: class, Message: message}
}

// encode is JSON without HTML escapes. What it is given are our own structs
// of plain fields, so an error is a mistake in this package.
func encode(v any) []byte {
	var b jsonBuffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("paper: encode: " + err.Error())
	}
	return b[:len(b)-1] // Encode ends the line
}

type jsonBuffer []byte

func (b *jsonBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// success is the envelope of docs/kite.md 3.11 around data.
func success(data any) []byte {
	return encode(struct {
		Status string `json:"status"`
		Data   any    `json:"data"`
	}{"success", data})
}
