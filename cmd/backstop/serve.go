package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"

	"backstop/engine"
	"backstop/engine/console"
	"backstop/engine/journal"
	"backstop/engine/kite/session"
	"backstop/engine/lane"
	"backstop/engine/postback"
	"backstop/rules"
)

func serveCommand(p *program) *cobra.Command {
	var o serveOptions
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service",
		Long: `Serve receives postbacks on the public side, reads the order book, decides by the rules, and acts as the mode says.
Every flag has a variable (BACKSTOP_MODE) and a name in backstop.yaml (mode): flag beats variable beats file.
The account comes from KITE_USER_ID, KITE_API_KEY and KITE_API_SECRET, or several from accounts: in backstop.yaml; its
session from backstop login, or from KITE_ACCESS_TOKEN; Telegram from TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID. It ends in good order on Ctrl-C or SIGTERM.

The first time that an account goes live at Kite, backstop doctor must have found nothing within a day before. An account that was live
there once is never asked again: a restart with open positions just goes on.`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			return p.serve(cmd.Context(), s, o)
		},
	}
	for _, d := range settingTable {
		if d.flag != "" {
			settingFlags(cmd, d.key)
		}
	}
	cmd.Flags().BoolVar(&o.withoutDoctor, "live-without-doctor", false, "go live for the first time whatever backstop doctor found")
	cmd.Flags().BoolVar(&o.verbose, "verbose", false, "log what is of use when looking for a mistake")
	return cmd
}

// serveOptions are the flags of serve that are no settings.
type serveOptions struct {
	verbose       bool
	withoutDoctor bool
}

// gcPercent lets the heap grow a little more between collections than Go does by itself: what an account's day keeps is
// small, and an acknowledgement costs a tenth less.
const gcPercent = 130

// serve checks everything that can be checked, takes hold of addresses and store, and runs until ctx ends.
func (p *program) serve(ctx context.Context, s *settings, o serveOptions) error {
	if _, set := p.env.lookup("GOGC"); !set {
		debug.SetGCPercent(gcPercent)
	}
	accounts, err := s.permitted()
	if err != nil {
		return err
	}
	if s.tests, err = s.testHooks(accounts); err != nil {
		return err
	}
	where, err := exchange(accounts)
	if err != nil {
		return err
	}
	if where == onPaper {
		if err := provePaper(ctx, accounts); err != nil {
			return err
		}
	}
	set, err := p.rulesToRun(s.text("rules"), true, s.accountIDs()...)
	if err != nil {
		return err
	}
	channels, err := s.channels(set)
	if err != nil {
		return err
	}
	if err := s.alerted(set); err != nil {
		return err
	}
	hours, err := s.calendar()
	if err != nil {
		return err
	}
	public, err := listen("listen", s)
	if err != nil {
		return err
	}
	defer func() { _ = public.Close() }() // closed by who served it, if it came so far
	admin, err := listen("admin", s)
	if err != nil {
		return err
	}
	defer func() { _ = admin.Close() }() // the same
	store, err := openStore(ctx, s)
	switch {
	case err != nil && ctx.Err() != nil: // asked to end before it began
		return nil
	case err != nil:
		return err
	}
	modes, held, err := s.modes(ctx, store, accounts, o.withoutDoctor)
	if err != nil {
		return errors.Join(err, closeStore(store))
	}
	log := p.logger(s, o.verbose)
	hangup, deaf := hangups()
	defer deaf()
	sv := &server{settings: s, exchange: where, rules: set, log: log, store: store, modes: modes, hangup: hangup}
	if err := stampFolder(s.text("data"), sv.exchange); err != nil {
		return errors.Join(err, closeStore(store))
	}
	if err := sv.wire(accounts, marked(channels, sv.exchange), hours); err != nil {
		return errors.Join(err, closeStore(store))
	}
	sv.public, sv.admin = public, admin
	log.Info("backstop serves", "version", buildOf().Version, "mode", s.text("mode"), "exchange", where, "accounts", names(accounts),
		"rules", s.text("rules"), "rules_version", set.Version(), "public", public.Addr().String(), "private", admin.Addr().String())
	if note := hours.Note(s.tests.clock()); note != "" {
		log.Warn(note)
	}
	if set.Alerts() == "" {
		log.Warn("no channel is told what goes wrong: set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID")
	}
	if s.env["TELEGRAM_USERS"] != "" {
		log.Warn("TELEGRAM_USERS has no effect in this version: Telegram is told, it has no buttons and takes no commands")
	}
	for _, h := range held {
		sv.tell(fmt.Sprintf("NOT LIVE (%s): it stays in dry-run: %s. Run backstop doctor, mend what it finds, and restart backstop serve.", h.user, h.why))
	}
	return errors.Join(sv.run(ctx), closeStore(store))
}

