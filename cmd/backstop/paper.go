package main

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"backstop/engine/market"
	"backstop/engine/paper"
)

// paperOptions are the paper exchange's flags.
type paperOptions struct {
	listen, postbackURL, redirectURL     string
	user, apiKey, apiSecret, accessToken string
	faults, script, record, hours        string
	seed                                 uint64
	walk, asJSON                         bool
}

func paperCommand(p *program) *cobra.Command {
	var o paperOptions
	cmd := &cobra.Command{
		Use:   "paper",
		Short: "Run a paper exchange that speaks Kite Connect",
		Long: `Paper runs an exchange in memory that speaks Kite Connect v3: REST, WebSocket and postbacks, with its checks and
error texts. Point Backstop, or any Kite client, at it. Prices stand still until --script or --walk moves them, or
POST /paper/price does. It stands in for Telegram too and prints the messages. It runs until Ctrl-C.`,
		Example: `  backstop paper --walk --faults lose=0.1,reply_lost=0.05
  backstop paper --script prices.txt --postback-url http://127.0.0.1:8787/postback`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.walk = o.walk || cmd.Flags().Changed("seed")
			return p.paper(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", "127.0.0.1:8790", "address to listen on")
	f.StringVar(&o.postbackURL, "postback-url", "", "where postbacks go (default none are sent)")
	f.StringVar(&o.redirectURL, "redirect-url", "", "where the login page sends the browser, the app's redirect URL (default it answers the request_token)")
	f.StringVar(&o.user, "user-id", "AB1234", "user id of the account")
	f.StringVar(&o.apiKey, "api-key", "paper_key", "api_key of the app")
	f.StringVar(&o.apiSecret, "api-secret", "paper_secret", "api_secret of the app")
	f.StringVar(&o.accessToken, "access-token", "paper_token", "access token of the day")
	f.StringVar(&o.faults, "faults", "", "what goes wrong, such as lose=0.1,late=0.3/2s,reply_lost=0.05")
	f.StringVar(&o.script, "script", "", "file with a course of prices")
	f.StringVar(&o.record, "record", "", "keep what the run sends in this folder: postbacks.jsonl (answered 2xx), unanswered.jsonl, stream.jsonl, book/")
	f.StringVar(&o.hours, "market-hours", "always", "auto keeps the exchanges' hours: AMOs, square-off, the close, the next morning; always trades all day")
	f.BoolVar(&o.walk, "walk", false, "prices walk at random")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the walk and of the faults (means --walk)")
	f.BoolVar(&o.asJSON, "json", false, "print the addresses as one JSON object")
	cmd.MarkFlagsMutuallyExclusive("script", "walk")
	cmd.MarkFlagsMutuallyExclusive("script", "seed")
	return cmd
}

// walkEvery and walkTicks are the pace of --walk: one instrument moves each period.
const (
	walkEvery = 200 * time.Millisecond
	walkTicks = 4
)

func (p *program) paper(ctx context.Context, o paperOptions) error {
	faults, err := paper.ParseFaults(o.faults)
	if err != nil {
		return misuse("--faults: %s", strings.TrimPrefix(err.Error(), "paper: parse faults: "))
	}
	if err := checkAddress(o.listen); err != nil {
		return misuse("--listen: %v", err)
	}
	if u, err := url.Parse(o.postbackURL); o.postbackURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return misuse("--postback-url: want a URL like http://127.0.0.1:8787/postback")
	}
	if u, err := url.Parse(o.redirectURL); o.redirectURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return misuse("--redirect-url: want a URL like http://127.0.0.1:8787/kite/callback")
	}
	var hours paper.Hours
	switch o.hours {
	case "auto":
		hours = market.Default()
	case "always":
	default:
		return misuse("--market-hours: want auto or always, not %q", o.hours)
	}
	x := paper.New(paper.Options{Now: time.Now, Hours: hours, Seed: o.seed, UserID: o.user, APIKey: o.apiKey, APISecret: o.apiSecret,
		AccessToken: o.accessToken, Limits: paper.KiteLimits(), TokensDieAtSix: true})
	feed, err := o.feed(x)
	if err != nil {
		return err
	}
	keep, err := newPaperRecord(o.record, x)
	if err != nil {
		return err
	}
	defer keep.end(p.out)
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return misuse("--listen: %v", listenProblem(o.listen, err))
	}
	injector := paper.NewInjector(o.seed, faults)
	postbacks := paper.NewPostbacks(x, paper.PostbackOptions{URLs: map[string]string{o.apiKey: o.postbackURL}, Injector: injector, OnSent: keep.postback})
	defer postbacks.Close()
	exchange := paper.NewServer(x, paper.ServerOptions{RedirectURLs: map[string]string{o.apiKey: o.redirectURL}, Injector: injector, Postbacks: postbacks})
	mux := http.NewServeMux()
	mux.Handle("/", exchange)
	mux.Handle("/telegram/", &telegramStandIn{told: func(_, text string) {
		p.out.line("telegram: %s", printable(text))
		p.out.flush()
	}})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	played := make(chan error, 1)
	if feed != nil {
		go func() { played <- paper.Play(ctx, x, feed) }()
	}
	if err := p.introduce(o, listener.Addr().String()); err != nil {
		return err
	}
	second := time.NewTicker(time.Second) // for orders that expire while nobody calls
	defer second.Stop()
	for {
		select {
		case <-second.C:
			x.Advance()
		case err := <-played:
			switch {
			case ctx.Err() != nil:
			case err != nil:
				return misuse("--script: %s", strings.TrimPrefix(err.Error(), "paper: "))
			default:
				p.out.note("the script of prices has ended; the exchange stays open")
			}
		case err := <-served:
			return misuse("paper exchange: %v", err)
		case <-ctx.Done():
			exchange.Close()
			_ = server.Close() // the exchange forgets all with the process
			return nil
		}
	}
}

