package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How changes of the rules files are noticed: the system tells of changes in their folders, and where it doesn't (network
// file systems, mounts of containers) their entries are looked at once a second. A file counts as settled when it holds
// the same twice in a row: an editor may write it in parts, or put another in its place.
const (
	lookEvery   = time.Second
	settleEvery = 150 * time.Millisecond
	settleMost  = 8 // looks; then it is taken as it is
)

// Why rules are reloaded.
const (
	byFile   = "the file changed"
	bySignal = "SIGHUP"
)

// hangups gives the signal that asks for a reload. Call it before the service says that it serves: without it the signal
// ends the process.
func hangups() (<-chan os.Signal, func()) {
	c := make(chan os.Signal, 1)
	if len(hangup) > 0 {
		signal.Notify(c, hangup...)
	}
	return c, func() { signal.Stop(c) }
}

// watch reloads when the files change, and at once when the signal comes, until ctx ends.
func (r *reloader) watch(ctx context.Context, hangup <-chan os.Signal) {
	log := r.server.log
	w, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("changes of the rules are looked for once a second: the system tells of none", "error", err)
		w = &fsnotify.Watcher{Events: nil, Errors: nil}
	} else {
		defer func() { _ = w.Close() }() // nothing was written
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	files, folders := r.watched()
	follow(w, folders, err == nil)
	seen := stamp(files)
	r.again(ctx, "the start") // what changed since the rules were read there
	for {
		cause := byFile
		select {
		case <-ctx.Done():
			return
		case <-hangup:
			cause = bySignal
		case e := <-w.Events:
			if !concerns(e, files) {
				continue
			}
		case <-w.Errors: // what was lost is seen by the next look
			continue
		case <-tick.C:
			if stamp(files) == seen {
				continue
			}
		}
		if cause == byFile {
			cause = r.settled(ctx, files, hangup)
		}
		if cause != "" {
			r.again(ctx, cause)
		}
		files, folders = r.watched()
		follow(w, folders, err == nil)
		seen = stamp(files)
	}
}

// again reloads and logs what kept it from it; what a refusal is was told.
func (r *reloader) again(ctx context.Context, cause string) {
	if cause == bySignal {
		r.server.log.Info("the rules are read: SIGHUP")
	}
	err := r.reload(ctx, cause, false)
	var refused *errRefused
	if err != nil && !errors.As(err, &refused) && ctx.Err() == nil {
		r.server.log.Error("the rules were not loaded", "error", err, "cause", cause)
	}
}

// follow adds folders to those that the system tells of; one that can't be watched is looked at.
func follow(w *fsnotify.Watcher, folders []string, works bool) {
	if !works {
		return
	}
	have := w.WatchList()
	for _, f := range folders {
		if !slices.Contains(have, f) {
			_ = w.Add(f) // else it is looked at once a second
		}
	}
}

func folderOf(file string) string { return filepath.Dir(file) }

// concerns says whether a change in a folder may be one of the files: their own names, or a name that Kubernetes swaps
// beneath them.
func concerns(e fsnotify.Event, files []string) bool {
	if e.Op == fsnotify.Chmod {
		return false
	}
	return strings.HasPrefix(filepath.Base(e.Name), "..") || slices.ContainsFunc(files, func(f string) bool { return filepath.Clean(f) == filepath.Clean(e.Name) })
}

// settled waits until the files hold the same twice in a row or the signal comes, and says why to reload: "" where they
// hold what they held at the last try.
func (r *reloader) settled(ctx context.Context, files []string, hangup <-chan os.Signal) string {
	last := look(files)
	for range settleMost {
		select {
		case <-ctx.Done():
			return ""
		case <-hangup:
			return bySignal
		case <-time.After(settleEvery):
		}
		now := look(files)
		if now == last {
			break
		}
		last = now
	}
	if r.changed(last) {
		return byFile
	}
	return ""
}
