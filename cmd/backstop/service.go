package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// service is the private side of a running Backstop, as other commands reach it.
type service struct {
	address  string // as the settings have it
	base     string
	password secret
	client   *http.Client
}

const (
	// serviceWithin is longer than the engine may take to obey, so that its own answer arrives.
	serviceWithin = 40 * time.Second
	// serviceAnswerMax bounds an answer, bytes.
	serviceAnswerMax = 64 << 20
)

// service finds the running service by its admin address.
func (s *settings) service() *service {
	address := s.text("admin")
	host, port, _ := net.SplitHostPort(address) // the form was checked
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1" // it listens everywhere, so here too
	}
	return newService(address, "http://"+net.JoinHostPort(host, port), secretOf(s.text("admin_password")))
}

func newService(address, base string, password secret) *service {
	// No proxy: the service is on this machine or one that the user named.
	return &service{address: address, base: base, password: password,
		client: &http.Client{Timeout: serviceWithin, Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true}}}
}

// get reads one address of the API into answer.
func (s *service) get(ctx context.Context, path string, query url.Values, answer any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return s.do(ctx, http.MethodGet, path, nil, answer)
}

// post says a word to the service.
func (s *service) post(ctx context.Context, path string, body, answer any) error {
	return s.do(ctx, http.MethodPost, path, body, answer)
}

func (s *service) do(ctx context.Context, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return storeFails("%s: %v", path, err)
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.base+path, content)
	if err != nil {
		return misuse("admin: %v", err)
	}
	r.Header.Set("Content-Type", "application/json")
	if password := s.password.reveal(); password != "" {
		r.SetBasicAuth("admin", password)
	}
	reply, err := s.client.Do(r)
	if err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return storeFails("the service at %s does not answer", s.address)
		}
		return storeFails("no service runs at %s (start one with backstop serve, or name its address with --admin)", s.address)
	}
	defer func() { _ = reply.Body.Close() }() // read whole or given up
	text, err := io.ReadAll(io.LimitReader(reply.Body, serviceAnswerMax))
	if err != nil {
		return storeFails("the service at %s broke off its answer", s.address)
	}
	if reply.StatusCode != http.StatusOK {
		return s.refused(reply.StatusCode, text)
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return storeFails("what answers at %s is not Backstop", s.address)
	}
	return nil
}

// refused puts an answer that is not success into words.
func (s *service) refused(status int, body []byte) error {
	var answer struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}
	switch {
	case json.Unmarshal(body, &answer) != nil || answer.Message == "":
		return storeFails("what answers at %s is not Backstop (%d %s)", s.address, status, http.StatusText(status))
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return misuse("the service at %s: %s", s.address, answer.Message)
	case status == http.StatusConflict: // it ran, and as things stand there is nothing to do
		return found("%s", answer.Message)
	case status == http.StatusBadGateway:
		return brokerFails("%s", answer.Message)
	case status >= http.StatusInternalServerError:
		return storeFails("%s", answer.Message)
	}
	return misuse("%s", answer.Message)
}

// asObject reads an answer both as its own JSON, for --json, and as what a command prints of it.
type asObject[T any] struct {
	raw   json.RawMessage
	value T
}

func (a *asObject[T]) UnmarshalJSON(b []byte) error {
	a.raw = append(a.raw[:0], b...)
	if len(b) == 0 || b[0] != '{' {
		return fmt.Errorf("want an object")
	}
	return json.Unmarshal(b, &a.value)
}
