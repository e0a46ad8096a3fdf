package rules

import (
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"

	"backstop/engine/order"
)

// Guardrails are limits on what adds risk. A zero means that none was written, save for the two with a default.
type Guardrails struct {
	MaxOrderValue      order.Price
	MaxOrderQuantity   int64
	MaxOrdersPerMinute int64
	MaxOrdersPerDay    int64 // default 3000; counts every order of the account
	MaxOpenPositions   int64
	MaxDailyLoss       order.Price
	MaxChain           int64    // default 3
	Instruments        []string // patterns of EXCHANGE:SYMBOL
	Products           []string // patterns
	TradingHours       Hours
}

// Hours are a span of the day in IST, minutes since midnight; both 0 where none was written.
type Hours struct{ From, To int }

// Defaults of guardrails.
const (
	OrdersPerDayDefault = 3000
	ChainDefault        = 3
)

func (r *reader) readGuardrails(n *yaml.Node) {
	g := &r.set.guardrails
	g.MaxOrdersPerDay, g.MaxChain = OrdersPerDayDefault, ChainDefault
	if n == nil || !r.mapping(n, "guardrails", "write guardrails: { max_order_value: 500000 }") {
		return
	}
	fields := r.fields(n, "guardrails", guardrailTable)
	r.limits = map[string]bool{}
	for name := range fields {
		r.limits[name] = true
	}
	for name, to := range map[string]*order.Price{"max_order_value": &g.MaxOrderValue, "max_daily_loss": &g.MaxDailyLoss} {
		if f, ok := fields[name]; ok {
			if x, ok := r.limit(f.value, name, false); ok {
				*to, _ = order.PriceOf(x)
			}
		}
	}
	for name, to := range map[string]*int64{"max_order_quantity": &g.MaxOrderQuantity, "max_orders_per_minute": &g.MaxOrdersPerMinute,
		"max_orders_per_day": &g.MaxOrdersPerDay, "max_open_positions": &g.MaxOpenPositions, "max_chain": &g.MaxChain} {
		if f, ok := fields[name]; ok {
			if x, ok := r.limit(f.value, name, true); ok {
				*to = int64(x)
			}
		}
	}
	if f, ok := fields["instruments"]; ok {
		g.Instruments = r.globs(f.value, "instruments", r.instrumentGlob)
	}
	if f, ok := fields["products"]; ok {
		g.Products = r.globs(f.value, "products", r.productGlob)
	}
	if f, ok := fields["trading_hours"]; ok {
		g.TradingHours = r.hours(f.value)
	}
}

// limit is a positive number, or ${env.NAME} or ${vars.NAME} that holds one.
func (r *reader) limit(n *yaml.Node, name string, whole bool) (float64, bool) {
	l, ok := r.scalar(n, name)
	if !ok || r.mistakenNumber(n, l) {
		return 0, false
	}
	text := n.Value
	if strings.Contains(text, "${") {
		v, ok := r.setting(n, name)
		if !ok || v.unset {
			return 0, false
		}
		text = v.text
	}
	v, ok := numeric(strings.TrimSpace(text))
	x, err := numberOf(v)
	what := "a number above 0"
	if whole {
		what = "a whole number above 0"
	}
	if !ok || err != nil || x <= 0 || x > 1e12 || whole && x != float64(int64(x)) {
		hint := "write " + what
		if strings.ContainsAny(n.Value, ",_") {
			hint += " without commas: 500000"
		}
		r.failNode(n, "wrong-type", name+" is "+what, hint)
		return 0, false
	}
	return x, true
}

func (r *reader) globs(n *yaml.Node, name string, check func(*yaml.Node, string) bool) []string {
	list, ok := r.list(n, name, true)
	if !ok {
		return nil
	}
	var out []string
	for _, e := range list {
		if v, ok := r.setting(e, "a pattern of "+name); ok && !v.unset && check(e, v.text) {
			out = append(out, v.text)
		}
	}
	if len(list) == 0 {
		r.failNode(n, "empty-value", name+" is empty: nothing would be allowed", "write at least one pattern, or leave the field out")
	}
	return out
}

var instrumentPattern = regexp.MustCompile(`^[A-Z*?]+:\S.*$`)

func (r *reader) instrumentGlob(n *yaml.Node, text string) bool {
	if text == "*" || instrumentPattern.MatchString(text) {
		return true
	}
	hint := "write EXCHANGE:SYMBOL, such as \"NFO:NIFTY*\""
	if !strings.Contains(text, ":") {
		hint = "write the exchange too: \"NSE:" + text + "\""
	}
	r.failNode(n, "bad-glob", text+" fits no instrument", hint)
	return false
}

func (r *reader) productGlob(n *yaml.Node, text string) bool {
	list := closedWords["order.product"].values
	for _, p := range list {
		if Glob(p, text) {
			return true
		}
	}
	r.failNode(n, "bad-glob", text+" fits no product", didYouMean(text, list))
	return false
}

var hoursForm = regexp.MustCompile(`^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$`)

func (r *reader) hours(n *yaml.Node) Hours {
	text, ok := r.plain(n, "trading_hours")
	if !ok {
		return Hours{}
	}
	m := hoursForm.FindStringSubmatch(text)
	if m == nil {
		r.failNode(n, "bad-time", text+" is no span of the day", "write \"09:20-15:00\"")
		return Hours{}
	}
	minutes := func(hour, minute string) int {
		return (int(hour[0]-'0')*10+int(hour[1]-'0'))*60 + int(minute[0]-'0')*10 + int(minute[1]-'0')
	}
	h := Hours{minutes(m[1], m[2]), minutes(m[3], m[4])}
	if h.From >= h.To {
		r.failNode(n, "bad-time", text+" ends before it begins", "write the earlier time first: \"09:20-15:00\"")
		return Hours{}
	}
	return h
}
