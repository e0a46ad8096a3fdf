package kite

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"backstop/actions"
	"backstop/engine/order"
)

// InstrumentRows counts what DecodeInstruments read. First says why the first skipped row was skipped.
type InstrumentRows struct {
	Read    int
	Skipped int
	First   error
}

// The columns of the list (docs/kite.md 7.1), and those without which a row is of no use. The list is read by its
// header: a column more or another order changes nothing.
const (
	columnToken = iota
	columnSymbol
	columnName
	columnExpiry
	columnStrike
	columnTick
	columnLot
	columnType
	columnSegment
	columnExchange
	columnCount
)

var columnNames = [columnCount]string{
	"instrument_token", "tradingsymbol", "name", "expiry", "strike", "tick_size", "lot_size",
	"instrument_type", "segment", "exchange",
}

var columnNeeded = [columnCount]bool{columnToken: true, columnSymbol: true, columnTick: true, columnLot: true, columnExchange: true}

// DecodeInstruments reads the day's list of instruments, CSV as Kite serves it, gzip or not, and hands each row on.
// Memory is bounded by one line. A row that can't be read is skipped and counted; indices come with a tick and a lot
// of 0. An error is for a list without the columns needed, one that breaks off, a failure of r, or what each returned,
// which ends the reading.
func DecodeInstruments(r io.Reader, each func(order.Instrument) error) (InstrumentRows, error) {
	var rows InstrumentRows
	lines := bufio.NewReaderSize(r, instrumentsLine)
	if head, _ := lines.Peek(2); string(head) == "\x1f\x8b" { // a failure shows again below
		z, err := gzip.NewReader(lines)
		if err != nil {
			return rows, fmt.Errorf("instruments: %w", err)
		}
		lines = bufio.NewReaderSize(&atMost{r: z, left: instrumentsMax}, instrumentsLine)
	}
	var at [columnCount]int
	var cells []string
	seen := make(map[string]string) // the few texts that repeat on every row
	for number := 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = lines.ReadSlice('\n')
			}
			line = nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return rows, fmt.Errorf("instruments: %w", err)
		}
		last := err != nil
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case number == 1:
			if at, err = header(string(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")))); err != nil {
				return rows, err
			}
		case len(line) == 0 && last:
		default:
			cells = splitCells(cells[:0], string(line))
			i, err := instrument(cells, at, seen)
			if err != nil {
				if rows.Skipped++; rows.First == nil {
					rows.First = fmt.Errorf("line %d: %w", number, err)
				}
				break
			}
			rows.Read++
			if err := each(i); err != nil {
				return rows, err
			}
		}
		if last {
			return rows, nil
		}
	}
}

// header finds the columns.
func header(line string) (at [columnCount]int, err error) {
	cells := splitCells(nil, line)
	for i, name := range columnNames {
		at[i] = -1
		for j, cell := range cells {
			if strings.TrimSpace(cell) == name {
				at[i] = j
				break
			}
		}
		if at[i] < 0 && columnNeeded[i] {
			return at, fmt.Errorf("instruments: not Kite's list: no column %s", name)
		}
	}
	return at, nil
}

// splitCells cuts one line into cells. Quotes end with the line at the latest, so that a stray one costs one
// row and not the rest of the list.
func splitCells(cells []string, line string) []string {
	for {
		if strings.HasPrefix(line, `"`) {
			end := closingQuote(line)
			cells = append(cells, strings.ReplaceAll(line[1:end], `""`, `"`))
			if line = line[min(end+1, len(line)):]; line == "" {
				return cells
			}
			line = strings.TrimPrefix(line, ",")
			continue
		}
		cell, rest, more := strings.Cut(line, ",")
		cells = append(cells, cell)
		if !more {
			return cells
		}
		line = rest
	}
}

// closingQuote is where the cell that line begins with ends.
func closingQuote(line string) int {
	for i := 1; i < len(line); i++ {
		if line[i] != '"' {
			continue
		}
		if i+1 < len(line) && line[i+1] == '"' {
			i++
			continue
		}
		return i
	}
	return len(line)
}

// sharedMax bounds the texts that rows share.
const sharedMax = 1 << 15

var errShortRow = errors.New("too few columns")

