package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"backstop/engine/kite"
	"backstop/engine/order"
)

// payloadSource is one place that recorded payloads come from.
type payloadSource struct {
	name string // as it is shown
	open func() (io.ReadCloser, error)
}

// payloadSources turns arguments into sources: files, folders (their files by name, hidden ones left out,
// folders inside not entered) and -, which is standard input. What cannot be opened is a source that fails.
func (p *program) payloadSources(args []string) []payloadSource {
	var sources []payloadSource
	file := func(name string) {
		sources = append(sources, payloadSource{name, func() (io.ReadCloser, error) { return os.Open(name) }})
	}
	for _, arg := range args {
		if arg == "-" {
			sources = append(sources, payloadSource{"standard input", func() (io.ReadCloser, error) { return io.NopCloser(p.stdin), nil }})
			continue
		}
		info, err := os.Stat(arg)
		if err != nil || !info.IsDir() {
			file(arg)
			continue
		}
		entries, err := os.ReadDir(arg) // sorted by name
		if err != nil {
			sources = append(sources, payloadSource{arg, func() (io.ReadCloser, error) { return nil, err }})
		}
		for _, e := range entries {
			if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
				file(filepath.Join(arg, e.Name()))
			}
		}
	}
	return sources
}

// eachUpdate hands on every update of every source in their order. What cannot be read is named on standard
// error while the rest goes on; it returns how many payloads that were.
func (p *program) eachUpdate(sources []payloadSource, each func(source string, u order.Update) error) (unreadable int, err error) {
	for _, s := range sources {
		err := s.read(func(u order.Update, failed error) error {
			var place *kite.PayloadError
			switch {
			case failed == nil:
				return each(s.name, u)
			case errors.As(failed, &place):
				unreadable++
				p.out.note("%s", placeOf(s.name, place))
				return nil
			}
			unreadable++
			p.out.note("%s: %v", s.name, failed)
			return nil
		})
		var own *exit
		switch {
		case errors.As(err, &own):
			return unreadable, err
		case err != nil:
			unreadable++
			p.out.note("%v", unopened(s.name, err))
		}
	}
	return unreadable, nil
}

// placeOf is file:line: what is wrong there.
func placeOf(name string, e *kite.PayloadError) string {
	if e.Item > 0 {
		return fmt.Sprintf("%s:%d: item %d: %v", name, e.Line, e.Item, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", name, e.Line, e.Err)
}

// unopened says which source an error is of, where it does not say so itself.
func unopened(name string, err error) error {
	if strings.Contains(err.Error(), name) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

func (s payloadSource) read(each func(order.Update, error) error) error {
	r, err := s.open()
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }() // only read
	return kite.DecodeAny(r, each)
}
