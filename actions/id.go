package actions

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// idLength is the length of an id in characters: 18 of 32 values are 90 bits, and "bs" with it fills Kite's
// 20 characters of a tag (docs/kite.md 3.6).
const idLength = 18

var idAlphabet = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ID is a deterministic name for the facts given: 18 lower-case letters and digits. Parts are joined so that
// no two lists give the same text.
func ID(facts ...string) string {
	var b strings.Builder
	for _, f := range facts {
		b.WriteString(strings.ReplaceAll(f, "|", "||"))
		b.WriteString("|.")
	}
	sum := sha256.Sum256([]byte(b.String()))
	return idAlphabet.EncodeToString(sum[:])[:idLength]
}

// tagPrefix marks the tags that Backstop puts on orders.
const tagPrefix = "bs"

// Tag is the tag of the placement with this request id: alphanumeric, 20 characters.
func Tag(requestID string) string { return tagPrefix + requestID }

// IsTag says whether a tag has the shape of ours.
func IsTag(tag string) bool {
	if len(tag) != len(tagPrefix)+idLength || !strings.HasPrefix(tag, tagPrefix) {
		return false
	}
	for _, c := range tag[len(tagPrefix):] {
		if (c < 'a' || c > 'z') && (c < '2' || c > '7') {
			return false
		}
	}
	return true
}

// PlannedOrderID is the order id that a dry run assumes for a placement.
func PlannedOrderID(requestID string) string { return "planned-" + requestID }
