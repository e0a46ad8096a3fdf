package rules

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/file"
)

// syntax reports an expression that expr can't parse, in our words.
func (r *reader) syntax(src located, err error) {
	var e *file.Error
	if !errors.As(err, &e) {
		r.failAt(src, "syntax", err.Error(), syntaxHint)
		return
	}
	at := src.slice(e.From, max(e.From+1, e.To))
	if len(at.runes) == 0 && len(src.runes) > 0 { // the end
		at = src.slice(len(src.runes)-1, len(src.runes))
	}
	message, hint := explainSyntax(e.Message, src.String())
	if open := openQuote(src.runes); open >= 0 && strings.Contains(e.Message, "not terminated") {
		at = src.slice(open, open+1)
	}
	r.failAt(at, "syntax", message, hint)
}

// syntaxHint is shown where expr's own words must do.
const syntaxHint = "an expression is made of words (order.status), texts in quotes, numbers, and, or, not, ==, <, ( )"

var unexpected = regexp.MustCompile(`^unexpected token (\w+)(?:\("(.*)"\))?`)

// explainSyntax says what expr's parser means.
func explainSyntax(message, source string) (what, hint string) {
	if strings.Contains(message, "not terminated") {
		return "a quote is opened here and never closed", "close it; a `#` after a space begins a comment in YAML: put the whole value in quotes"
	}
	if strings.Contains(message, "exceeds maximum") {
		return fmt.Sprintf("an expression has at most %d parts", expressionNodes), "split the rule in two"
	}
	if strings.HasPrefix(message, "unrecognized character") {
		return "this character has no meaning in an expression", "a text stands in quotes"
	}
	m := unexpected.FindStringSubmatch(message)
	if m == nil {
		return message, syntaxHint
	}
	token := m[2]
	switch {
	case m[1] == "EOF" || strings.Contains(message, "end of expression"):
		return "the expression ends too early", endHint(source)
	case token == "=" || token == "===":
		return "unexpected " + token, "equality is written =="
	case strings.EqualFold(token, "and") || strings.EqualFold(token, "or") || strings.EqualFold(token, "not"):
		return "unexpected " + token, "write " + strings.ToLower(token)
	case token == "&":
		return "unexpected &", "write and"
	case strings.EqualFold(token, "is"):
		return "unexpected " + token, "equality is written =="
	case strings.EqualFold(token, "then") || strings.EqualFold(token, "else") || token == "?":
		return "unexpected " + token, "a choice is written `condition ? this : that`"
	case token == "%":
		return "unexpected %", "per cent are written in loss(20) or profit(20)"
	case token != "":
		return "unexpected " + token, "is an operator missing before it, such as and, or, == ?"
	}
	return message, syntaxHint
}

// openQuote is the index of a quote that is never closed, -1 where there is none.
func openQuote(text []rune) int {
	open := -1
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case open >= 0 && c == '\\' && text[open] != '`':
			i++
		case open >= 0 && c == text[open]:
			open = -1
		case open < 0 && (c == '"' || c == '\'' || c == '`'):
			open = i
		}
	}
	return open
}

func endHint(source string) string {
	for _, pair := range []string{"()", "[]"} {
		if strings.Count(source, pair[:1]) > strings.Count(source, pair[1:]) {
			return "a `" + pair[:1] + "` is not closed"
		}
	}
	return "something is missing at its end"
}

// mistyped reports an expression whose types don't fit; from..to is the part that was compiled.
func (r *reader) mistyped(e *expression, from, to int, err error, w want) {
	at, message, hint := e.source.slice(from, to), err.Error(), ""
	var own *typeError
	var theirs *file.Error
	switch {
	case errors.As(err, &own):
		message = own.message
		if w == wantBool && strings.HasPrefix(message, "this is a number") {
			hint = "compare it: " + at.String() + " > 0"
		}
		if w == wantBool && strings.HasPrefix(message, "this is a text") {
			hint = "compare it: " + at.String() + ` == "…"`
		}
		if w == wantNumber && strings.HasPrefix(message, "this is a text") {
			hint = "take the quotes off a number"
		}
	case errors.As(err, &theirs):
		at = e.source.slice(from+theirs.From, from+max(theirs.From+1, theirs.To))
		message, hint = explainType(theirs.Message)
	}
	if len(at.runes) == 0 {
		at = e.source
	}
	if hint == "" {
		hint = "the words and their types are listed by backstop explain --words"
	}
	r.failAt(at, "wrong-type", message, hint)
}

var (
	mismatched = regexp.MustCompile(`^invalid operation: (\S+) \(mismatched types (.+) and (.+)\)$`)
	unaryType  = regexp.MustCompile(`^invalid operation: (\S+) \(mismatched type (.+)\)$`)
	argument   = regexp.MustCompile(`^cannot use (.+) as argument \(type (.+)\) to call (\S+) ?$`)
	overloaded = regexp.MustCompile(`^(?:too many|not enough) arguments to call (loss|profit) ?$`) // how many there are was seen to before
	element    = regexp.MustCompile(`^cannot use (.+) as type (.+) in array$`)
	badRegexp  = regexp.MustCompile(`^error parsing regexp: (.*)$`)
)

// explainType says what expr's checker means.
func explainType(message string) (what, hint string) {
	if m := mismatched.FindStringSubmatch(message); m != nil {
		left, right := goTypeWord(m[2]), goTypeWord(m[3])
		what = fmt.Sprintf("%s and %s don't go together with %s", left, right, m[1])
		switch {
		case m[1] == "and" || m[1] == "or" || m[1] == "&&" || m[1] == "||":
			hint = "both sides of " + m[1] + " are conditions: true or false"
		case strings.Contains("== != < <= > >=", m[1]) && strings.Contains(left+right, "a number") && strings.Contains(left+right, "a text"):
			hint = "write a number without quotes, a text with quotes"
		}
		return what, hint
	}
	if m := unaryType.FindStringSubmatch(message); m != nil {
		what = fmt.Sprintf("%s needs a number, not %s", m[1], goTypeWord(m[2]))
		if m[1] == "not" || m[1] == "!" {
			what = fmt.Sprintf("%s needs true or false, not %s", m[1], goTypeWord(m[2]))
			hint = "not binds tighter than ==: write not (a == b), or a != b"
		}
		return what, hint
	}
	if m := argument.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("%s takes %s here, not %s", m[3], goTypeWord(m[2]), goTypeWord(m[1])), ""
	}
	if m := overloaded.FindStringSubmatch(message); m != nil {
		return m[1] + " takes numbers: per cent, and the price to move from", ""
	}
	if m := element.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("%s is never in a list of %s", goTypeWord(m[1]), strings.TrimPrefix(goTypeWord(m[2]), "a ")+"s"), "write numbers without quotes, texts with quotes"
	}
	if m := badRegexp.FindStringSubmatch(message); m != nil {
		return "this is no regular expression: " + m[1], `for patterns with * there is like(text, "NIFTY*")`
	}
	return message, ""
}

// goTypeWord is a Go type's name in words.
func goTypeWord(name string) string {
	switch strings.TrimSpace(name) {
	case "int", "float64", "int64":
		return "a number"
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	case "time.Time":
		return "a time"
	case "rules.OrderWords":
		return "an order"
	}
	if strings.HasPrefix(name, "[]") {
		return "a list"
	}
	return name
}

func typeWord(t reflect.Type) string { return goTypeWord(t.String()) }
