package main

import (
	"os"
	"path/filepath"
	"sync"
	"time"

	"backstop/engine/order"
	"backstop/engine/paper"
)

// paperRecord keeps what a paper exchange sends in a folder, in forms that dry-run and replay read: postbacks and
// stream frames one a line, and each day's order book as GET /orders answers it.
type paperRecord struct {
	x                              *paper.Exchange
	folder                         string
	postbacks, unanswered, streams *os.File
	stop                           func()

	mu     sync.Mutex
	failed error // the first write that failed
}

// newPaperRecord keeps the run of x in the folder; "" is nowhere.
func newPaperRecord(folder string, x *paper.Exchange) (*paperRecord, error) {
	k := &paperRecord{x: x, folder: folder}
	if folder == "" {
		return k, nil
	}
	if err := os.MkdirAll(filepath.Join(folder, "book"), 0o700); err != nil {
		return nil, misuse("--record: %v (it takes a folder)", err)
	}
	for name, file := range map[string]**os.File{"postbacks.jsonl": &k.postbacks, "unanswered.jsonl": &k.unanswered, "stream.jsonl": &k.streams} {
		f, err := os.OpenFile(filepath.Join(folder, name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			return nil, misuse("--record: %v", err)
		}
		*file = f
	}
	k.stop = x.Listen(paper.Listener{Update: func(p paper.Push) { k.line(k.streams, p.StreamFrame()) }})
	x.OnBook(k.book)
	return k, nil
}

// postback keeps one that was sent, with those that were acknowledged or with the others.
func (k *paperRecord) postback(p paper.Push, status int) {
	file := k.unanswered
	if status/100 == 2 {
		file = k.postbacks
	}
	k.line(file, p.PostbackBody())
}

// line appends in one write, so that lines of several users don't mix.
func (k *paperRecord) line(file *os.File, body []byte) {
	if file == nil {
		return
	}
	_, err := file.Write(append(body, '\n'))
	k.note(err)
}

// book keeps a user's book of a day. The last of a day stays.
func (k *paperRecord) book(user string, day time.Time, reply []byte) {
	name := filepath.Join(k.folder, "book", day.In(order.IST).Format(time.DateOnly)+"-"+filepath.Base(user)+".json")
	k.note(os.WriteFile(name, append(reply, '\n'), 0o600))
}

func (k *paperRecord) note(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed == nil {
		k.failed = err
	}
}

// end keeps the books of the running day, and says what could not be kept.
func (k *paperRecord) end(out *printer) {
	if k.folder == "" {
		return
	}
	k.stop()
	for _, user := range k.x.Users() {
		k.book(user, k.x.Now(), k.x.OrdersJSON(user))
	}
	for _, file := range []*os.File{k.postbacks, k.unanswered, k.streams} {
		k.note(file.Close())
	}
	if err := k.failed; err != nil {
		out.note("--record: %v: the record is not whole", err)
	}
}
