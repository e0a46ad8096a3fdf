package actions

import "backstop/rules"

// telegram sends one text to a Telegram chat.
func telegram() rules.Spec {
	return rules.Spec{
		Name:  "telegram",
		Doc:   "send a Telegram message",
		Short: "text",
		Params: []rules.Param{
			{Name: "to", Type: rules.ParamName, Doc: "a channel; default: alerts if that is Telegram, else the only Telegram channel"},
			{Name: "text", Type: rules.ParamText, Required: true, Doc: "the message"},
			{Name: "silent", Type: rules.ParamBool, Default: "false", Doc: "without a sound"},
			{Name: "buttons", Type: rules.ParamText, Later: []string{""}, Doc: "answers to press"},
		},
	}
}

// logText writes one line to the service's log.
func logText() rules.Spec {
	return rules.Spec{
		Name:   "log",
		Doc:    "write a line to the log",
		Short:  "text",
		Params: []rules.Param{{Name: "text", Type: rules.ParamText, Required: true, Doc: "the line"}},
	}
}
