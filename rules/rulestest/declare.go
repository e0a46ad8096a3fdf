package rulestest

import (
	"slices"

	"backstop/actions"
	"backstop/rules"
)

// The fields of a test file, each declared once: reading, the nearest right name and the schema are made of these.

func names(table []rules.Param) []string {
	out := make([]string, len(table))
	for i, p := range table {
		out[i] = p.Name
	}
	return out
}

var (
	fileFields       = names(fileTable())
	testFields       = names(testTable())
	stepFields       = names(stepTable())
	givenFields      = names(givenTable)
	instrumentFields = names(instrumentTable)
	positionFields   = names(positionTable)
	refusalFields    = names(refusalTable)
)

// Schema is the JSON Schema (2020-12) of a test file.
func Schema() []byte {
	return rules.SchemaOf("Rule tests of Backstop", fileTable(), actions.Builtin())
}

// shape is a JSON Schema, for what no type of the language says.
type shape = map[string]any

func shaped(name string, s shape, example, doc string) rules.Param {
	return rules.Param{Name: name, Type: rules.ParamShape, Shape: s, Example: example, Doc: doc}
}

var (
	scalar     = shape{"type": []string{"string", "number", "boolean"}}
	price      = shape{"type": []string{"number", "string"}}
	instrument = shape{"pattern": `^[^:]+:.+$`}
	clockTime  = shape{"type": "string", "pattern": `^([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$`}
	pricesOf   = shape{"type": "object", "propertyNames": instrument, "additionalProperties": price}
)

func fileTable() []rules.Param {
	tests := rules.Mapping(testTable())
	return []rules.Param{
		{Name: "rules", Type: rules.ParamLine, Default: "rules.yaml beside the file", Example: "rules.yaml", Doc: "the rules file, from where the test file stands"},
		{Name: "account", Type: rules.ParamLine, Default: DefaultAccount, Example: "AB1234", Doc: "whose orders the tests are about"},
		{Name: "given", Type: rules.ParamMapping, Fields: givenTable, Doc: "what stands before the first step of every test"},
		shaped("defaults", updateShape(), "{ exchange: NFO, product: MIS, quantity: 75 }", "fields that every update has which doesn't say them"),
		required(shaped("tests", shape{"type": "array", "minItems": 1, "items": tests}, "", "the tests")),
	}
}

func testTable() []rules.Param {
	steps := rules.Mapping(stepTable())
	return []rules.Param{
		{Name: "name", Type: rules.ParamLine, Required: true, Example: "a fill gets one stop of its size", Doc: "what it shows; once in the file"},
		{Name: "given", Type: rules.ParamMapping, Fields: givenTable, Doc: "what stands before the first step, over the file's"},
		required(shaped("steps", shape{"type": "array", "minItems": 1, "items": steps}, "", "what happens, one after the other, and what is to follow")),
	}
}

func stepTable() []rules.Param {
	return []rules.Param{
		{Name: "after", Type: rules.ParamDuration, Example: "2m", Doc: "how long after the step before"},
		shaped("at", clockTime, `"15:12"`, "at this time of the day, in place of after"),
		shaped("prices", pricesOf, `{ "NFO:NIFTY26DEC24500CE": 96 }`, "last prices from now on"),
		shaped("refuse", shape{"type": "object", "additionalProperties": shape{"anyOf": []shape{{"enum": refusable()}, rules.Mapping(refusalTable)}}}, "{ stop-behind-entry: margin }", "what the broker refuses from now on, by RULE, RULE/ACTION or RULE/N"),
		{Name: "answers", Type: rules.ParamLine, Example: "stop-behind-entry", Doc: "the update is of the order that this rule placed: RULE, RULE/ACTION, each with /N for the Nth"},
		shaped("update", updateShape(), "{ status: COMPLETE, average_price: 120 }", "one observation of an order, in Kite's own fields"),
		shaped("payload", shape{"anyOf": []shape{{"type": "string"}, {"type": "array", "minItems": 1, "items": shape{"type": "string"}}}}, "payloads/fill.json", "recorded payloads, files from where the test file stands"),
		shaped("expect", shape{"type": "array", "items": expectationShape()}, "[]", "what must follow; [] means no action and no request"),
		{Name: "exactly", Type: rules.ParamSwitch, Default: "false", Example: "true", Doc: "nothing else may follow"},
	}
}

func required(p rules.Param) rules.Param {
	p.Required = true
	return p
}

