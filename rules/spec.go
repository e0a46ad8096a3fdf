package rules

// ParamType is how a parameter is written and checked.
type ParamType string

// The types. Price, Quantity, Number and Bool hold an expression; Text is literal with ${expression} inside;
// Enum, Duration, RoleList and Name are literals.
const (
	ParamPrice    ParamType = "price"    // rupees; rounded to the tick by whoever plans the request
	ParamQuantity ParamType = "quantity" // units, a whole number
	ParamNumber   ParamType = "number"
	ParamBool     ParamType = "bool"
	ParamText     ParamType = "text"
	ParamEnum     ParamType = "enum"
	ParamDuration ParamType = "duration"
	ParamRoleList ParamType = "roles"
	ParamName     ParamType = "name" // a channel
	ParamAny      ParamType = "any"  // an expression of any type: a number, a text, true or false
)

// The types that fields of the file and of rules have besides (declare.go); all are literals.
const (
	ParamSlug       ParamType = "slug"       // small letters, digits, - and _
	ParamIdentifier ParamType = "identifier" // letters, digits and _
	ParamLine       ParamType = "line"       // a text without ${…}
	ParamSwitch     ParamType = "switch"     // true or false, no expression
	ParamWords      ParamType = "words"      // one word or a list
	ParamKinds      ParamType = "kinds"
	ParamActions    ParamType = "actions"
	ParamRules      ParamType = "rules list"
	ParamMapping    ParamType = "mapping" // of Fields
	ParamConstants  ParamType = "constants"
	ParamIncludes   ParamType = "includes" // one path or mapping, or a list
	ParamChannels   ParamType = "channels"
	ParamSetting    ParamType = "setting"  // a text with ${env.NAME} and ${vars.NAME}
	ParamLimit      ParamType = "limit"    // a number above 0, or a setting that holds one
	ParamCount      ParamType = "count"    // a whole number above 0, or a setting that holds one
	ParamGlobs      ParamType = "patterns" // one pattern or a list
	ParamHours      ParamType = "hours"    // 09:20-15:00
	ParamShape      ParamType = "shape"    // as Shape says
)

// Param declares one parameter of an action, or one field of a mapping, once: decoding, checks, schema, explain
// and the reference page are made from it.
type Param struct {
	Name     string
	Type     ParamType
	Required bool
	Default  string         // of a parameter as it would be written, of a field in words; "" for none
	Example  string         // as it would be written; "": one that fits the type
	Fields   []Param        // of a Mapping
	Shape    map[string]any // of a Shape: its JSON Schema
	Enum     []string       // the words of an Enum
	Words    []string       // of a Text: what it can be; a literal is checked when the file is read
	Account  bool           // of a Text: an account's id
	Unit     string
	Doc      string
	Later    []string // "" entry: the whole parameter is refused as not in this version; else these Enum words are
	Refused  []Refused
	With     *With
	Least    int64 // of a Quantity, with Most: its bounds; 0: none
	Most     int64
}

// Refused is a word that Kite has and an Enum does not take, and why.
type Refused struct{ Word, Why string }

// With ties a parameter to what an Enum beside it says: it is written with these words of it alone.
type With struct {
	Param  string
	Words  []string
	Needed bool // with one of them it must be written
}

// Unit is what an action with `of:` runs once for.
type Unit string

// The units. UnitNone is of actions that need none of them; with `of:` they run once for each group.
const (
	UnitNone     Unit = ""
	UnitGroup    Unit = "group"
	UnitOrder    Unit = "order"
	UnitPosition Unit = "position"
)

// Spec declares one action.
type Spec struct {
	Name   string
	Doc    string
	Params []Param
	// Short names the parameter that a plain scalar fills (telegram: "text"); "" where a mapping is needed.
	Short string
	// OneOf: exactly one of these parameters at most may be written (limit_price or limit_offset).
	OneOf [][]string
	// AddsRisk: guardrails, pause and approval may hold it back.
	AddsRisk bool
	// Free: every name is a parameter, whose value is an expression of any type (set).
	Free bool
	// On says of what the action is: group, order, position, or "" where it needs none of them.
	On Unit
	// Later: part of the language, refused by name in this version.
	Later bool
	// Results are words of action.* beside the parameters (order_id, quantity …), each with its type.
	Results []Param
}