// feed is where prices come from; nil where they stand still.
func (o *paperOptions) feed(x *paper.Exchange) (paper.Feed, error) {
	switch {
	case o.script != "":
		text, err := os.ReadFile(o.script)
		if err != nil {
			return nil, misuse("--script: %v", err)
		}
		script, err := paper.ParseScript(string(text))
		if err != nil {
			return nil, misuse("--script: %s: %s", o.script, strings.TrimPrefix(err.Error(), "paper: script "))
		}
		return script.Feed(), nil
	case o.walk:
		return paper.NewWalk(x, o.seed, walkEvery, walkTicks), nil
	}
	return nil, nil
}

// introduce says how to point Backstop at the exchange. What the user gave as a key or token is not repeated:
// it may be a real one.
func (p *program) introduce(o paperOptions, address string) error {
	base, socket := "http://"+address, "ws://"+address+"/ws"
	own := func(value, usual string) string {
		if value == usual {
			return value
		}
		return stars
	}
	secretText, tokenText := own(o.apiSecret, "paper_secret"), own(o.accessToken, "paper_token")
	if o.asJSON {
		defer p.out.flush()
		return p.out.json(map[string]string{"exchange": onPaper, "base_url": base, "ws_url": socket, "user_id": o.user, "api_key": o.apiKey,
			"api_secret": secretText, "access_token": tokenText, "postback_url": o.postbackURL, "login_url": base + "/connect/login", "redirect_url": o.redirectURL, "telegram_base_url": base + "/telegram"})
	}
	out := p.out
	out.line("%s exchange at %s, postbacks to %s; no order here is real; Ctrl-C ends it", onPaper, out.bold(base), cmp.Or(o.postbackURL, "nowhere (--postback-url)"))
	out.line("")
	out.line("point Backstop at it:")
	out.line("  export KITE_BASE_URL=%s KITE_WS_URL=%s KITE_LOGIN_URL=%s/connect/login", base, socket, base)
	out.line("  export KITE_USER_ID=%s KITE_API_KEY=%s KITE_API_SECRET=%s KITE_ACCESS_TOKEN=%s", o.user, o.apiKey, secretText, tokenText)
	out.line("  export TELEGRAM_BASE_URL=%s/telegram TELEGRAM_BOT_TOKEN=1:paper TELEGRAM_CHAT_ID=1   # messages show up here", base)
	out.line("  export BACKSTOP_MARKET_HOURS=always")
	out.line("  backstop serve --mode live")
	out.line("")
	out.line("place an order and move a price:")
	out.line("  curl %s/orders/regular -H 'X-Kite-Version: 3' -H 'Authorization: token %s:%s' \\", base, o.apiKey, tokenText)
	out.line("    -d exchange=NFO -d tradingsymbol=NIFTY26DEC24500CE -d transaction_type=BUY -d quantity=65 -d product=MIS -d order_type=LIMIT -d price=300 -d validity=DAY")
	out.line("  curl %s/paper/price -d '{\"exchange\":\"NFO\",\"tradingsymbol\":\"NIFTY26DEC24500CE\",\"price\":299}'", base)
	out.flush()
	return nil
}

// listenProblem puts a failure to listen into one clear line.
func listenProblem(address string, err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		err = op.Err
	}
	if strings.Contains(err.Error(), "address already in use") || strings.Contains(err.Error(), "Only one usage of each socket address") {
		return errors.New(address + " is in use: another program, or another Backstop, listens there")
	}
	return errors.New(address + ": " + err.Error())
}
