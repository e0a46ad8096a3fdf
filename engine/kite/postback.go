package kite

import (
	"errors"
	"fmt"
	"time"

	"backstop/engine/order"
)

// DecodePostback reads the raw body of a postback (docs/kite.md 1.5). It checks no signature: Verify comes first.
// The update keeps body as its Raw, which must not be changed afterwards. An error names the field that can't be
// read.
//
// Absent, null and empty fields are zero values; numbers come as integers, floats or texts; an odd timestamp is
// the zero time. Keys match in their exact letters, and of a key that stands twice the first counts.
func DecodePostback(body []byte, received time.Time) (order.Update, error) {
	u := order.Update{Source: order.SourcePostback, Received: received, Raw: body}
	if err := read(&u, body); err != nil {
		return order.Update{}, fmt.Errorf("postback: %w", err)
	}
	return u, nil
}

// DecodeProved reads the raw body of a postback that Verify has found genuine. Kite does not send it again, so a field
// that can't be read does not lose it: the update names its order and says in Unreadable what is wrong.
func DecodeProved(body []byte, received time.Time) (order.Update, error) {
	u := order.Update{Source: order.SourcePostback, Received: received, Raw: body}
	err := read(&u, body)
	if err != nil && u.OrderID == "" {
		return order.Update{}, fmt.Errorf("postback: %w", err)
	}
	if err != nil {
		u.Unreadable = err.Error()
	}
	return u, nil
}

// DecodeFrame reads a text frame of the stream, {"type":"order","id":"","data":{…}} (docs/kite.md 2.2). It is
// false without an error for a frame of another type (error, message), which carries no order. The update keeps
// the whole frame as its Raw, which must not be changed afterwards.
func DecodeFrame(frame []byte, received time.Time) (u order.Update, ok bool, err error) {
	typ, data, err := envelopeOfFrame(frame)
	if err != nil {
		return order.Update{}, false, fmt.Errorf("stream frame: %w", err)
	}
	if typ != "order" {
		return order.Update{}, false, nil
	}
	u = order.Update{Source: order.SourceStream, Received: received, Raw: frame}
	if err := read(&u, data.raw); err != nil {
		return order.Update{}, false, fmt.Errorf("stream frame: %w", err)
	}
	return u, true, nil
}

// DecodeKept reads the payload of an update as the journal keeps it: a whole frame where it came by the stream.
func DecodeKept(source order.Source, payload []byte, received time.Time) (order.Update, error) {
	if source != order.SourceStream {
		return DecodeProved(payload, received)
	}
	u, ok, err := DecodeFrame(payload, received)
	if err == nil && !ok {
		err = errors.New("stream frame: no order")
	}
	return u, err
}

// envelopeOfFrame is a frame's type and, for an order, its data, which is an object then.
func envelopeOfFrame(frame []byte) (typ string, data value, err error) {
	m := membersOf(frame, true)
	for m.next() {
		switch string(m.name) {
		case "type":
			if typ == "" && m.value.kind == kindText {
				typ = m.value.text()
			}
		case "data":
			if data.raw == nil {
				data = m.value
			}
		}
	}
	switch {
	case m.err != nil:
		return "", value{}, m.err
	case typ == "":
		return "", value{}, errors.New("type is missing")
	case typ == "order" && data.raw == nil:
		return "", value{}, errors.New("data is missing")
	case typ == "order" && data.kind != kindObject:
		return "", value{}, fmt.Errorf("data: want an object, got %s", data.kind)
	}
	return typ, data, nil
}
