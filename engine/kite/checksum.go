package kite

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// ErrChecksum is a postback that nobody who knows the api_secret made: the receiver's 401.
var ErrChecksum = errors.New("the checksum is wrong")

// MalformedError is a body that can be no postback, whatever its checksum: the receiver's 400. Reason is for
// the sender and never repeats the body at length.
type MalformedError struct{ Reason string }

// Error gives the reason.
func (e *MalformedError) Error() string { return "not a postback: " + e.Reason }

// Claim is what a checksum vouches for: these two fields and nothing else (docs/kite.md 1.4).
type Claim struct {
	OrderID        string
	OrderTimestamp string // as written in the body
}

// Checksum is Kite's signature of a postback: lower-case hexadecimal SHA-256 of order_id, order_timestamp and
// api_secret, one behind the other (docs/kite.md 1.4).
func Checksum(orderID, orderTimestamp, apiSecret string) string {
	sum := sha256.Sum256([]byte(orderID + orderTimestamp + apiSecret))
	return hex.EncodeToString(sum[:])
}

// claimFields are the keys that Verify reads, and that must stand in a body once, in whatever case.
var claimFields = [3]string{"order_id", "order_timestamp", "checksum"}

// Verify checks a raw postback body against one or several api secrets, of which any may have signed it (an old
// one stays valid while it is rotated; an empty one never is). It returns what the checksum covers. A body that
// isn't a JSON object with exactly one non-empty text for each of order_id, order_timestamp and checksum gives a
// *MalformedError; one that no secret signed gives ErrChecksum, after the same work whatever part is wrong.
//
// Since nothing separates the two fields under the hash, a signed pair stays signed when characters move from
// one to the other. A pair whose joined text ends in a Kite timestamp is therefore taken only where
// order_timestamp is exactly that.
func Verify(body []byte, secrets ...string) (Claim, error) {
	var found [len(claimFields)]value
	m := membersOf(body, false)
	var refused error
	for m.next() {
		for i, field := range claimFields {
			if len(m.name) < len(field) || m.name[0]|0x20 != field[0] || !bytes.EqualFold(m.name, []byte(field)) { // no other letter folds to c or o
				continue
			}
			switch {
			case refused != nil:
			case string(m.name) != field:
				refused = &MalformedError{fmt.Sprintf("a key that is %s in other letters", field)}
			case found[i].raw != nil:
				refused = &MalformedError{field + " stands in it twice"}
			default:
				found[i] = m.value
			}
		}
	}
	if m.err != nil {
		return Claim{}, &MalformedError{"not one JSON object: " + m.err.Error()}
	}
	if refused != nil {
		return Claim{}, refused
	}
	var texts [len(claimFields)]string
	for i, field := range claimFields {
		switch v := found[i]; {
		case v.raw == nil:
			return Claim{}, &MalformedError{field + " is missing"}
		case v.kind != kindText:
			return Claim{}, &MalformedError{fmt.Sprintf("%s is %s, not a text", field, v.kind)}
		default:
			if texts[i] = v.text(); texts[i] == "" {
				return Claim{}, &MalformedError{field + " is empty"}
			}
		}
	}
	c := Claim{OrderID: texts[0], OrderTimestamp: texts[1]}
	if signed(c, texts[2], secrets)&split(c) != 1 {
		return Claim{}, ErrChecksum
	}
	return c, nil
}

// signed is 1 where one of the secrets gives this checksum. All are tried, and the texts are compared whole, so
// that the time says nothing of which part is wrong.
func signed(c Claim, checksum string, secrets []string) int {
	var given [2 * sha256.Size]byte
	match := subtle.ConstantTimeEq(int32(copy(given[:], checksum)), int32(len(given))) &
		subtle.ConstantTimeEq(int32(len(checksum)), int32(len(given)))
	buffer := make([]byte, 0, 128)
	found := 0
	for _, secret := range secrets {
		buffer = append(append(append(buffer[:0], c.OrderID...), c.OrderTimestamp...), secret...)
		sum := sha256.Sum256(buffer)
		var want [2 * sha256.Size]byte
		hex.Encode(want[:], sum[:])
		usable := 1 - subtle.ConstantTimeEq(int32(len(secret)), 0)
		found |= usable & subtle.ConstantTimeCompare(want[:], given[:])
	}
	return found & match
}

// split is 0 where the pair is another cut through a genuine one.
func split(c Claim) int {
	joined := c.OrderID + c.OrderTimestamp
	if at := len(joined) - len(time.DateTime); at >= 0 && len(c.OrderTimestamp) != len(time.DateTime) {
		if _, ok := stamp(joined[at:]); ok {
			return 0
		}
	}
	return 1
}
