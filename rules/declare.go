package rules

import "slices"

// The fields of the file, of rules and of what stands in them, each declared once. Reading, the nearest right name,
// the schema, `explain --words` and the reference page are made from these tables, as those of actions are from
// their Specs. A field of a later version stands here too, so that it is refused by name.

// wholeLater marks a field that this version has not.
var wholeLater = []string{""}

// later says whether the whole field or parameter is one of a later version.
func (p Param) later() bool { return slices.Contains(p.Later, "") }

// paramNames are the names of those that this version has, or of those that it has not.
func paramNames(table []Param, later bool) []string {
	var out []string
	for _, p := range table {
		if p.later() == later {
			out = append(out, p.Name)
		}
	}
	return out
}

// paramNamed is one of a table; its name must be there.
func paramNamed(table []Param, name string) Param {
	return table[slices.IndexFunc(table, func(p Param) bool { return p.Name == name })]
}

// FileFields are the fields of the top.
func FileFields() []Param { return fileTable }

// RuleFields are the fields of a rule.
func RuleFields() []Param { return ruleTable }

// GuardrailFields are the limits.
func GuardrailFields() []Param { return guardrailTable }

// BesideFields stand beside an action's name.
func BesideFields() []Param { return besideTable }

var fileTable = []Param{
	{Name: "version", Type: ParamEnum, Enum: []string{"1"}, Example: "1", Doc: "the version of the language"},
	{Name: "include", Type: ParamIncludes, Fields: includeTable, Example: `[{ file: packs/oco.yaml, vars: { stop_pct: 25 } }]`, Doc: "rules of other files, before this one's own; a path, or a file with vars of its own"},
	{Name: "vars", Type: ParamConstants, Example: "{ stop_pct: 20 }", Doc: "your constants: numbers, texts, true or false, or lists of them; a later one may use an earlier one: \"${vars.stop_pct}\""},
	{Name: "channels", Type: ParamChannels, Example: `{ desk: { telegram: { token: "${env.TELEGRAM_BOT_TOKEN}", chat_id: "${env.TELEGRAM_CHAT_ID}" } } }`, Doc: "where messages go"},
	{Name: "alerts", Type: ParamName, Example: "desk", Default: "the only channel of the file, else the one that the settings make", Doc: "the channel that gets what Backstop says by itself; none means nobody"},
	{Name: "unprotected_after", Type: ParamDuration, Default: "10s", Example: "15s", Doc: "how long something may stand open without an exit before you are told"},
	{Name: "guardrails", Type: ParamMapping, Fields: guardrailTable, Example: `{ max_order_value: 500000, instruments: ["NFO:NIFTY*"] }`, Doc: "limits on what adds risk"},
	{Name: "rules", Type: ParamRules, Fields: ruleTable, Doc: "the list of rules"},
}

var ruleTable = []Param{
	{Name: "name", Type: ParamSlug, Required: true, Example: "stop-behind-entry", Doc: "small letters, digits, - and _; once in the file. It is part of every id: a renamed rule is a new rule"},
	{Name: "description", Type: ParamLine, Example: "a stop behind every entry", Doc: "a text for yourself"},
	{Name: "enabled", Type: ParamSwitch, Default: "true", Example: "false", Doc: "false switches the rule off"},
	{Name: "mode", Type: ParamEnum, Enum: []string{"dry-run", "approve", "live"}, Later: []string{"approve"}, Default: "the service's", Example: "dry-run", Doc: "never looser than the service's mode; dry-run plans and sends nothing"},
	{Name: "accounts", Type: ParamWords, Default: "all", Example: "AB1234", Doc: "one Kite user id or a list"},
	{Name: "on", Type: ParamKinds, Required: true, Example: "[partial_fill, fill]", Fields: onTable, Doc: "one kind, a list, or a schedule"},
	{Name: "when", Type: ParamBool, Default: "true", Example: `order.role == "entry" and order.product == "MIS"`, Doc: "a condition that is true or false"},
	{Name: "for", Type: ParamDuration, Example: "2m", Doc: "acts only if the condition is still true that long after the event"},
	{Name: "after", Type: ParamMapping, Fields: afterTable, Example: "{ kind: rejected, within: 5m, of: symbol }", Doc: "acts only if that kind happened shortly before"},
	{Name: "once", Type: ParamEnum, Enum: []string{"order", "group", "symbol", "day"}, Default: "every time", Example: "group", Doc: "the rule acts once for each"},
	{Name: "cooldown", Type: ParamDuration, Default: "no rest", Example: "5m", Doc: "after it acted the rule rests that long"},
	{Name: "max_per_day", Type: ParamCount, Example: "3", Doc: "how often the rule acts in a day at most"},
	{Name: "by", Type: ParamEnum, Enum: []string{"order", "group", "symbol", "rule"}, Default: "rule", Example: "symbol", Doc: "of what the cooldown and max_per_day are"},
	{Name: "then", Type: ParamActions, Required: true, Example: "- place_stop_loss: { trigger_price: loss(20) }", Doc: "the actions, one after the other"},
	{Name: "on_error", Type: ParamActions, Default: "the default exit of a stop", Example: `- telegram: "No stop: ${error.message}"`, Doc: "the actions for when one of then failed for good"},
}

