package paper

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Script is a fixed course of prices; doc.go shows the format. It is a Feed
// through Feed, and may be fed several times.
type Script struct {
	Steps []Step // in the order of their times
}

// rampSteps is in how many moves "a..b over d" is made.
const rampSteps = 10

// stepsMax bounds a script.
const stepsMax = 100_000

// ParseScript reads a script. Errors name the line.
func ParseScript(text string) (Script, error) {
	var s Script
	var last time.Duration
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		steps, err := parseLine(words, last)
		if err == nil && len(s.Steps)+len(steps) > stepsMax {
			err = fmt.Errorf("more than %d steps", stepsMax)
		}
		if err == nil && steps[0].At < last {
			err = fmt.Errorf("%s is before the line above (%s)", steps[0].At, last)
		}
		if err != nil {
			return Script{}, fmt.Errorf("paper: script line %d: %w", i+1, err)
		}
		s.Steps = append(s.Steps, steps...)
		last = steps[len(steps)-1].At
	}
	return s, nil
}

// parseLine reads TIME INSTRUMENT PRICE [over DURATION] [depth N].
func parseLine(words []string, last time.Duration) ([]Step, error) {
	if len(words) < 3 {
		return nil, fmt.Errorf("want: TIME EXCHANGE:SYMBOL PRICE, not %q", strings.Join(words, " "))
	}
	word, after := strings.CutPrefix(words[0], "+")
	at, err := time.ParseDuration(word)
	if err != nil || at < 0 {
		return nil, fmt.Errorf("want a time like 1m30s or +5s, not %q", words[0])
	}
	if after {
		at += last
	}
	exchange, symbol, ok := strings.Cut(words[1], ":")
	if !ok || exchange == "" || symbol == "" {
		return nil, fmt.Errorf("want EXCHANGE:SYMBOL, not %q", words[1])
	}
	step := Step{At: at, Instrument: strings.ReplaceAll(words[1], "_", " ")}
	from, to, ramp := strings.Cut(words[2], "..")
	begin, err := parsePrice(from)
	if err != nil {
		return nil, err
	}
	end := begin
	if ramp {
		if end, err = parsePrice(to); err != nil {
			return nil, err
		}
	}
	var over time.Duration
	for rest := words[3:]; len(rest) > 0; rest = rest[2:] {
		if len(rest) < 2 {
			return nil, fmt.Errorf("%q wants a value", rest[0])
		}
		switch rest[0] {
		case "over":
			if over, err = time.ParseDuration(rest[1]); err != nil || over <= 0 || !ramp {
				return nil, fmt.Errorf("want PRICE..PRICE over DURATION, not over %q", rest[1])
			}
		case "depth":
			n, err := strconv.Atoi(rest[1])
			if err != nil {
				return nil, fmt.Errorf("want a quantity after depth (-1: without end), not %q", rest[1])
			}
			step.Depth, step.SetsDepth = n, true
		default:
			return nil, fmt.Errorf("unknown word %q; there are over and depth", rest[0])
		}
	}
	if !ramp {
		step.Price = begin
		return []Step{step}, nil
	}
	if over == 0 {
		return nil, fmt.Errorf("%s wants over DURATION", words[2])
	}
	steps := make([]Step, 0, rampSteps+1)
	for i := range rampSteps + 1 {
		s := step
		s.SetsDepth = s.SetsDepth && i == 0
		s.At += over * time.Duration(i) / rampSteps
		s.Price = begin + (end-begin)*float64(i)/rampSteps
		steps = append(steps, s)
	}
	return steps, nil
}

func parsePrice(word string) (float64, error) {
	f, err := strconv.ParseFloat(word, 64)
	if err != nil || !(f > 0 && f <= amountLimit) {
		return 0, fmt.Errorf("want a price above 0, not %q", word)
	}
	return f, nil
}

// Length is the time of the last step.
func (s Script) Length() time.Duration {
	if len(s.Steps) == 0 {
		return 0
	}
	return s.Steps[len(s.Steps)-1].At
}

// Feed gives the steps once, from the first.
func (s Script) Feed() Feed { return &scriptFeed{s.Steps} }

type scriptFeed struct{ steps []Step }

func (f *scriptFeed) Next() (Step, bool) {
	if len(f.steps) == 0 {
		return Step{}, false
	}
	step := f.steps[0]
	f.steps = f.steps[1:]
	return step, true
}
