package notify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-telegram/bot"
	"github.com/go-telegram/bot/models"

	"backstop/actions"
)

// TelegramURL is where Telegram's bot interface lives.
const TelegramURL = "https://api.telegram.org"

// TelegramOptions are a Telegram channel's settings. Token is needed.
type TelegramOptions struct {
	Token   string        `json:"-"` // TELEGRAM_BOT_TOKEN
	BaseURL string        // TELEGRAM_BASE_URL; default TelegramURL
	Timeout time.Duration // of one request; default 10 s
	Client  *http.Client  `json:"-"` // default: a new one. Its redirects are not followed, since the token is in the address
}

// String keeps the token out of whatever prints the options.
func (o TelegramOptions) String() string { return "telegram at " + o.BaseURL }

// GoString does the same for %#v.
func (o TelegramOptions) GoString() string { return o.String() }

// LogValue does the same for slog.
func (o TelegramOptions) LogValue() slog.Value { return slog.StringValue(o.String()) }

// Telegram sends messages to Telegram chats as a bot. It only sends; nothing runs in the background. Any number of
// goroutines may use it.
type Telegram struct {
	bot     *bot.Bot
	paces   *paces
	timeout time.Duration
	scrub   func(string) string
}

var _ actions.Channel = (*Telegram)(nil)

// What a token and a chat may look like. Anything else would change the address that a request goes to, or be refused.
var (
	tokenForm    = regexp.MustCompile(`^[A-Za-z0-9:_-]{1,128}$`)
	chatNameForm = regexp.MustCompile(`^@[A-Za-z][A-Za-z0-9_]{2,63}$`)
)

// NewTelegram makes a Telegram channel. It asks Telegram nothing: a wrong token shows at the first message.
func NewTelegram(o TelegramOptions) (*Telegram, error) {
	switch {
	case o.Token == "":
		return nil, errors.New("telegram: TELEGRAM_BOT_TOKEN is not set")
	case !tokenForm.MatchString(o.Token):
		return nil, errors.New("telegram: TELEGRAM_BOT_TOKEN is no bot token: it has the form 123456:letters-and-digits")
	}
	base := strings.TrimRight(o.BaseURL, "/")
	if base == "" {
		base = TelegramURL
	}
	if u, err := url.Parse(base); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("telegram: TELEGRAM_BASE_URL is no http or https address")
	}
	client := &http.Client{}
	if o.Client != nil {
		*client = *o.Client
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	t := &Telegram{paces: newPaces(), timeout: o.Timeout, scrub: scrubber(o.Token)}
	if t.timeout <= 0 {
		t.timeout = sendTimeout
	}
	var err error
	t.bot, err = bot.New(o.Token,
		bot.WithSkipGetMe(),
		bot.WithServerURL(base),
		bot.WithHTTPClient(t.timeout, &wire{client: client}),
		bot.WithErrorsHandler(func(error) {}), // what it would log is in the error that Send returns
		bot.WithDebugHandler(func(string, ...any) {}),
		bot.WithDefaultHandler(func(context.Context, *bot.Bot, *models.Update) {}),
	)
	if err != nil {
		return nil, fmt.Errorf("telegram: %s", t.scrub(err.Error()))
	}
	return t, nil
}

// String keeps the bot and its token out of whatever prints the channel.
func (t *Telegram) String() string { return "telegram" }

// GoString does the same for %#v.
func (t *Telegram) GoString() string { return t.String() }

// Send sends one message, after waiting as long as the chat's pace and ctx allow. The text goes out plain: no markup,
// no link previews (Telegram would open the links, and a login link works once). Its errors are *actions.Error by
// errors.As: busy (with RetryAfter, also where ctx ends while waiting for the pace), down, permission, refused, or
// ambiguous where it may have arrived.
func (t *Telegram) Send(ctx context.Context, m actions.Message) error {
	chatID, err := chatOf(m.ChatID)
	if err != nil {
		return err
	}
	text := plain(m.Text)
	if strings.TrimSpace(text) == "" {
		return refusal(actions.ClassRefused, 0, "the text is empty", "")
	}
	if left, ok := t.paces.wait(ctx, m.ChatID); !ok {
		return &busy{refusal(actions.ClassBusy, 0, "the chat takes no message now", ""), max(left, time.Millisecond)}
	}
	off := true
	a, err := t.try(ctx, &bot.SendMessageParams{ChatID: chatID, Text: text, DisableNotification: m.Silent,
		LinkPreviewOptions: &models.LinkPreviewOptions{IsDisabled: &off}})
	failed := a.outcome(err, t.scrub)
	var again *busy
	if errors.As(failed, &again) {
		t.paces.refused(m.ChatID, again.after)
	}
	return failed
}

// try makes the request and gives what was seen of it.
func (t *Telegram) try(ctx context.Context, params *bot.SendMessageParams) (*attempt, error) {
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	a := &attempt{}
	_, err := t.bot.SendMessage(a.watch(ctx), params)
	return a, err
}

// chatOf reads a chat id: a number, or the @name of a public group or channel.
func chatOf(s string) (any, error) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n != 0 {
		return n, nil
	}
	if chatNameForm.MatchString(s) {
		return s, nil
	}
	return nil, refusal(actions.ClassRefused, 0, fmt.Sprintf("%q is no chat", s), hintChat)
}

// scrubber blots the token out of a text, written as it is or as a part of an address.
func scrubber(token string) func(string) string {
	forms := []string{token, url.QueryEscape(token), url.PathEscape(token)}
	if _, secret, ok := strings.Cut(token, ":"); ok && len(secret) >= 8 {
		forms = append(forms, secret)
	}
	var pairs []string
	for _, f := range forms {
		pairs = append(pairs, f, "***")
	}
	return strings.NewReplacer(pairs...).Replace
}