var refusalTable = []rules.Param{
	{Name: "type", Type: rules.ParamEnum, Enum: refusable(), Required: true, Example: "margin", Doc: "the class of the refusal"},
	{Name: "message", Type: rules.ParamLine, Example: "Insufficient funds", Doc: "the broker's words"},
}

var givenTable = []rules.Param{
	shaped("instruments", shape{"type": "object", "propertyNames": instrument, "additionalProperties": rules.Mapping(instrumentTable)}, `{ "NFO:NIFTY26DEC24500CE": { tick_size: 0.05, lot_size: 75 } }`, "instruments; what is not here is assumed"),
	shaped("positions", shape{"anyOf": []shape{
		{"type": "array", "items": rules.Mapping(positionTable)},
		{"type": "object", "propertyNames": instrument, "additionalProperties": rules.Mapping(positionTable)},
	}}, "[]", "overnight quantities; 0 where nothing is said"),
	shaped("prices", pricesOf, `{ "NSE:INFY": 1500 }`, "last prices"),
	shaped("state", shape{"type": "object", "additionalProperties": scalar}, "{ count: 1 }", "the rules' memory"),
	shaped("date", shape{"type": "string", "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}(:[0-9]{2})?)?$`}, `"2026-11-23"`, "the day, with a time where one is written"),
	shaped("time", clockTime, `"09:20"`, "when the first step happens"),
}

var instrumentTable = []rules.Param{
	shaped("tick_size", price, "0.05", "in rupees"),
	shaped("lot_size", shape{"type": []string{"integer", "string"}}, "75", "one lot, in units"),
	shaped("expiry", shape{"type": "string"}, `"2026-12-29"`, "of a derivative"),
	shaped("strike", price, "24500", "of an option"),
	shaped("segment", shape{"type": "string"}, "NFO-OPT", "as Kite names it"),
	shaped("instrument_type", shape{"type": "string"}, "CE", "EQ, FUT, CE, PE"),
	shaped("name", shape{"type": "string"}, "NIFTY", "the underlying"),
	shaped("multiplier", shape{"type": []string{"integer", "string"}}, "100", "of MCX, CDS and BCD: what a quantity of 1 is worth a rupee of its price; 1 unless given, and then assumed"),
	shaped("instrument_token", shape{"type": []string{"integer", "string"}}, "256265", "the instrument's number"),
}

var positionTable = []rules.Param{
	shaped("instrument", shape{"type": "string", "pattern": `^[^:]+:.+$`}, `"NSE:INFY"`, "EXCHANGE:SYMBOL, in place of the next two"),
	shaped("exchange", shape{"type": "string"}, "NSE", "the exchange"),
	shaped("tradingsymbol", shape{"type": "string"}, "INFY", "the symbol"),
	shaped("product", shape{"type": "string"}, "CNC", "the product"),
	shaped("quantity", shape{"type": []string{"integer", "string"}}, "75", "signed: negative is short"),
	shaped("overnight_quantity", shape{"type": []string{"integer", "string"}}, "75", "the same, as Kite names it"),
	shaped("average_price", price, "120", "in rupees"),
	shaped("last_price", price, "118.5", "in rupees"),
}

// updateShape is an update's: Kite's own fields.
func updateShape() shape {
	fields := shape{}
	for _, name := range updateFields {
		fields[name] = shape{}
	}
	fields["status"] = shape{"enum": slices.Compact(slices.Sorted(slices.Values(statuses)))}
	fields["transaction_type"] = shape{"enum": []string{"BUY", "SELL"}}
	return shape{"type": "object", "properties": fields, "additionalProperties": false}
}

// expectationShape is one element of expect: a bare name, or a mapping of one name to what is expected of it.
func expectationShape() shape {
	properties := shape{}
	for _, kind := range expectationNames() {
		of := shape{"type": []string{"object", "null"}}
		if known := knownFields(kind, builtin[kind]); known != nil {
			fields := shape{}
			for _, name := range known {
				fields[name] = shape{}
			}
			of["properties"], of["additionalProperties"] = fields, false
		}
		if short(kind) != "" {
			like := shape{"type": "object", "properties": shape{"like": shape{"type": "string"}}, "additionalProperties": false, "required": []string{"like"}}
			of = shape{"anyOf": []shape{scalar, like, of}}
		}
		properties[kind] = of
	}
	return shape{"anyOf": []shape{
		{"enum": expectationNames()},
		{"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1, "maxProperties": 1},
	}}
}
