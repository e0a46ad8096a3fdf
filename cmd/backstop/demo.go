package main

import (
	"bytes"
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"backstop/engine/paper"
)

// demoRules is the copy of rules.yaml for a binary that runs elsewhere; TestDemoRulesAreTheShippedOnes keeps it the
// same file.
//
//go:embed demo/rules.yaml
var demoRules []byte

func demoCommand(p *program) *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Play a trading session against a paper exchange (begin here)",
		Long: `Demo runs a paper exchange and a real backstop serve on this machine and plays one session from end to end: partial
fills, a lost postback, a target, a rejection, a duplicate and a forged postback, and a kill between an order and its
answer. It ends with the exchange's own book and what was lost or doubled in it. It takes rules.yaml of the working
directory, else the copy in this program; it needs no network and no secrets, and ends within 20 seconds.`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &demo{p: p, keep: keep, began: time.Now(), seen: map[string]bool{}}
			defer d.close()
			if err := d.open(cmd.Context()); err != nil {
				return d.failed("opening", err)
			}
			return d.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "leave everything running at the end")
	return cmd
}

// The demo's account. None of it is secret: it exists as long as the demo runs.
const (
	demoUser   = "AB1234"
	demoKey    = "demo_key"
	demoSecret = "demo_secret"
	demoToken  = "demo_token"
	demoChat   = "4242"
)

// demo is one session: the exchange and Telegram's stand-in in this process, Backstop in another.
type demo struct {
	p      *program
	keep   bool
	began  time.Time
	folder string
	rules  string // as it is told

	exchange  *paper.Exchange
	injector  *paper.Injector
	postbacks *paper.Postbacks
	server    *paper.Server
	child     *child
	api       *service
	public    string // URL of the public side
	killAt    atomic.Pointer[func(orderID, tag string)]

	mu       sync.Mutex
	pushes   []paper.Push // postbacks that Backstop has acknowledged
	messages []string     // that Telegram's stand-in got
	seen     map[string]bool
	closers  []func()
}

// open starts everything and waits until Backstop is armed.
func (d *demo) open(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "backstop-demo-")
	if err != nil {
		return err
	}
	d.folder = folder
	d.closers = append(d.closers, func() { _ = os.RemoveAll(folder) })
	rulesFile, err := d.rulesFile()
	if err != nil {
		return err
	}
	public, err := freeAddress()
	if err != nil {
		return err
	}
	admin, err := freeAddress()
	if err != nil {
		return err
	}
	d.public, d.api = "http://"+public, newService(admin, "http://"+admin, secret{})
	broker, err := d.openExchange()
	if err != nil {
		return err
	}
	chat, err := d.serve(&telegramStandIn{told: d.gotMessage})
	if err != nil {
		return err
	}
	d.child, err = childOf(d.p.env, folder, map[string]string{
		"KITE_USER_ID": demoUser, "KITE_API_KEY": demoKey, "KITE_API_SECRET": demoSecret, "KITE_ACCESS_TOKEN": demoToken,
		"KITE_BASE_URL": broker, "TELEGRAM_BOT_TOKEN": "1:demo", "TELEGRAM_CHAT_ID": demoChat, "TELEGRAM_BASE_URL": chat,
		"BACKSTOP_RULES": rulesFile, "BACKSTOP_DATA": filepath.Join(folder, "data"), "BACKSTOP_MODE": modeLive,
		"BACKSTOP_LISTEN": public, "BACKSTOP_ADMIN": admin, "BACKSTOP_RECONCILE": "@every 5s",
		"BACKSTOP_MARKET_HOURS": "always", "BACKSTOP_LOG": "text", "NO_COLOR": "1",
	})
	if err != nil {
		return err
	}
	d.chapter("", fmt.Sprintf("A paper exchange at %s, and Backstop in a process of its own, with %s", broker, d.rules))
	if err := d.child.start(); err != nil {
		return err
	}
	d.closers = append(d.closers, d.child.stop)
	if err := d.child.ready(ctx, d.api.base); err != nil {
		return err
	}
	process, _ := d.child.running()
	d.line("backstop", "armed (process %d): order book and positions are read, the session lives", process.Pid)
	return nil
}

