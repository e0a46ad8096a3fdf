package main

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"backstop/engine/kite/session"
	"backstop/engine/order"
	"backstop/engine/postback"
)

func loginCommand(p *program) *cobra.Command {
	var user string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "login",
		Short: "Log in to Kite for the day",
		Long: `Login prints the address of Kite's login page and waits for the browser to come back to /kite/callback on the public
side: at the running service, or, where none runs, at this command itself. Where the browser can't reach it, paste the
address that it was sent to (or the request_token in it) here. The day's access token is kept encrypted in the data
folder; a running service takes it at once. It dies at 06:00.`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			return p.login(cmd.Context(), s, user, asJSON)
		},
	}
	settingFlags(cmd, "data", "listen", "public_url")
	cmd.Flags().StringVar(&user, "account", "", "user id of the account, where there are several")
	jsonFlag(cmd, &asJSON)
	return cmd
}

func logoutCommand(p *program) *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "Forget the day's Kite session, and end it at Kite",
		Long: `Logout removes the access token that login has kept, and tells Kite that it is good no more. A running service notices
at once: it goes on receiving and deciding, and its requests wait for the next login.`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := p.settings(cmd)
			if err != nil {
				return err
			}
			return p.logout(cmd.Context(), s, user)
		},
	}
	settingFlags(cmd, "data")
	cmd.Flags().StringVar(&user, "account", "", "user id of the account, where there are several")
	return cmd
}

// loginWithin is how long login waits, as long as its state.
const loginWithin = session.LoginFor

// exchangeWithin is how long the broker may take to change a token.
const exchangeWithin = 9 * time.Second

// accountOf is the account that was asked for, or the only one.
func (s *settings) accountOf(user string) (account, []account, error) {
	list, err := s.accounts()
	if err != nil {
		return account{}, nil, err
	}
	for _, a := range list {
		if a.user == user || user == "" && len(list) == 1 {
			return a, list, nil
		}
	}
	if user == "" {
		return account{}, nil, misuse("there are several accounts: --account says which (%s)", strings.Join(names(list), ", "))
	}
	return account{}, nil, misuse("--account: no account %s; there is %s", printable(user), strings.Join(names(list), ", "))
}

// login begins a login and waits for its end, by whichever way it comes.
func (p *program) login(ctx context.Context, s *settings, user string, asJSON bool) error {
	a, list, err := s.accountOf(user)
	if err != nil {
		return err
	}
	if a.accessToken.reveal() != "" {
		return misuse("KITE_ACCESS_TOKEN (or access_token) is set for %s and would stand over this login: remove it first", a.user)
	}
	vault := s.vault()
	l := &logins{accounts: list, vault: vault, now: time.Now}
	state, err := vault.Begin(a.user, time.Now(), session.LoginFor)
	if err != nil {
		return storeFails("%v", err)
	}
	defer vault.Drop(a.user, state) // where it was not finished, nobody may finish it later
	ctx, cancel := context.WithTimeout(ctx, loginWithin)
	defer cancel()

	returned := make(chan error, 1)
	stop, own := p.receiveReturn(ctx, s, l, returned)
	defer stop()
	before := vault.Stamp(a.user)
	if err := p.introduceLogin(s, a, state, own, asJSON); err != nil {
		return err
	}
	pasted := make(chan string)
	go p.pastedLines(ctx, pasted)
	look := time.NewTicker(200 * time.Millisecond)
	defer look.Stop()
	var gone time.Time // when the browser came back to somebody else
	for {
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return found("nobody came back from the login page within %s: begin again", loginWithin)
			}
			return found("the login was given up")
		case err := <-returned:
			if err != nil {
				return brokerFails("%v", err)
			}
		case line := <-pasted:
			if err := p.paste(ctx, l, a, state, line); err != nil {
				var e *exit
				if errors.As(err, &e) && e.code == exitMisuse {
					p.out.note("%v", err) // a slip of the mouse: the login still waits
					continue
				}
				return err
			}
		case <-look.C:
		}
		if stamp := vault.Stamp(a.user); stamp != before && stamp != "" {
			_, ends, err := vault.Load(a.user, time.Now())
			if err != nil {
				return storeFails("%v", err)
			}
			return p.loggedIn(a, ends, asJSON)
		}
		switch {
		case own || vault.Waits(a.user, state):
		case gone.IsZero():
			gone = time.Now()
		case time.Since(gone) > 2*exchangeWithin:
			return brokerFails("the browser came back, and the login failed: the browser and the service's log say why")
		}
	}
}

