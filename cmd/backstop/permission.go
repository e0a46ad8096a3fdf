package main

import (
	"net"

	"backstop/engine/market"
	"backstop/rules"
)

// What serve refuses to begin with, each in one line that says what to do.

// permitted refuses what this version does not do, and gives the accounts of what it does.
func (s *settings) permitted() ([]account, error) {
	if err := s.storeKind(); err != nil {
		return nil, err
	}
	host, _, _ := net.SplitHostPort(s.text("admin")) // the form was checked
	if !loopback(host) && s.text("admin_password") == "" {
		return nil, misuse("%s: the private side beyond loopback needs a password: set BACKSTOP_ADMIN_PASSWORD, or listen on 127.0.0.1", s.origin("admin"))
	}
	accounts, err := s.accounts()
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if s.text("stream") == "on" && a.wsURL == "" {
			return nil, misuse("%s: stream: on needs KITE_WS_URL where KITE_BASE_URL is not Kite's (%s): backstop paper prints both", s.origin("stream"), a.user)
		}
	}
	return accounts, nil
}

// alerted refuses to trade where nobody is told when something goes wrong.
func (s *settings) alerted(set *rules.Set) error {
	if s.text("mode") == modeLive && set.Alerts() == "" {
		return misuse("mode: live needs a channel that is told what goes wrong: set TELEGRAM_BOT_TOKEN and TELEGRAM_CHAT_ID, " +
			"or write alerts: and channels: in the rules (alerts: none says that nobody is to be told)")
	}
	return nil
}

// calendar is when the exchanges trade.
func (s *settings) calendar() (*market.Calendar, error) {
	c := market.Default()
	if name := s.text("calendar"); name != "" {
		var err error
		if c, err = market.Load(name); err != nil {
			return nil, misuse("%s: %v", s.origin("calendar"), err)
		}
	}
	if s.text("market_hours") == "always" {
		return market.Always(), nil
	}
	return c, nil
}
