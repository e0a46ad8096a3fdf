package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"backstop/actions"
	"backstop/engine/kite"
	"backstop/engine/notify"
	"backstop/engine/paper"
)

// What keeps paper and live apart: an exchange that says itself that it is paper, a mark on every message, and a data
// folder that knows which of the two it is of.

const (
	onPaper = "PAPER"
	onKite  = "Kite"
)

// provenWithin is how long the question may take.
const provenWithin = 3 * time.Second

// errNotPaper is what an account of this machine meets that is no paper exchange.
var errNotPaper = errors.New("is on this machine, and what answers there is no paper exchange: nothing is sent to it")

// exchange says where the accounts trade. One service trades on paper or at Kite: paper beside live would hold a live
// key where everything else says that no money moves.
func exchange(accounts []account) (string, error) {
	for _, a := range accounts[1:] {
		if a.onLoopback() != accounts[0].onLoopback() {
			return "", misuse("accounts: %s is at %s and %s at %s: one service trades on paper or at Kite, never both", accounts[0].user,
				accounts[0].baseURL, a.user, a.baseURL)
		}
	}
	if accounts[0].onLoopback() {
		return onPaper, nil
	}
	return onKite, nil
}

// paperProof carries the calls of an account on this machine once what answers there has said that it is a paper
// exchange: a proxy to the real one must not get an order that everybody takes for paper.
type paperProof struct {
	*http.Transport
	base   string
	proven atomic.Bool
}

// RoundTrip asks before the first call, without a key or token.
func (p *paperProof) RoundTrip(r *http.Request) (*http.Response, error) {
	if !p.proven.Load() {
		if err := p.prove(r.Context()); err != nil {
			// The client learns from the trace that the call itself never had a connection: it was certainly not sent.
			if t := httptrace.ContextClientTrace(r.Context()); t != nil && t.GetConn != nil {
				t.GetConn(r.URL.Host)
			}
			return nil, err
		}
	}
	return p.Transport.RoundTrip(r)
}

func (p *paperProof) prove(call context.Context) error {
	// A context of its own: the call's is watched for bytes that left, and none of the call's have.
	ctx, cancel := context.WithTimeout(context.Background(), provenWithin)
	defer cancel()
	defer context.AfterFunc(call, cancel)()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/", nil)
	if err != nil {
		return err
	}
	answer, err := p.Transport.RoundTrip(r)
	if err != nil {
		return err // it is not there: the call itself would have met the same
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<16)) // only the header counts
	_ = answer.Body.Close()
	switch {
	case answer.StatusCode >= http.StatusInternalServerError: // a gateway before an exchange that is not up
		return fmt.Errorf("%s answers %s", p.base, answer.Status)
	case answer.Header.Get(paper.Header) == "":
		return fmt.Errorf("%s %w", p.base, errNotPaper)
	}
	p.proven.Store(true)
	return nil
}

// provePaper refuses to begin where an account's exchange answers and is no paper exchange. One that is not up yet is
// asked before the first call.
func provePaper(ctx context.Context, accounts []account) error {
	for _, a := range accounts {
		p := &paperProof{Transport: kite.NewTransport(), base: a.baseURL}
		err := p.prove(ctx)
		p.CloseIdleConnections()
		if errors.Is(err, errNotPaper) {
			return misuse("%s: base_url: %v (backstop paper starts one)", a.from, err)
		}
	}
	return nil
}

// paperChannel marks every message.
type paperChannel struct{ actions.Channel }

// Send marks the message and delivers it.
func (c paperChannel) Send(ctx context.Context, m actions.Message) error {
	m.Text = "[" + onPaper + "] " + m.Text
	return c.Channel.Send(ctx, m)
}

// marked are the channels as an exchange's messages go out.
func marked(channels notify.Registry, exchange string) notify.Registry {
	if exchange != onPaper {
		return channels
	}
	marked := notify.Registry{}
	for name, c := range channels {
		marked[name] = paperChannel{c}
	}
	return marked
}

// stampFile is the file of the data folder that says of which exchange its journal is.
const stampFile = "exchange"

// stampFolder holds the data folder to one exchange: a journal of paper orders must not be taken for what stands at Kite, nor
// the other way. A folder without a stamp gets one.
func stampFolder(folder, exchange string) error {
	name := filepath.Join(folder, stampFile)
	have, err := os.ReadFile(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if err := os.WriteFile(name, []byte(exchange+"\n"), 0o600); err != nil {
			return storeFails("%v", err)
		}
		return nil
	case err != nil:
		return storeFails("%v", err)
	}
	if was := strings.TrimSpace(string(have)); was != exchange {
		return misuse("data: %s is of %s, and the accounts trade at %s: name another folder with --data (%s says which it is of)", folder, printable(cut(was)), exchange, name)
	}
	return nil
}
