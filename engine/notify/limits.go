package notify

import "time"

// Telegram's bounds (core.telegram.org/bots/faq and the sendMessage method), and ours.
const (
	textMax = 4096 // UTF-16 units of a text; above: cut, with an ellipsis

	chatEvery  = time.Second     // one message a second to a chat
	groupEvery = 4 * time.Second // and to a group, which takes 20 a minute: groupBurst at once and 15 more
	groupBurst = 5
	botEvery   = time.Second / 25 // all chats together; Telegram takes about 30 a second
	chatsMax   = 1024             // chats that a pace is kept for; above: those that have been quiet longest are forgotten

	sendTimeout    = 10 * time.Second // of one request, unless Options say otherwise
	answerMax      = 64 << 10         // bytes of an answer; the rest is not read
	requestMax     = 64 << 10         // bytes of a request: a text has at most 16 KiB
	descriptionMax = 300              // UTF-16 units of Telegram's own words in an error
	retryDefault   = time.Second      // after a 429 that does not say when
	retryMax       = time.Hour        // a 429 that says more is not believed
)
