package kite

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"backstop/engine/order"
)

// PayloadError is one recorded payload that can't be read; those behind it can. Line is where it begins, Item
// its place in an array or a reply's rows, each from 1; Item is 0 for a payload that stands by itself.
type PayloadError struct {
	Line int
	Item int
	Err  error
}

// Error names the place and the cause.
func (e *PayloadError) Error() string {
	if e.Item > 0 {
		return fmt.Sprintf("line %d, item %d: %v", e.Line, e.Item, e.Err)
	}
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}

// Unwrap is the cause.
func (e *PayloadError) Unwrap() error { return e.Err }

// DecodeAny reads recorded payloads in whatever shape they were kept, and hands them on one by one in their
// order: a postback, an order-book row, a stream frame, a whole reply of GET /orders (or of an order's history),
// each alone, in an array, or behind one another (JSON Lines, pretty-printed or not). Frames that carry no order
// are passed over. Source is replay; Received and Began are left zero, for the caller's own time.
//
// What can't be read comes as a *PayloadError and the rest goes on. An error that each returns ends the reading
// and is returned; so is a failure of r itself. Memory is bounded by one payload.
func DecodeAny(r io.Reader, each func(order.Update, error) error) error {
	s := &splitter{in: bufio.NewReaderSize(r, 64<<10), line: 1}
	if err := s.mark(); err != nil {
		return err
	}
	for {
		p, err := s.next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case s.broken != nil:
			return fmt.Errorf("payloads: %w", s.broken)
		case err != nil:
			err = each(order.Update{}, &PayloadError{p.line, p.item, err})
		default:
			err = decodePayload(p, each)
		}
		if err != nil {
			return err
		}
	}
}

// payload is one JSON object of the input.
type payload struct {
	raw  []byte
	line int
	item int
}

// decodePayload tells the shape of one object and hands on what is in it.
func decodePayload(p payload, each func(order.Update, error) error) error {
	fail := func(item int, err error) error { return each(order.Update{}, &PayloadError{p.line, item, err}) }
	one := func(raw []byte, item int) error {
		u := order.Update{Source: order.SourceReplay, Raw: raw}
		if err := read(&u, raw); err != nil {
			if u.OrderID != "" {
				err = fmt.Errorf("order %s: %w", clip(u.OrderID), err)
			}
			return fail(item, err)
		}
		return each(u, nil)
	}

	var hasOrder, hasType bool
	m := membersOf(p.raw, true)
	for m.next() {
		switch string(m.name) {
		case "order_id":
			hasOrder = true
		case "type":
			hasType = true
		}
	}
	switch {
	case m.err != nil:
		return fail(p.item, m.err)
	case hasOrder:
		return one(p.raw, p.item)
	case hasType:
		typ, data, err := envelopeOfFrame(p.raw)
		if err != nil {
			return fail(p.item, err)
		}
		if typ != "order" {
			return nil
		}
		return one(data.raw, p.item)
	}
	reply, err := openReply(p.raw)
	if err != nil {
		return fail(p.item, err)
	}
	if !reply.refused() && reply.data.raw == nil {
		return fail(p.item, errors.New("neither a postback, a stream frame, an order row nor a reply of GET /orders"))
	}
	data, err := reply.list("orders")
	if err != nil {
		return fail(p.item, err)
	}
	e := elementsOf(data.raw, true)
	for i := 1; e.next(); i++ {
		if err := one(e.value.raw, i); err != nil {
			return err
		}
	}
	return nil
}

// splitter cuts a stream into JSON objects, without judging what is inside. Where the structure breaks it goes
// on at the next line that begins an object, so that one cut-off payload costs no other.
type splitter struct {
	in     *bufio.Reader
	line   int
	array  bool // inside a top-level array
	item   int
	broken error // r failed
}

// mark passes over a byte order mark, and refuses the two of UTF-16, which some editors and shells write.
func (s *splitter) mark() error {
	head, err := s.in.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("payloads: %w", err)
	}
	switch {
	case len(head) >= 3 && string(head) == "\xef\xbb\xbf":
		_, _ = s.in.Discard(3) // just peeked
	case len(head) >= 2 && (string(head[:2]) == "\xff\xfe" || string(head[:2]) == "\xfe\xff"):
		return errors.New("payloads: the file is UTF-16: save it as UTF-8")
	}
	return nil
}