// rulesFile is rules.yaml of the working directory, else the embedded one written into the demo's folder.
func (d *demo) rulesFile() (string, error) {
	const name = "rules.yaml"
	text, err := os.ReadFile(name)
	switch {
	case err == nil && !bytes.Equal(text, demoRules):
		d.rules = "your rules.yaml"
	case err == nil || errors.Is(err, fs.ErrNotExist):
		text, d.rules = demoRules, name
	default:
		return "", err
	}
	copied := filepath.Join(d.folder, name)
	return copied, os.WriteFile(copied, text, 0o600)
}

// openExchange starts the paper exchange and returns its address.
func (d *demo) openExchange() (string, error) {
	d.exchange = paper.New(paper.Options{Now: time.Now, Seed: 1, UserID: demoUser, APIKey: demoKey, APISecret: demoSecret,
		AccessToken: demoToken, Limits: paper.KiteLimits()})
	d.injector = paper.NewInjector(1, paper.Faults{})
	d.postbacks = paper.NewPostbacks(d.exchange, paper.PostbackOptions{URLs: map[string]string{demoKey: d.public + "/postback"},
		Injector: d.injector, OnSent: d.sentPostback})
	d.closers = append(d.closers, d.postbacks.Close)
	d.server = paper.NewServer(d.exchange, paper.ServerOptions{Injector: d.injector, Postbacks: d.postbacks,
		OnAccepted: func(_, orderID, tag string) {
			if hook := d.killAt.Load(); hook != nil && tag != "" {
				(*hook)(orderID, tag)
			}
		}})
	address, err := d.serve(d.server)
	d.closers = append(d.closers, d.server.Close)
	return address, err
}

// serve serves a handler on a free loopback port and returns its URL.
func (d *demo) serve(h http.Handler) (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(l) }() // until close
	d.closers = append(d.closers, func() { _ = s.Close() })
	return "http://" + l.Addr().String(), nil
}

// close ends everything, the last begun first.
func (d *demo) close() {
	for i := len(d.closers) - 1; i >= 0; i-- {
		d.closers[i]()
	}
	d.closers = nil
}

// chapterMax is how long one chapter may take before it counts as one that did not happen.
const chapterMax = 15 * time.Second

// run plays the chapters, then shows the exchange's book and counts in it.
func (d *demo) run(ctx context.Context) error {
	for i, c := range d.chapters() {
		d.chapter(fmt.Sprintf("%d. ", i+1), c.title)
		limited, cancel := context.WithTimeout(ctx, chapterMax)
		err := c.play(limited)
		if err == nil {
			err = d.quiet(limited)
		}
		cancel()
		if ctx.Err() != nil {
			return found("the demo was interrupted")
		}
		if err != nil {
			d.showBook()
			return d.failed(fmt.Sprintf("chapter %d (%s)", i+1, c.title), err)
		}
	}
	d.showBook()
	lost, doubled := d.count()
	d.p.out.line("")
	verdict := fmt.Sprintf("%d lost, %d doubled", lost, doubled)
	took := time.Since(d.began).Round(100 * time.Millisecond)
	if lost+doubled > 0 {
		d.p.out.line("%s, counted in the exchange's own book; %s", d.p.out.bad(verdict), took)
		return found("demo: %s", verdict)
	}
	d.p.out.line("%s, counted in the exchange's own book; %s", d.p.out.good(verdict), took)
	if d.keep {
		d.p.out.line("")
		d.p.out.line("everything keeps running until Ctrl-C: %s/ lists what the API answers, %s", d.api.base, d.api.base+"/api/v1/status")
		d.p.out.flush()
		<-ctx.Done()
	}
	return nil
}

// failed says what did not happen, with the end of Backstop's own log.
func (d *demo) failed(where string, err error) error {
	d.p.out.flush()
	if d.child != nil {
		for _, line := range d.child.log.lines(20) {
			if line != "" {
				fmt.Fprintf(d.p.stderr, "  serve: %s\n", printable(line))
			}
		}
	}
	return found("demo: %s: %v (rules: %s)", where, err, cmp.Or(d.rules, "none read"))
}
