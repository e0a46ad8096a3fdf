package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"

	"backstop/engine/journal"
)

// Limits of a group. A group that is full leaves the rest to the next; a queue that is full holds its callers.
const (
	queueMax      = 1024
	groupBytesMax = 16 << 20
)

// task is something to write in a transaction, its own or one that it shares.
type task struct {
	rows    *journal.Rows            // of a commit
	write   func(*transaction) error // of anything else; may be called once, in the transaction
	written func()                   // called once it is durable, before the caller hears of it
	bytes   int
	pages   int // about how many pages of the WAL it takes

	state atomic.Int32
	done  chan error // has room for the answer
}

// States of a task: who gets it from waiting, the writer or a caller who gave up, has it.
const (
	taskWaiting = iota
	taskTaken
	taskWithdrawn
)

// writer owns the one connection that writes.
type writer struct {
	source   source
	groupMax int
	queue    chan *task
	closing  chan struct{} // closed when no more is to come
	stopped  chan struct{} // closed when the goroutine has ended
	upkeep   *checkpointer
	tx       *transaction // the goroutine's own; nil after a failure until the connection is opened anew
	lastErr  error        // of closing, for stop
}

// startWriter opens the connection and starts the goroutine that owns it.
func startWriter(ctx context.Context, s source, groupMax int) (*writer, error) {
	tx, err := openTransaction(ctx, s)
	if err != nil {
		return nil, err
	}
	upkeep, err := startCheckpointer(ctx, s)
	if err != nil {
		return nil, errors.Join(err, tx.close())
	}
	w := &writer{source: s, groupMax: groupMax, queue: make(chan *task, queueMax), closing: make(chan struct{}), stopped: make(chan struct{}),
		upkeep: upkeep, tx: tx}
	go w.run()
	return w, nil
}

// submit hands a task over and waits for what became of it.
func (w *writer) submit(ctx context.Context, t *task) error {
	t.done = make(chan error, 1)
	select {
	case w.queue <- t:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.closing:
		return journal.ErrClosed
	}
	var gaveUp error
	select {
	case err := <-t.done:
		return err
	case <-ctx.Done():
		gaveUp = ctx.Err()
	case <-w.stopped:
		gaveUp = journal.ErrClosed
	}
	if t.state.CompareAndSwap(taskWaiting, taskWithdrawn) {
		return gaveUp
	}
	return <-t.done // it is being written: only the disk knows
}

// stop writes what waits, and closes. No submit may follow that wants an answer other than ErrClosed.
func (w *writer) stop() error {
	close(w.closing)
	<-w.stopped
	return w.lastErr
}

func (w *writer) run() {
	defer close(w.stopped)
	for {
		select {
		case t := <-w.queue:
			w.group(t)
			continue
		case <-w.closing:
		}
		for {
			select {
			case t := <-w.queue:
				w.group(t)
				continue
			default:
			}
			break
		}
		w.lastErr = w.upkeep.stop()
		if w.tx != nil {
			w.lastErr = errors.Join(w.lastErr, w.tx.close())
		}
		return
	}
}

// group writes first and all that waits behind it in one transaction, and answers them.
func (w *writer) group(first *task) {
	var group []*task
	bytes, pages := 0, 0
	take := func(t *task) {
		if t.state.CompareAndSwap(taskWaiting, taskTaken) {
			group, bytes, pages = append(group, t), bytes+t.bytes, pages+t.pages
		}
	}
	take(first)
gather:
	for len(group) < w.groupMax && bytes < groupBytesMax {
		select {
		case t := <-w.queue:
			take(t)
		default:
			break gather
		}
	}
	if len(group) == 0 {
		return
	}
	err := w.write(group)
	for _, t := range group {
		if err == nil && t.written != nil {
			t.written()
		}
		t.done <- err
	}
	if err == nil {
		w.upkeep.wrote(pages)
	}
	if w.tx != nil && len(w.queue) == 0 && w.upkeep.moved.Swap(false) {
		_ = w.source.checkpoint(w.tx.conn, "PASSIVE") // as in the checkpointer: what fails is moved later
	}
}

// write commits the group or nothing. After a failure the connection is thrown away with all that it believes:
// the next group opens a new one, which reads from the file what is there.
func (w *writer) write(group []*task) error {
	if w.tx == nil {
		tx, err := reopenTransaction(context.Background(), w.source)
		if err != nil {
			return fmt.Errorf("after an earlier failure: %w", err)
		}
		w.tx = tx
	}
	err := w.tx.do(group)
	if err != nil {
		_ = w.tx.close() // rolls back; what failed is told already
		w.tx = nil
	}
	return err
}

// reopenTransaction opens the connection after a failure. A sync that failed may have left frames of the failed
// transaction in the WAL, which a crash would bring back; emptying the WAL ends that where no reader is in the
// way, and else the next commit overwrites them.
func reopenTransaction(ctx context.Context, s source) (*transaction, error) {
	tx, err := openTransaction(ctx, s)
	if err != nil {
		return nil, err
	}
	if err := s.checkpoint(tx.conn, "TRUNCATE"); err != nil {
		return nil, errors.Join(err, tx.close())
	}
	return tx, nil
}

// openConn opens a connection of its own with a pool around it that holds no other.
func openConn(ctx context.Context, s source) (*sql.DB, *sql.Conn, error) {
	db, err := openPool(ctx, s, 1)
	if err != nil {
		return nil, nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, conn, nil
}
