package lane

import (
	"slices"

	"backstop/actions"
	"backstop/engine/order"
)

// What a quantity of 1 is worth a rupee of its price. At MCX, CDS and BCD only the rows of the positions tell it; until
// they have, amounts are not known, and what reads one waits.

// holdsMultiplier is why a decision waits.
const holdsMultiplier = "multiplier"

// multiplier is what a quantity of 1 of a place is worth a rupee of its price, and whether that is known. A rehearsal
// takes 1, and says so.
func (l *Lane) multiplier(k order.Key) (m int64, known bool) {
	if !order.Multiplied(k.Exchange) {
		return 1, true
	}
	if m, ok := l.multipliers[k.Instrument()]; ok {
		return m, true
	}
	if m, ok := l.o.Multipliers[k.Instrument()]; ok {
		return m, true
	}
	return 1, l.o.Assume
}

// worth is an amount that was worked out of quantities and prices, in rupees; 0 where what they are worth is not known:
// nothing that reads it is decided then.
func (l *Lane) worth(k order.Key, amount float64) float64 {
	m, known := l.multiplier(k)
	if !known {
		return 0
	}
	return amount * float64(m)
}

// teach says whether rows of the positions tell a multiplier that was not known.
func (l *Lane) teach(rows []actions.PositionRow) bool {
	return slices.ContainsFunc(rows, func(row actions.PositionRow) bool {
		return order.Multiplied(row.Exchange) && row.Multiplier > 0 && l.multipliers[row.Instrument()] != row.Multiplier
	})
}

// learnMultiplier remembers what a row of the positions tells.
func (l *Lane) learnMultiplier(row *actions.PositionRow) {
	if name, m := row.Instrument(), row.Multiplier; order.Multiplied(row.Exchange) && m > 0 && l.multipliers[name] != m {
		l.multipliers[name] = m
		l.dirty.multipliers[name] = true
	}
}

// multiplierAssumed says whether a rehearsal takes an instrument's multiplier for 1.
func (l *Lane) multiplierAssumed(k order.Key) bool {
	if !l.o.Assume || !order.Multiplied(k.Exchange) {
		return false
	}
	_, told := l.multipliers[k.Instrument()]
	_, given := l.o.Multipliers[k.Instrument()]
	return !told && !given
}

// dayMultiplied are the places whose amounts count in the day and whose multiplier is not known, or is assumed.
func (l *Lane) dayMultiplied(lacks func(k order.Key) bool) bool {
	return slices.ContainsFunc(l.book.Keys(), func(k order.Key) bool {
		return order.Multiplied(k.Exchange) && lacks(k) && len(l.book.Holding(order.Claimed, k).Groups) > 0
	})
}

func (l *Lane) multiplierUnknown(k order.Key) bool {
	_, known := l.multiplier(k)
	return !known
}

// multiplierWanted says whether positions can tell a multiplier that some rule or guardrail needs: they have a row for
// what was traded.
func (l *Lane) multiplierWanted() bool {
	if l.o.Rules == nil || l.o.Assume || !l.armed || !(l.needs.Value || l.needs.DayValue || l.o.Rules.Guardrails().MaxDailyLoss > 0) {
		return false
	}
	return l.dayMultiplied(l.multiplierUnknown)
}
