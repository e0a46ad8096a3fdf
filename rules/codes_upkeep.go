package rules

// codesOfUpkeep are warnings about the file as a whole.
var codesOfUpkeep = []Code{
	{"BS701", "no-version", SeverityWarning, "The file does not say its version",
		"With `version: 1` at its top it keeps its meaning when a later program reads it.",
		"# no version: here\nrules:\n  - name: tell\n    on: rejected\n    then:\n      - log: x", "version: 1\nrules:\n  - name: tell\n    on: rejected\n    then:\n      - log: x"},
	{"BS702", "no-rules", SeverityWarning, "The file has no rules",
		"It can be used, and does nothing. `rules: []` says so on purpose.",
		"version: 1", "version: 1\nrules: []"},
	{"BS703", "env-unset", SeverityWarning, "An environment variable is not set",
		"A warning in `check`, which may run elsewhere; an error in `serve`, which needs the value.",
		"vars: { chat: \"${env.NOT_SET_ANYWHERE}\" }", "vars: { chat: \"42\" }"},
	{"BS704", "secret-in-file", SeverityWarning, "A token stands in the file",
		"Whoever reads the file can send in your name. Put it into the environment.",
		"channels: { desk: { telegram: { token: \"123456:secret\", chat_id: \"42\" } } }", "channels: { desk: { telegram: { token: \"${env.TELEGRAM_BOT_TOKEN}\", chat_id: \"42\" } } }"},
}