func (s *splitter) byte() (byte, error) {
	c, err := s.in.ReadByte()
	if err != nil {
		if !errors.Is(err, io.EOF) {
			s.broken = err
		}
		return 0, err
	}
	if c == '\n' {
		s.line++
	}
	return c, nil
}

func (s *splitter) unread(c byte) {
	_ = s.in.UnreadByte() // a byte was just read
	if c == '\n' {
		s.line--
	}
}

// next is the next object, io.EOF at the end, or an error with the place of what is none.
func (s *splitter) next() (payload, error) {
	for {
		c, err := s.byte()
		if err != nil {
			if errors.Is(err, io.EOF) && s.array {
				s.array = false
				return payload{line: s.line}, errors.New("the array has no end")
			}
			return payload{line: s.line}, err
		}
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
		case s.array && c == ',':
		case s.array && c == ']':
			s.array = false
		case !s.array && c == '[':
			s.array, s.item = true, 0
		default:
			p := payload{line: s.line}
			if s.array {
				s.item++
				p.item = s.item
			}
			if c != '{' {
				s.unread(c)
				s.pass()
				return p, errors.New("not a JSON object")
			}
			p.raw, err = s.object()
			return p, err
		}
	}
}

// object collects an object whose { was read.
func (s *splitter) object() ([]byte, error) {
	raw := []byte{'{'}
	open := []byte{'{'}
	last := byte('{') // the last significant byte
	inText, fresh := false, false
	for {
		c, err := s.byte()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil, errors.New("it has no end")
			}
			return nil, err
		}
		raw = append(raw, c)
		if len(raw) > payloadMax {
			s.resume(false)
			return nil, fmt.Errorf("larger than %d MiB", payloadMax>>20)
		}
		inside := open[len(open)-1]
		switch {
		case inText && c == '\\':
			if c, err = s.byte(); err == nil {
				raw = append(raw, c)
			}
		case inText && c == '"':
			inText, last = false, c
		case c == '\n':
			fresh = true
			if inText {
				s.resume(true)
				return nil, errors.New("a text has no end")
			}
			continue
		case inText, c == ' ' || c == '\t' || c == '\r':
			continue
		case c == '"':
			inText = true
		case c == '{' || c == '[':
			if !opens(inside, last) || len(open) > depthMax {
				if fresh {
					s.unread(c) // most likely the next payload, behind one that was cut off
				}
				s.resume(fresh)
				return nil, errors.New("it breaks off")
			}
			open, last = append(open, c), c
		case c == '}' || c == ']':
			if (inside == '{') != (c == '}') {
				s.resume(false)
				return nil, errors.New("brackets do not match")
			}
			open, last = open[:len(open)-1], c
			if len(open) == 0 {
				return raw, nil
			}
		default:
			last = c
		}
		fresh = false
	}
}

// pass goes behind what is no object: in an array to the comma or bracket that ends it, where that stands on the
// same line; else to the next line as resume does.
func (s *splitter) pass() {
	if !s.array {
		s.resume(false)
		return
	}
	for depth, inText := 0, false; ; {
		c, err := s.byte()
		switch {
		case err != nil:
			return
		case c == '\n':
			s.resume(true)
			return
		case inText && c == '\\':
			_, _ = s.byte() // an end is met again by the next byte
		case c == '"':
			inText = !inText
		case inText:
		case c == '[' || c == '{':
			depth++
		case depth == 0 && (c == ',' || c == ']'):
			s.unread(c)
			return
		case c == ']' || c == '}':
			depth--
		}
	}
}

// opens says whether an object or array may begin behind the byte last.
func opens(inside, last byte) bool {
	if inside == '{' {
		return last == ':'
	}
	return last == '[' || last == ','
}

// resume goes to the next line that begins an object or, in an array, ends it; atStart says that the reader
// stands at a line's start now.
func (s *splitter) resume(atStart bool) {
	for {
		c, err := s.byte()
		switch {
		case err != nil:
			return
		case c == '\n':
			atStart = true
		case atStart && (c == '{' || s.array && c == ']' || !s.array && c == '['):
			s.unread(c)
			return
		case c != ' ' && c != '\t' && c != '\r':
			atStart = false
		}
	}
}