// receiveReturn takes the browser's return itself where nobody else holds the public address.
func (p *program) receiveReturn(ctx context.Context, s *settings, l *logins, returned chan<- error) (stop func(), own bool) {
	listener, err := net.Listen("tcp", s.text("listen"))
	if err != nil {
		if !errors.Is(err, syscall.EADDRINUSE) {
			p.out.note("%s: %v: paste the address here instead", s.origin("listen"), listenProblem(s.text("listen"), err))
		}
		return func() {}, false
	}
	finish := func(ctx context.Context, query url.Values) (string, error) {
		done, err := l.finish(ctx, query)
		var failed *postback.LoginError
		if errors.As(err, &failed) {
			time.AfterFunc(200*time.Millisecond, func() { returned <- err }) // the browser's answer leaves first
		}
		return done, err
	}
	receiver, err := postback.New(postback.Options{Login: finish, Submit: func(context.Context, string, order.Update) (string, error) {
		return "", errors.New("only a login is received here") // there is no door, so nothing comes here
	}})
	if err != nil {
		_ = listener.Close()
		return func() {}, false
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = receiver.Serve(ctx, listener) // what was not answered was no login
	}()
	return func() { cancel(); <-ended }, true
}

func (p *program) introduceLogin(s *settings, a account, state string, own, asJSON bool) error {
	link := loginURL(a, state)
	defer p.out.flush()
	if asJSON {
		return p.out.json(map[string]string{"account": a.user, "login_url": link})
	}
	p.out.line("open this and log in as %s:", a.user)
	p.out.line("  %s", link)
	where := "the service at " + s.text("listen")
	if own {
		where = "this command at " + s.text("listen")
	}
	p.out.line("the browser then comes back to %s (%s, the app's redirect URL); where it can't, paste the address that it shows here", where, s.outside("/kite/callback"))
	return nil
}

// outside is a path of the public side as it is reached from outside; the path alone where public_url is not set.
func (s *settings) outside(path string) string {
	return strings.TrimRight(s.text("public_url"), "/") + path
}

func (p *program) loggedIn(a account, ends time.Time, asJSON bool) error {
	if asJSON {
		return p.out.json(map[string]string{"account": a.user, "until": ends.In(order.IST).Format(time.RFC3339)})
	}
	p.out.line("logged in as %s until %s IST", a.user, ends.In(order.IST).Format("2 Jan 15:04"))
	return nil
}

// pastedLines hands on what is typed or pasted, as long as somebody listens.
func (p *program) pastedLines(ctx context.Context, lines chan<- string) {
	in := bufio.NewScanner(p.stdin)
	for in.Scan() {
		if line := strings.TrimSpace(in.Text()); line != "" {
			select {
			case lines <- line:
			case <-ctx.Done():
				return
			}
		}
	}
}

// paste finishes the login with a pasted address or request_token. Wrong use leaves it waiting.
func (p *program) paste(ctx context.Context, l *logins, a account, state, line string) error {
	ctx, cancel := context.WithTimeout(ctx, exchangeWithin)
	defer cancel()
	if !strings.Contains(line, "=") { // the token alone, by the hand of who began the login
		if !l.vault.Drop(a.user, state) {
			return misuse("this login is finished already")
		}
		if _, err := l.exchange(ctx, a, line); err != nil {
			return brokerFails("%v", err)
		}
		return nil
	}
	u, err := url.Parse(line)
	if err != nil {
		return misuse("that is no address: paste all that stands in the browser's address line")
	}
	query := u.Query()
	if query.Get("request_token") == "" {
		return misuse("no request_token stands in it: paste the address that the browser was sent to after the login")
	}
	if _, err := l.finish(ctx, query); err != nil {
		if errors.Is(err, postback.ErrState) {
			return misuse("this address belongs to another login: open the address above and log in there")
		}
		return brokerFails("%v", err)
	}
	return nil
}

// logout forgets the kept token, whatever the broker says.
func (p *program) logout(ctx context.Context, s *settings, user string) error {
	a, _, err := s.accountOf(user)
	if err != nil {
		return err
	}
	vault := s.vault()
	token, _, err := vault.Load(a.user, time.Now())
	forgotten := vault.Forget(a.user)
	switch {
	case errors.Is(forgotten, session.ErrNone):
		p.out.line("no session of %s is kept", a.user)
	case forgotten != nil:
		return storeFails("the kept session could not be removed: %v", forgotten)
	case err != nil: // dead or of no use: there is nothing to end at Kite
		p.out.line("the kept session of %s is forgotten (%v)", a.user, err)
	default:
		if err := openKite(a, func() string { return token }).Invalidate(ctx); err != nil {
			return brokerFails("the session of %s is forgotten here, but Kite did not end it: %v", a.user, advised(err))
		}
		p.out.line("the session of %s is forgotten, and ended at Kite", a.user)
	}
	if a.accessToken.reveal() != "" {
		p.out.note("KITE_ACCESS_TOKEN (or access_token) is still set for %s", a.user)
	}
	return nil
}
