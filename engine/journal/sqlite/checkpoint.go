package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
)

// checkpointer moves what was committed from the WAL into the main file, beside the writer, so that a commit
// seldom waits for it (in a commit it costs milliseconds) and the WAL stays small.
type checkpointer struct {
	source  source
	db      *sql.DB
	conn    *sql.Conn
	pages   int         // written since it was last asked; the writer's own
	moved   atomic.Bool // all but what was written meanwhile: the writer moves that between two groups, and the WAL begins anew
	due     chan struct{}
	closing chan struct{}
	stopped chan struct{}
}

func startCheckpointer(ctx context.Context, s source) (*checkpointer, error) {
	db, conn, err := openConn(ctx, s)
	if err != nil {
		return nil, err
	}
	c := &checkpointer{source: s, db: db, conn: conn, due: make(chan struct{}, 1), closing: make(chan struct{}), stopped: make(chan struct{})}
	go c.run()
	return c, nil
}

// wrote counts pages and asks for a checkpoint when there are many.
func (c *checkpointer) wrote(pages int) {
	c.pages += pages
	if c.pages < checkpointDue {
		return
	}
	select {
	case c.due <- struct{}{}:
		c.pages = 0
	default: // one is asked for already
	}
}

func (c *checkpointer) run() {
	defer close(c.stopped)
	for {
		select {
		case <-c.due:
			// One that fails loses nothing: what is in the WAL is durable, the next one moves it, and a disk
			// that fails fails commits too.
			c.moved.Store(c.checkpoint("PASSIVE") == nil)
		case <-c.closing:
			return
		}
	}
}

func (c *checkpointer) checkpoint(how string) error { return c.source.checkpoint(c.conn, how) }

// checkpoint moves pages of the WAL into the main file by a connection of the source.
func (s source) checkpoint(conn *sql.Conn, how string) error {
	s.crashAt(CrashCheckpoint)
	var busy, logged, moved int
	if err := conn.QueryRowContext(context.Background(), "PRAGMA wal_checkpoint("+how+")").Scan(&busy, &logged, &moved); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// stop ends the goroutine and moves the rest. Where another process reads, the rest stays in the WAL, where
// it is safe.
func (c *checkpointer) stop() error {
	close(c.closing)
	<-c.stopped
	return errors.Join(c.checkpoint("PASSIVE"), c.conn.Close(), c.db.Close())
}