func instrument(cells []string, at [columnCount]int, seen map[string]string) (order.Instrument, error) {
	var cell [columnCount]string
	for i, j := range at {
		switch {
		case j >= 0 && j < len(cells):
			cell[i] = strings.TrimSpace(cells[j])
		case columnNeeded[i]:
			return order.Instrument{}, errShortRow
		}
	}
	i := order.Instrument{
		Exchange: shared(seen, cell[columnExchange]), Tradingsymbol: strings.Clone(cell[columnSymbol]),
		Name: shared(seen, cell[columnName]), Expiry: shared(seen, cell[columnExpiry]),
		Type: shared(seen, cell[columnType]), Segment: shared(seen, cell[columnSegment]),
	}
	if i.Exchange == "" || i.Tradingsymbol == "" {
		return i, errors.New("exchange or tradingsymbol is missing")
	}
	var err error
	if i.Token, err = strconv.ParseInt(cell[columnToken], 10, 64); err != nil || i.Token <= 0 {
		return i, fmt.Errorf("instrument_token: %q %w", clip(cell[columnToken]), errNaN)
	}
	if !numeric(cell[columnLot]) {
		return i, fmt.Errorf("lot_size: %q %w", clip(cell[columnLot]), errNaN)
	}
	if i.LotSize, err = integerOf(cell[columnLot]); err != nil || i.LotSize < 0 {
		return i, fmt.Errorf("lot_size: %q %w", clip(cell[columnLot]), errRange)
	}
	if i.TickSize, err = cellPrice(cell[columnTick]); err != nil {
		return i, fmt.Errorf("tick_size: %w", err)
	}
	if i.Strike, err = cellPrice(cell[columnStrike]); err != nil {
		return i, fmt.Errorf("strike: %w", err)
	}
	return i, nil
}

func cellPrice(s string) (order.Price, error) {
	if s == "" {
		return 0, nil
	}
	if p, ok := decimal(s); ok && p >= 0 {
		return p, nil
	}
	if !numeric(s) {
		return 0, fmt.Errorf("%q %w", clip(s), errNaN)
	}
	p, err := order.ParsePrice(s)
	if err != nil || p < 0 {
		return 0, fmt.Errorf("%q %w", clip(s), errRange)
	}
	return p, nil
}

// shared is s as one text for all rows: a line is not kept alive by its cells, and a hundred thousand rows
// don't hold as many copies of "NFO".
func shared(seen map[string]string, s string) string {
	if t, ok := seen[s]; ok {
		return t
	}
	t := strings.Clone(s)
	if len(seen) < sharedMax {
		seen[t] = t
	}
	return t
}

// Instruments streams the day's list to each (GET /instruments, docs/kite.md 7.1). gokiteconnect would hold the
// whole of it, so the list has a request of its own over the same transport. An error of each is returned as
// it is; rows that came before a broken connection have been handed on. Rows that can't be read are skipped; a
// list without one that can is ClassOther.
func (c *Client) Instruments(ctx context.Context, each func(order.Instrument) error) error {
	const op = "instruments"
	token, e := c.session(op)
	if e != nil {
		return e
	}
	ctx, cancel := context.WithTimeout(ctx, instrumentsTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+"/instruments", nil)
	if err != nil {
		return internal(op, "the request could not be built")
	}
	r.Header.Set("X-Kite-Version", "3")
	r.Header.Set("User-Agent", "gokiteconnect/4.4.x/backstop")
	r.Header.Set("Authorization", "token "+c.o.APIKey+":"+token)
	reply, err := c.inner.RoundTrip(r)
	if err != nil {
		return unsure(op, false, 0, cause(err))
	}
	defer func() { _ = reply.Body.Close() }() // read whole or given up
	if reply.StatusCode != http.StatusOK {
		body, err := io.ReadAll(io.LimitReader(reply.Body, changeReplyMax))
		_, e := c.end(op, false, ended(reply.StatusCode, body, err))
		if e == nil {
			e = unsure(op, false, reply.StatusCode, "Kite answered "+strconv.Itoa(reply.StatusCode))
		}
		return e
	}
	var stopped error
	body := &failing{r: &atMost{r: reply.Body, left: instrumentsMax}}
	rows, err := DecodeInstruments(body, func(i order.Instrument) error {
		stopped = each(i)
		return stopped
	})
	switch {
	case stopped != nil:
		return stopped
	case body.err != nil || errors.Is(err, io.ErrUnexpectedEOF):
		return unsure(op, false, reply.StatusCode, "the list breaks off: "+cause(cmp.Or(body.err, err)))
	case err != nil:
		return c.unreadable(op, reply.StatusCode, err)
	case rows.Read == 0:
		return &actions.Error{Class: actions.ClassOther, Op: op, Message: "the list is empty", Hint: hintOther, Status: reply.StatusCode}
	}
	return nil
}

// ended is a call that came to a reply by another way than RoundTrip.
func ended(status int, body []byte, err error) *wire {
	w := &wire{status: status, body: body, failed: err}
	w.used.Store(true)
	w.left.Store(true)
	return w
}

// atMost fails beyond a bound: a list that is cut there must not pass for a whole one.
type atMost struct {
	r    io.Reader
	left int64
}

func (a *atMost) Read(p []byte) (int, error) {
	if a.left <= 0 {
		return 0, errTooLong
	}
	n, err := a.r.Read(p[:min(int64(len(p)), a.left)])
	a.left -= int64(n)
	return n, err
}

// failing remembers why its reader failed.
type failing struct {
	r   io.Reader
	err error
}

func (f *failing) Read(p []byte) (int, error) {
	n, err := f.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		f.err = err
	}
	return n, err
}
