package journal

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// ExportVersion is the version of the lines that WriteLines writes, in their head.
const ExportVersion = 1

// Head is the first line of an export.
type Head struct {
	Version int    `json:"backstop_journal"`
	By      string `json:"by,omitempty"` // the version of Backstop that wrote it
}

// ErrLines means that what was read is not an export, or not a whole one.
var ErrLines = errors.New("not an export of a journal")

// lineMax bounds a line of an export: a row with a payload of 64 KiB takes a small part of it, a step with
// thousands of writes or a part of the list of instruments more.
const lineMax = 64 << 20

// WriteLines writes an export as JSON Lines: a head, then every row as an object of its columns, and at the end how
// many there were. Texts that are no UTF-8, and bytes likewise, are {"base64": "…"}. Times are nanoseconds since 1970.
func WriteLines(w io.Writer, by string, read Read) error {
	head, err := json.Marshal(Head{ExportVersion, by})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(w, "%s\n", head); err != nil {
		return err
	}
	rows := 0
	var line bytes.Buffer
	for _, t := range Tables() {
		err := read(t, func(r Row) error {
			rows++
			line.Reset()
			writeLine(&line, &r)
			_, err := w.Write(line.Bytes())
			return err
		})
		if err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w, `{"end":true,"rows":%d}`+"\n", rows)
	return err
}

func writeLine(b *bytes.Buffer, r *Row) {
	fmt.Fprintf(b, `{"table":%q`, r.Table)
	if r.Seq != 0 {
		fmt.Fprintf(b, `,"seq":%d`, r.Seq)
	}
	if r.Step != 0 {
		fmt.Fprintf(b, `,"step":%d`, r.Step)
	}
	for i, c := range r.Table.Columns() {
		if v := r.value(i); v != nil {
			fmt.Fprintf(b, `,%q:`, c.Name)
			writeValue(b, v)
		}
	}
	fmt.Fprintf(b, `,"sum":"%016x"}`+"\n", r.Sum)
}

func writeValue(b *bytes.Buffer, v any) {
	switch v := v.(type) {
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case string:
		writeText(b, []byte(v))
	case []byte:
		writeText(b, v)
	}
}

func writeText(b *bytes.Buffer, text []byte) {
	if !utf8.Valid(text) {
		fmt.Fprintf(b, `{"base64":%q}`, base64.StdEncoding.EncodeToString(text))
		return
	}
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(string(text)) // a string always encodes
	b.Truncate(b.Len() - 1)    // the encoder's newline
}

// ReadLines reads an export and gives its rows one by one. A damaged line, an unknown table or column, or an export
// without its end is an ErrLines that names the line.
func ReadLines(r io.Reader, each func(Row) error) (Head, error) {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 1<<20), lineMax)
	var head Head
	line, rows, ended := 0, 0, false
	for s.Scan() {
		line++
		if line == 1 {
			if err := json.Unmarshal(s.Bytes(), &head); err != nil || head.Version == 0 {
				return head, fmt.Errorf("%w: line 1 is no head", ErrLines)
			}
			if head.Version > ExportVersion {
				return head, fmt.Errorf("%w: the export has version %d", ErrNewer, head.Version)
			}
			continue
		}
		if ended {
			return head, fmt.Errorf("%w: line %d stands behind the end", ErrLines, line)
		}
		row, end, err := readLine(s.Bytes())
		switch {
		case err != nil:
			return head, fmt.Errorf("%w: line %d: %w", ErrLines, line, err)
		case end != nil && *end != rows:
			return head, fmt.Errorf("%w: it has %d rows, and its end says %d", ErrLines, rows, *end)
		case end != nil:
			ended = true
		default:
			rows++
			if err := row.Whole(); err != nil {
				return head, fmt.Errorf("line %d: %w", line, err)
			}
			if err := each(row); err != nil {
				return head, err
			}
		}
	}
	switch err := s.Err(); {
	case err != nil:
		return head, fmt.Errorf("line %d: %w", line+1, err)
	case !ended:
		return head, fmt.Errorf("%w: its end is missing", ErrLines)
	}
	return head, nil
}

// readLine reads a row, or the end with its count of rows.
func readLine(text []byte) (r Row, end *int, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return r, nil, err
	}
	if _, ok := fields["end"]; ok {
		var n int
		err := json.Unmarshal(fields["rows"], &n)
		return r, &n, err
	}
	var sum string
	for name, into := range map[string]any{"table": &r.Table, "seq": &r.Seq, "step": &r.Step, "sum": &sum} {
		if raw, ok := fields[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				return r, nil, fmt.Errorf("%s: %w", name, err)
			}
			delete(fields, name)
		}
	}
	if r.Table.Columns() == nil {
		return r, nil, fmt.Errorf("no table %.40q", string(r.Table))
	}
	if r.Sum, err = strconv.ParseUint(sum, 16, 64); err != nil {
		return r, nil, fmt.Errorf("sum %.40q is no checksum", sum)
	}
	for _, c := range r.Table.Columns() {
		v, err := readValue(fields[c.Name], c.Blob)
		if err != nil {
			return r, nil, fmt.Errorf("%s: %w", c.Name, err)
		}
		r.Values = append(r.Values, v)
		delete(fields, c.Name)
	}
	for name := range fields {
		return r, nil, fmt.Errorf("table %s has no column %.40q", r.Table, name)
	}
	return r, nil, nil
}

func readValue(raw json.RawMessage, blob bool) (any, error) {
	text := func(b []byte) any {
		if blob {
			return b
		}
		return string(b)
	}
	switch {
	case len(raw) == 0:
		return nil, nil
	case raw[0] == '"':
		var s string
		err := json.Unmarshal(raw, &s)
		return text([]byte(s)), err
	case raw[0] == '{':
		var x struct {
			Base64 []byte `json:"base64"`
		}
		err := json.Unmarshal(raw, &x)
		return text(x.Base64), err
	}
	return strconv.ParseInt(string(raw), 10, 64)
}
