package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"backstop/actions"
)

// arrivals notes when requests come, in virtual time.
type arrivals struct {
	mu    sync.Mutex
	began time.Time
	at    []time.Duration
	reply func() *http.Response
}

func (a *arrivals) channel(t *testing.T) *Telegram {
	a.began = time.Now()
	return telegram(t, TelegramOptions{BaseURL: "http://telegram.test", Client: &http.Client{Transport: wireTap(func(*http.Request) (*http.Response, error) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.at = append(a.at, time.Since(a.began))
		if a.reply != nil {
			return a.reply(), nil
		}
		return answered(200, arrived), nil
	})}})
}

// sendAll sends n messages to each chat at once.
func sendAll(t *testing.T, channel *Telegram, n int, chats ...string) {
	t.Helper()
	var all sync.WaitGroup
	for _, id := range chats {
		for range n {
			all.Go(func() {
				if err := channel.Send(t.Context(), actions.Message{ChatID: id, Text: "x"}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
}

// mostWithin is the greatest number of arrivals in any window.
func mostWithin(at []time.Duration, window time.Duration) int {
	most, from := 0, 0
	for i := range at {
		for at[i]-at[from] >= window {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

func TestAPersonGetsOneMessageASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a arrivals
		sendAll(t, a.channel(t), 5, "42")
		if fmt.Sprint(a.at) != "[0s 1s 2s 3s 4s]" {
			t.Errorf("%v", a.at)
		}
	})
}

func TestAGroupGetsTwentyAMinuteAtMost(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"-100777", "@my_desk"} {
		synctest.Test(t, func(t *testing.T) {
			var a arrivals
			sendAll(t, a.channel(t), 60, id)
			if n := mostWithin(a.at, time.Minute); n > 20 || len(a.at) != 60 {
				t.Errorf("%d in a minute, %d in all", n, len(a.at))
			}
			if n := mostWithin(a.at, time.Second); n != 1 || a.at[4] != 4*time.Second {
				t.Errorf("%d in a second; the fifth after %s", n, a.at[4])
			}
		})
	}
}

func TestChatsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a arrivals
		var chats []string
		for i := range 50 {
			chats = append(chats, fmt.Sprint(i+1))
		}
		sendAll(t, a.channel(t), 1, chats...)
		if last := a.at[len(a.at)-1]; last > 2*time.Second || mostWithin(a.at, time.Second) > 30 {
			t.Errorf("the last after %s, %d in a second", last, mostWithin(a.at, time.Second))
		}
	})
}

func TestAPaceThatOutlastsTheContextIsBusyAndTakesNoPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var a arrivals
		channel := a.channel(t)
		sendAll(t, channel, 1, "42")
		for name, end := range map[string]func() (context.Context, context.CancelFunc){
			"a deadline": func() (context.Context, context.CancelFunc) {
				return context.WithTimeout(t.Context(), 500*time.Millisecond)
			},
			"stopped": func() (context.Context, context.CancelFunc) {
				ctx, stop := context.WithCancel(t.Context())
				time.AfterFunc(100*time.Millisecond, stop)
				return ctx, stop
			},
		} {
			ctx, stop := end()
			err := channel.Send(ctx, message("x"))
			stop()
			wantClass(t, name, err, actions.ClassBusy)
			var again actions.RetryAfter
			if !errors.As(err, &again) || again.RetryAfter() <= 0 || again.RetryAfter() > time.Second {
				t.Errorf("%s: %v", name, again)
			}
		}
		sendAll(t, channel, 1, "42")
		if fmt.Sprint(a.at) != "[0s 1s]" {
			t.Errorf("%v", a.at)
		}
	})
}

func TestARefusedChatIsLeftAloneUntilItsTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := arrivals{reply: func() *http.Response {
			return answered(429, `{"ok":false,"error_code":429,"description":"Too Many Requests","parameters":{"retry_after":30}}`)
		}}
		channel := a.channel(t)
		wantClass(t, "first", channel.Send(t.Context(), message("x")), actions.ClassBusy)
		ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		err := channel.Send(ctx, message("x"))
		var again actions.RetryAfter
		if !errors.As(err, &again) || again.RetryAfter() != 30*time.Second || len(a.at) != 1 {
			t.Errorf("%v after %d requests", err, len(a.at))
		}
		a.reply = nil
		sendAll(t, channel, 1, "43") // others go on
		sendAll(t, channel, 1, "42")
		if fmt.Sprint(a.at) != "[0s 40ms 30s]" {
			t.Errorf("%v", a.at)
		}
	})
}

func TestPacesAreNotKeptForEver(t *testing.T) {
	t.Parallel()
	p, now := newPaces(), time.Now()
	for i := range 2 * chatsMax {
		p.chat(fmt.Sprint(i), now.Add(time.Duration(i)))
	}
	if len(p.chats) != chatsMax || p.chats[fmt.Sprint(chatsMax-1)] != nil || p.chats[fmt.Sprint(chatsMax)] == nil {
		t.Errorf("%d chats", len(p.chats))
	}
}
