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
	{"BS705", "no-test", SeverityWarning, "No test covers the rule",
		"There are rule tests beside the file (`*_test.yaml`), and none of them makes this rule act. A rule that is switched off needs none.",
		"- name: tell\n  on: rejected\n  then:\n    - log: x", "- name: tell\n  on: rejected\n  enabled: false\n  then:\n    - log: x"},
	{"BS706", "ignores-nothing", SeverityWarning, "A comment that silences a warning silences nothing",
		"The warning is gone, stands on another line, or is an error. A comment that is left behind would hide the next one.",
		"# backstop:ignore BS601 entries never fill in part\n- name: tell\n  on: rejected\n  then:\n    - log: x", "- name: tell\n  on: rejected\n  then:\n    - log: x"},
	{"BS707", "ignore-without-reason", SeverityWarning, "A comment that silences a warning gives no reason",
		"Say why it is right here: whoever reads the rules next will ask.",
		"- name: tell\n  on: rejected\n  when: true # backstop:ignore BS502\n  then:\n    - log: x", "- name: tell\n  on: rejected\n  when: true # backstop:ignore BS502 a condition comes next week\n  then:\n    - log: x"},
}
