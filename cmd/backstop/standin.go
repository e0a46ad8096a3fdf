package main

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// telegramStandIn answers like Telegram's Bot API and hands each message to told, so that the demo and the paper
// exchange need neither a bot nor a network.
type telegramStandIn struct {
	told  func(chat, text string)
	count atomic.Int64
}

// standInFormMax bounds a request's form, bytes.
const standInFormMax = 1 << 20

func (t *telegramStandIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, standInFormMax)
	method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	w.Header().Set("Content-Type", "application/json")
	switch method {
	case "sendMessage":
		chat, text := messageOf(r)
		number := t.count.Add(1)
		id, _ := strconv.ParseInt(chat, 10, 64) // 0 for a name
		t.told(chat, text)
		t.answer(w, map[string]any{"message_id": number, "date": time.Now().Unix(), "text": text,
			"chat": map[string]any{"id": id, "type": "private"}})
	case "getMe":
		t.answer(w, map[string]any{"id": 1, "is_bot": true, "first_name": "paper", "username": "paper_bot"})
	case "getUpdates":
		t.answer(w, []any{})
	default:
		t.answer(w, true)
	}
}

// messageOf reads chat and text, from a form or from JSON.
func messageOf(r *http.Request) (chat, text string) {
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var m struct {
			Chat any    `json:"chat_id"`
			Text string `json:"text"`
		}
		d := json.NewDecoder(r.Body)
		d.UseNumber()
		if d.Decode(&m) != nil || m.Chat == nil {
			return "", m.Text
		}
		switch c := m.Chat.(type) {
		case json.Number:
			return c.String(), m.Text
		case string:
			return c, m.Text
		}
		return "", m.Text
	}
	return r.FormValue("chat_id"), r.FormValue("text")
}

func (t *telegramStandIn) answer(w http.ResponseWriter, result any) {
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "result": result}) // a client that went away loses it
}