// closeStore closes the store at the end.
func closeStore(store journal.Store) error {
	if err := store.Close(); err != nil {
		return storeFails("store: %v", err)
	}
	return nil
}

func names(accounts []account) []string {
	var users []string
	for _, a := range accounts {
		users = append(users, a.user)
	}
	return users
}

// listen takes hold of an address of the settings.
func listen(key string, s *settings) (net.Listener, error) {
	l, err := net.Listen("tcp", s.text(key))
	if err != nil {
		return nil, misuse("%s: %v", s.origin(key), listenProblem(s.text(key), err))
	}
	return l, nil
}

// logger writes the service's log to standard error: for people on a terminal, for programs elsewhere.
func (p *program) logger(s *settings, verbose bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	form := s.text("log")
	if form == "" {
		form = "json"
		if isTerminal(p.stderr) {
			form = "text"
		}
	}
	if form == "json" {
		return slog.New(slog.NewJSONHandler(p.stderr, &slog.HandlerOptions{Level: level, ReplaceAttr: harmless}))
	}
	return slog.New(tint.NewTextHandler(p.stderr, &tint.Options{Level: level, ReplaceAttr: harmless, TimeFormat: "15:04:05.000", NoColor: !colourful(p.stderr, p.env)}))
}

// harmless keeps foreign text in the log from acting on the terminal that shows it.
func harmless(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(printableLines(a.Value.String()))
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok {
			a.Value = slog.StringValue(printableLines(err.Error()))
		}
	}
	return a
}

// server is the running service.
type server struct {
	settings *settings
	exchange string // PAPER or Kite
	log      *slog.Logger
	store    journal.Store
	rules    *rules.Set           // of the start
	modes    map[string]lane.Mode // by account; the settings' where it is not in it
	hangup   <-chan os.Signal

	engine   *engine.Engine
	receiver *postback.Receiver
	reloader *reloader
	console  http.Handler
	vault    *session.Vault
	morning  *morning // nil: none is kept
	tokens   []*sessionToken
	closers  []func()
	alerts   sync.WaitGroup // on their way
	public   net.Listener
	admin    net.Listener
}

// consoleEnds is how long answers of the private side may take at the end.
const consoleEnds = 3 * time.Second

// run serves until ctx ends or a part fails. The end has an order: first the public side, which waits until what it
// has taken is durable, then the private side, then the engine, which waits for what is in flight.
func (sv *server) run(ctx context.Context) error {
	defer func() {
		for _, c := range sv.closers {
			c()
		}
	}()
	defer sv.alertsEnd()
	failed := make(chan error, 3)
	engineContext, endEngine := context.WithCancel(context.WithoutCancel(ctx))
	defer endEngine()
	engineEnded := make(chan struct{})
	go func() {
		defer close(engineEnded)
		if err := sv.engine.Run(engineContext); err != nil {
			failed <- found("engine: %v", err)
		}
	}()
	tokensWatched := make(chan struct{})
	go func() {
		defer close(tokensWatched)
		sv.watchTokens(engineContext)
	}()
	morningOver := make(chan struct{})
	go func() {
		defer close(morningOver)
		if sv.morning != nil {
			sv.morning.run(engineContext)
		}
	}()
	rulesWatched := make(chan struct{})
	go func() {
		defer close(rulesWatched)
		sv.reloader.watch(engineContext, sv.hangup)
	}()
	publicContext, endPublic := context.WithCancel(ctx)
	defer endPublic()
	publicEnded := make(chan struct{})
	go func() {
		defer close(publicEnded)
		if err := sv.receiver.Serve(publicContext, sv.public); err != nil {
			failed <- found("the public side at %s failed: %v", sv.public.Addr(), err)
		}
	}()
	private := console.Server(sv.console)
	privateEnded := make(chan struct{})
	go func() {
		defer close(privateEnded)
		if err := private.Serve(sv.admin); !errors.Is(err, http.ErrServerClosed) {
			failed <- found("the private side at %s failed: %v", sv.admin.Addr(), err)
		}
	}()

	var failure error
	select {
	case <-ctx.Done():
		sv.log.Info("ending: what was taken is finished first")
	case failure = <-failed:
		sv.log.Error("a part of the service failed: it ends", "error", failure)
	}
	endPublic()
	<-publicEnded
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), consoleEnds)
	defer cancel()
	if private.Shutdown(last) != nil {
		_ = private.Close() // who still asks loses the answer
	}
	<-privateEnded
	endEngine()
	<-engineEnded
	<-tokensWatched
	<-morningOver
	<-rulesWatched
	if failure == nil {
		select {
		case failure = <-failed:
		default:
			sv.log.Info("ended")
		}
	}
	return failure
}
