// Package market says when India's exchanges trade: sessions by segment and day, the product's square-off time,
// the next opening. Backstop asks it before it takes a cancel for the day's end, before it polls the order book,
// and before it says that a day is a trading day.
//
// It promises that every answer is a pure function of the calendar's data and the time asked about: no clock, no
// time zone of the machine, no network. The data is YAML, embedded (calendar.yaml), with a date from which each
// row holds, so that a change of hours is a row and last month's journal still replays with last month's hours. A
// file of the same form stands over it. A year that it does not know is told (Note) and goes by weekdays.
// It imports the standard library, yaml.v3 and engine/order (for IST), and never anything that knows a broker.
//
// TestEveryBoundaryOfEverySegment, TestDaysThatAreNotLikeOthers and TestTheZoneOfTheQuestionDoesNotMatter would fail if the promise broke.
package market
