package engine

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"backstop/engine/lane"
)

// brokenStep is a panic of the lane.
type brokenStep struct{ text, stack string }

func (b *brokenStep) Error() string { return b.text }
func (b *brokenStep) Unwrap() error { return ErrInvariant }

// secretLength is from how many letters and digits in a row on a word of a panic's text is masked: order ids (19)
// and ours (20) are shorter, access tokens (32) and bot tokens are not.
const secretLength = 24

// panicText is what a panic said, in one short line without anything that could be a token.
func panicText(p any) string {
	text := fmt.Sprint(p)
	if err, ok := p.(error); ok {
		text = err.Error()
	}
	var out strings.Builder
	word := func(w string) string {
		if len(w) >= secretLength {
			return "…"
		}
		return w
	}
	start := 0
	for i, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' || r == '-' {
			continue
		}
		out.WriteString(word(text[start:i]))
		start = i + len(string(r))
		switch {
		case r == '\n' || r == '\t':
			out.WriteByte(' ')
		case unicode.IsPrint(r):
			out.WriteRune(r)
		}
	}
	if start < len(text) {
		out.WriteString(word(text[start:]))
	}
	line := []rune(out.String())
	if len(line) > panicTextMax {
		line = append(line[:panicTextMax], '…')
	}
	return strings.TrimPrefix(string(line), ErrInvariant.Error()+": ")
}

// stop stops the lane for good: from now on its steps are granted nothing.
func (a *account) stop(now time.Time, err error) {
	stack := ""
	var broken *brokenStep
	if errors.As(err, &broken) {
		stack = broken.stack
	}
	a.log.Error("a broken invariant; no request leaves for this account any more", "error", err, "stack", stack)
	if a.stopped != "" {
		return
	}
	a.stopped = strings.TrimPrefix(err.Error(), ErrInvariant.Error()+": ")
	a.alertAt = now
	a.metrics.stopped.Set(1)
	a.look()
}

// sound tells that the lane is stopped and what is uncovered. The alert has a goroutine of its own; while one
// hangs no second is begun.
func (a *account) sound(now time.Time) {
	a.alertAt = now.Add(alertEvery)
	text := stoppedText(a.look())
	a.log.Error(text)
	if a.alert == nil {
		return
	}
	select {
	case a.alerting <- struct{}{}:
	default:
		return
	}
	go func() {
		defer func() {
			if p := recover(); p != nil {
				a.log.Error("the alert failed", "error", panicText(p))
			}
			<-a.alerting
		}()
		a.alert(text)
	}()
}

func stoppedText(v lane.View) string {
	var bare []string
	for _, g := range v.Groups {
		if g.Open > g.Covered {
			bare = append(bare, fmt.Sprintf("%s %s %d of %d (%s)", g.Tradingsymbol, g.Product, g.Open-g.Covered, g.Open, g.Side))
		}
	}
	uncovered := "Nothing is uncovered now"
	if len(bare) > 0 {
		uncovered = "NOT COVERED: " + strings.Join(bare, "; ")
	}
	return fmt.Sprintf("STOPPED (%s): %s. Updates are still taken; no request leaves for this account. %s. Look after it in Kite, then restart Backstop and report this.",
		v.Account, v.Stopped, uncovered)
}