// includeTable is what stands in one include that is more than a path.
var includeTable = []Param{
	{Name: "file", Type: ParamLine, Required: true, Example: "packs/oco.yaml", Doc: "the file, relative to this one"},
	{Name: "vars", Type: ParamConstants, Example: "{ stop_pct: 25 }", Doc: "what its vars shall be in place of what it says"},
	{Name: "as", Type: ParamSlug, Example: "nifty", Doc: "stands before the names of its rules: nifty-NAME; so that a file can be included twice"},
}

// onTable is what stands in a schedule.
var onTable = []Param{
	{Name: "schedule", Type: ParamLine, Required: true, Example: `"12 15 * * 1-5"`, Doc: "five fields: minute hour day month weekday, in IST; only on trading days"},
	{Name: "holidays", Type: ParamSwitch, Default: "false", Example: "true", Doc: "also on days without a session"},
}

var afterTable = []Param{
	{Name: "kind", Type: ParamKinds, Required: true, Example: "rejected", Doc: "what happened before"},
	{Name: "within", Type: ParamDuration, Required: true, Example: "5m", Doc: "how shortly before"},
	{Name: "of", Type: ParamEnum, Enum: []string{"order", "group", "symbol"}, Default: "group", Example: "symbol", Doc: "to the same what"},
}

var besideTable = []Param{
	{Name: "if", Type: ParamBool, Default: "true", Example: `error.type == "margin"`, Doc: "a condition: where it is false the action is skipped"},
	{Name: "id", Type: ParamIdentifier, Example: "stop", Doc: "a name: later actions read its values as steps.ID.NAME"},
	{Name: "of", Type: ParamEnum, Enum: []string{"order", "group", "symbol", "tag", "account"}, Example: "account", Doc: "the action runs once for each open one of these"},
	{Name: "where", Type: ParamBool, Example: "group.pnl < 0", Doc: "of these, only those that fit"},
}

var guardrailTable = []Param{
	{Name: "max_order_value", Type: ParamLimit, Unit: "rupees", Example: "500000", Doc: "of one order"},
	{Name: "max_order_quantity", Type: ParamCount, Unit: "units", Example: "1800", Doc: "of one order"},
	{Name: "max_orders_per_minute", Type: ParamCount, Example: "20", Doc: "of Backstop's orders"},
	{Name: "max_orders_per_day", Type: ParamCount, Default: "3000", Example: "200", Doc: "counts every order of the account"},
	{Name: "max_open_positions", Type: ParamCount, Example: "5", Doc: "of the account"},
	{Name: "max_daily_loss", Type: ParamLimit, Unit: "rupees", Example: "20000", Doc: "of day.pnl; then new risk is paused, once a day, and on: guardrail fires"},
	{Name: "instruments", Type: ParamGlobs, Example: `["NFO:NIFTY*", "NSE:*"]`, Doc: "patterns of EXCHANGE:SYMBOL"},
	{Name: "products", Type: ParamGlobs, Example: "[MIS]", Doc: "patterns of products"},
	{Name: "trading_hours", Type: ParamHours, Example: `"09:20-15:00"`, Doc: "when, in IST"},
	{Name: "max_chain", Type: ParamCount, Default: "3", Example: "3", Doc: "how many orders in a row Backstop places in answer to its own orders' events"},
}

var telegramTable = []Param{
	{Name: "token", Type: ParamSetting, Required: true, Example: `"${env.TELEGRAM_BOT_TOKEN}"`, Doc: "the bot's token, from the environment"},
	{Name: "chat_id", Type: ParamSetting, Required: true, Example: `"${env.TELEGRAM_CHAT_ID}"`, Doc: "the chat that gets the messages"},
	{Name: "users", Type: ParamWords, Later: wholeLater, Doc: "who may press and command"},
	{Name: "base_url", Type: ParamSetting, Later: wholeLater, Doc: "another server than Telegram's"},
}

// channelTable are the kinds of channels.
var channelTable = []Param{
	{Name: "telegram", Type: ParamMapping, Fields: telegramTable, Doc: "a Telegram chat"},
	{Name: "slack", Type: ParamMapping, Later: wholeLater},
	{Name: "discord", Type: ParamMapping, Later: wholeLater},
	{Name: "email", Type: ParamMapping, Later: wholeLater},
	{Name: "smtp", Type: ParamMapping, Later: wholeLater},
	{Name: "ntfy", Type: ParamMapping, Later: wholeLater},
	{Name: "gotify", Type: ParamMapping, Later: wholeLater},
	{Name: "webhook", Type: ParamMapping, Later: wholeLater},
}
