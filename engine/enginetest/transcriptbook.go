package enginetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"backstop/actions"
	"backstop/engine/order"
)

// followBook changes the broker's book behind Backstop's back.
func (p *player) followBook(_ words, input []string) error {
	for _, line := range input {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[1] == "gone" {
			p.broker.Forget(fields[0])
			continue
		}
		if err := p.setRow(line); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
	}
	return nil
}

var rowTypes = []string{"LIMIT", "SL", "SL-M", "MARKET"}

// setRow reads a row: its order id, then what changes: BUY SELL, a status (TRIGGER_PENDING for the one with a
// space), an order type, a product, a quantity and then a price, key=value, and at the end message: and a text.
func (p *player) setRow(line string) error {
	line, message, _ := strings.Cut(line, " message: ")
	fields := strings.Fields(line)
	id, fills, numbers := fields[0], int64(-1), 0
	row, known := p.broker.Row(id)
	if !known {
		row = order.Update{Account: user, PlacedBy: user, OrderID: id, Exchange: "NSE", Tradingsymbol: "INFY", Product: "MIS", OrderType: "LIMIT",
			TransactionType: order.Buy, Status: order.StatusOpen, Variety: "regular", Validity: "DAY", Quantity: 10, Price: 100 * order.Rupee}
	}
	row.StatusMessage = message
	for _, f := range fields[1:] {
		key, value, pair := strings.Cut(f, "=")
		price, number := order.ParsePrice(f)
		switch {
		case pair:
			if err := p.setKey(&row, key, value, &fills); err != nil {
				return err
			}
		case number == nil && numbers == 0:
			row.Quantity, numbers = int64(price/order.Rupee), 1
		case number == nil:
			row.Price = price
		case f == order.Buy || f == order.Sell:
			row.TransactionType = f
		case slices.Contains(rowTypes, f):
			row.OrderType = f
		case f == "MIS" || f == "NRML" || f == "CNC":
			row.Product = f
		default:
			row.Status = order.Status(strings.ReplaceAll(f, "_", " "))
		}
	}
	if row.Status == order.StatusComplete && fills < 0 {
		fills = row.Quantity
	}
	status := row.Status
	if fills >= 0 {
		row.Status = order.StatusOpen
	}
	p.broker.Set(id, func(u *order.Update) { row.OrderTimestamp = u.OrderTimestamp; *u = row })
	if fills >= 0 {
		p.broker.Fill(id, fills-row.FilledQuantity)
		p.broker.Set(id, func(u *order.Update) {
			if status.Terminal() {
				u.Status = status
			}
		})
	}
	return nil
}

func (p *player) setKey(row *order.Update, key, value string, fills *int64) error {
	price := func(to *order.Price) error {
		x, err := order.ParsePrice(value)
		*to = x
		return err
	}
	switch key {
	case "filled":
		n, err := strconv.ParseInt(value, 10, 64)
		*fills = n
		return err
	case "quantity":
		n, err := strconv.ParseInt(value, 10, 64)
		row.Quantity = n
		return err
	case "price":
		return price(&row.Price)
	case "trigger":
		return price(&row.TriggerPrice)
	case "symbol":
		row.Exchange, row.Tradingsymbol, _ = strings.Cut(value, ":")
	case "by":
		row.PlacedBy = value
	case "parent":
		row.ParentOrderID = value
	case "variety":
		row.Variety = value
	case "tags":
		row.Tags = strings.Split(value, ",")
	case "tag":
		if id, err := p.id(value); err == nil {
			value = actions.Tag(id)
		}
		row.Tag = value
	default:
		return fmt.Errorf("%s is no word of a row", key)
	}
	return nil
}

func raw(row order.Update, via string) []byte {
	b, err := json.Marshal(struct {
		order.Update
		Via string
	}{row, via})
	if err != nil {
		panic(err) // a row always encodes
	}
	return b
}
