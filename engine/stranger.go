package engine

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"

	"backstop/engine/order"
)

// strangers tells a person of updates that no account of the settings takes: genuine by their channel, and of a user whom nobody
// declared, or whom another api_key signs for. Once a user and day, and one message in five minutes: an app may have many users.
type strangers struct {
	tell func(text string)

	mu   sync.Mutex
	last time.Time
	day  order.Day
	told map[string]bool
}

// strangersMost bounds the users that are remembered of a day.
const strangersMost = 1000

// note tells of an update, or counts it as told.
func (s *strangers) note(now time.Time, u *order.Update, user, why string) {
	s.mu.Lock()
	if day := order.DayOf(now); day != s.day {
		s.day, s.told = day, map[string]bool{}
	}
	quiet := s.told[user] || len(s.told) >= strangersMost || !s.last.IsZero() && now.Sub(s.last) < alarmEvery
	if !quiet {
		s.told[user], s.last = true, now
	}
	s.mu.Unlock()
	if quiet {
		return
	}
	what := "no account of that user is in the settings. If it is yours, add it to backstop.yaml."
	if strings.HasPrefix(why, foreignUser) {
		what = "that user's account has another api_key. Who else knows the secret of the app that signed it?"
	} else if strings.HasPrefix(why, foreignStream) {
		what = "it came by the stream of another user. Look at the log."
	}
	s.tell(fmt.Sprintf("UNKNOWN USER %s: a %s of order %s (%s %s) came, and %s It is kept, and nothing is done about it.",
		harmless(user), u.Source, harmless(u.OrderID), harmless(u.Tradingsymbol), harmless(string(u.Status)), what))
}

// harmless is foreign text as it can stand in a message: short, and nothing but what can be read.
func harmless(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" -_.&", r) {
			return r
		}
		return -1
	}, s)
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	if s == "" {
		return "?"
	}
	return s
}
