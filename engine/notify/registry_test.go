package notify

import (
	"context"
	"strings"
	"testing"

	"backstop/actions"
)

type sink struct{ got []actions.Message }

func (s *sink) Send(_ context.Context, m actions.Message) error {
	s.got = append(s.got, m)
	return nil
}

func TestAMessageGoesToTheChannelThatItNames(t *testing.T) {
	t.Parallel()
	desk, night := &sink{}, &sink{}
	r := Registry{"desk": desk, "night": night}
	m := actions.Message{Channel: "night", Text: "x"}
	if err := r.Send(t.Context(), m); err != nil || len(desk.got) != 0 || len(night.got) != 1 || night.got[0] != m {
		t.Errorf("%v, desk %v, night %v", err, desk.got, night.got)
	}
	m.Channel = "dsk"
	if e := wantClass(t, "unknown", r.Send(t.Context(), m), actions.ClassInternal); !strings.Contains(e.Error(), `"dsk"`) || !strings.Contains(e.Hint, "desk, night") {
		t.Errorf("%v", e)
	}
	wantClass(t, "none", Registry(nil).Send(t.Context(), m), actions.ClassInternal)
}
