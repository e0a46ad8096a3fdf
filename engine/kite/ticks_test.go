package kite

import (
	"encoding/binary"
	"slices"
	"testing"

	"backstop/engine/order"
)

// packets is a frame of ticks.
func packets(bodies ...[]byte) []byte {
	frame := binary.BigEndian.AppendUint16(nil, uint16(len(bodies)))
	for _, b := range bodies {
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(b)))
		frame = append(frame, b...)
	}
	return frame
}

// packet is of some length, with a token of a segment and a last price as the wire has it.
func packet(size int, token, last uint32) []byte {
	b := make([]byte, size)
	binary.BigEndian.PutUint32(b, token)
	if size >= 8 {
		binary.BigEndian.PutUint32(b[4:], last)
	}
	return b
}

func TestTicksTellTheLastPriceInEveryMode(t *testing.T) {
	t.Parallel()
	for _, size := range []int{8, 28, 32, 44, 184} {
		got, err := DecodeTicks(packets(packet(size, 408065, 151965), packet(size, 7<<8|2, 5)))
		want := []Tick{{408065, 151965 * order.Rupee / 100}, {7<<8 | 2, order.Rupee / 20}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%d bytes: %v, %v", size, got, err)
		}
	}
}

func TestTicksOfCurrenciesCountFinerThanPaise(t *testing.T) {
	t.Parallel()
	got, err := DecodeTicks(packets(packet(8, 1<<8|3, 842_575_000), packet(8, 1<<8|6, 842_575)))
	if err != nil || len(got) != 2 || got[0].Last != 84_257_500 || got[1].Last != 84_257_500 {
		t.Error(got, err)
	}
}

func TestTicksLeaveOutWhatTellsNoPrice(t *testing.T) {
	t.Parallel()
	got, err := DecodeTicks(packets(packet(8, 0, 100), packet(8, 258, 0), packet(8, 258, 1<<31), packet(12, 258, 100), packet(4, 258, 0), nil, packet(8, 514, 100)))
	if err != nil || !slices.Equal(got, []Tick{{514, order.Rupee}}) {
		t.Error(got, err)
	}
}

func TestTicksThatBreakOffGiveNothing(t *testing.T) {
	t.Parallel()
	whole := packets(packet(8, 258, 100), packet(44, 514, 100))
	for n := range whole {
		if got, err := DecodeTicks(whole[:n]); err == nil || got != nil {
			t.Errorf("%d of %d bytes: %v", n, len(whole), got)
		}
	}
	if got, err := DecodeTicks([]byte{255, 255, 0, 0}); err == nil {
		t.Error(got)
	}
}

func FuzzDecodeTicks(f *testing.F) {
	f.Add(packets(packet(8, 408065, 151965), packet(184, 258, 1)))
	f.Add([]byte{0, 1, 0, 9, 1})
	f.Fuzz(func(t *testing.T, frame []byte) {
		ticks, err := DecodeTicks(frame)
		if err != nil && ticks != nil {
			t.Error("an error and ticks")
		}
		if len(ticks) > len(frame)/10 {
			t.Errorf("%d ticks in %d bytes", len(ticks), len(frame))
		}
		for _, k := range ticks {
			if k.Token <= 0 || k.Last <= 0 && k.Token&0xff != 3 {
				t.Errorf("%+v", k)
			}
		}
	})
}
