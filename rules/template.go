package rules

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"backstop/engine/order"
)

// textLength bounds a text as written; Telegram's own limit for a message is 4096 characters.
const textLength = 4096

// template is a text with ${expression} inside.
type template struct {
	source   located
	segments []segment
	read     read
}

// segment is a literal piece, or an expression where that is not nil.
type segment struct {
	literal    string
	expression *expression
}

// bracedWord is `{order.status}`: an expression that lacks its dollar.
var bracedWord = regexp.MustCompile(`\{\{?\s*([a-z_]+(?:\.[A-Za-z_]\w*)+)\s*\}\}?`)

// template compiles a text, or reports every mistake in it.
func (r *reader) template(src located, sc *scope) (*template, bool) {
	t := &template{source: src}
	if len(src.runes) > textLength {
		r.failAt(src.slice(0, 1), "too-long", fmt.Sprintf("a text has at most %d characters, this one %d", textLength, len(src.runes)), "make it shorter: Telegram takes no longer one")
		return nil, false
	}
	if path := splitDots(strings.TrimSpace(src.String())); isDottedWord(path) {
		r.failAt(src.trim(), "bare-word", "this text is the bare word "+dotted(path)+", not its value",
			fmt.Sprintf("write \"${%s}\"", dotted(path)))
		return nil, false
	}
	good := true
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			t.segments = append(t.segments, segment{literal: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(src.runes); {
		rest := string(src.runes[i:min(len(src.runes), i+3)])
		switch {
		case strings.HasPrefix(rest, "$${"):
			literal.WriteString("${")
			i += 3
		case strings.HasPrefix(rest, "${"):
			end := closingBrace(src.runes, i+2)
			if end < 0 {
				r.failAt(src.slice(i, i+2), "unclosed", "a `${` is opened here and never closed", "close it with `}`; a literal ${ is written $${")
				return nil, false
			}
			flush()
			e, ok := r.inText(src.slice(i+2, end), sc)
			good = good && ok
			if ok {
				t.segments = append(t.segments, segment{expression: e})
				t.read.add(e.read)
			}
			i = end + 1
		default:
			literal.WriteRune(src.runes[i])
			i++
		}
	}
	flush()
	r.lacksDollar(src)
	return t, good
}

func (r *reader) inText(src located, sc *scope) (*expression, bool) {
	if len(src.trim().runes) == 0 {
		r.failAt(located{src.runes, src.at}, "empty-value", "there is nothing between `${` and `}`", "write a word, such as ${order.tradingsymbol}")
		return nil, false
	}
	return r.expression(src, sc, wantAny)
}

// lacksDollar warns of `{order.status}` without its dollar.
func (r *reader) lacksDollar(src located) {
	text := src.String()
	for _, m := range bracedWord.FindAllStringSubmatchIndex(text, -1) {
		if m[0] > 0 && text[m[0]-1] == '$' || !isDottedWord(splitDots(text[m[2]:m[3]])) {
			continue
		}
		from, to := len([]rune(text[:m[0]])), len([]rune(text[:m[1]]))
		r.warnAt(src.slice(from, to), "missing-dollar", text[m[0]:m[1]]+" is sent as it stands", "write ${"+text[m[2]:m[3]]+"}")
	}
}

// closingBrace is the index of the `}` that closes the `${` before from, -1 where there is none. Texts in
// quotes and braces in braces are passed.
func closingBrace(text []rune, from int) int {
	depth := 0
	var quote rune
	for i := from; i < len(text); i++ {
		c := text[i]
		switch {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '{':
			depth++
		case c == '}' && depth == 0:
			return i
		case c == '}':
			depth--
		}
	}
	return -1
}

// value is the text with every expression in its place.
func (t *template) value(w *Words) (string, error) {
	var b strings.Builder
	for _, s := range t.segments {
		if s.expression == nil {
			b.WriteString(s.literal)
			continue
		}
		v, err := s.expression.value(w)
		if err != nil {
			return "", fmt.Errorf("%s: %w", oneLine(s.expression.source.String()), err)
		}
		text, err := show(v)
		if err != nil {
			return "", fmt.Errorf("%s: %w", oneLine(s.expression.source.String()), err)
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// value is the value of an expression that is one part.
func (e *expression) value(w *Words) (any, error) {
	if len(e.parts) == 1 {
		return run(e.parts[0].program, w)
	}
	for _, p := range e.parts {
		v, err := run(p.program, w)
		if b, _ := v.(bool); err != nil || !b {
			return false, err
		}
	}
	return true, nil
}

// show prints a value as a person reads it: numbers in their shortest form, 96 and 96.05.
func show(v any) (string, error) {
	switch v := v.(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int:
		return strconv.Itoa(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return "", errNoNumber
		}
		if p, ok := order.PriceOf(v); ok {
			return p.String(), nil
		}
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case time.Time:
		if v.IsZero() {
			return "", nil
		}
		return v.In(order.IST).Format(time.DateTime), nil
	case []string:
		return strings.Join(v, ", "), nil
	case []any:
		texts := make([]string, len(v))
		for i, e := range v {
			text, err := show(e)
			if err != nil {
				return "", err
			}
			texts[i] = text
		}
		return strings.Join(texts, ", "), nil
	}
	return "", fmt.Errorf("%T can't be shown as text", v)
}
