package notify

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"backstop/actions"
)

// Registry is a channel made of channels by name. It does not change while it is in use; a reload makes another.
type Registry map[string]actions.Channel

var _ actions.Channel = Registry(nil)

// Send hands the message to the channel that it names. A name without a channel fails for good (ClassInternal: the
// check of the rules lets none through).
func (r Registry) Send(ctx context.Context, m actions.Message) error {
	if c := r[m.Channel]; c != nil {
		return c.Send(ctx, m)
	}
	known := "there are none"
	if len(r) > 0 {
		known = "there are: " + strings.Join(r.Names(), ", ")
	}
	return &actions.Error{Class: actions.ClassInternal, Op: "message", Message: fmt.Sprintf("no channel is named %q", m.Channel), Hint: known}
}

// Names lists the channels in alphabetical order.
func (r Registry) Names() []string { return slices.Sorted(maps.Keys(r)) }
