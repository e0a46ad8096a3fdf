package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"unicode/utf8"
)

// dotenvName is the file of variables beside the settings file: what the environment does not set counts as written there.
const dotenvName = ".env"

// dotenvMax bounds it, bytes.
const dotenvMax = 256 << 10

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// dotenvOf is the file that goes with a settings file: it stands beside it, without one in the working directory.
func dotenvOf(config string) string { return filepath.Join(filepath.Dir(config), dotenvName) }

// takeDotenv fills what the environment does not set from the file, where there is one. Values are never shown.
func (p *program) takeDotenv(config string) error {
	name := dotenvOf(config)
	text, err := readBounded(name, dotenvMax)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return misuse("%v", err)
	}
	values, err := parseDotenv(name, string(text))
	if err != nil {
		return err
	}
	if note := openToOthers(name); note != "" && !p.warned {
		p.warned = true
		p.out.note("%s", note)
	}
	for key, text := range values {
		if _, set := p.env[key]; !set && text != "" {
			p.env[key] = text
		}
	}
	return nil
}

// openToOthers says that a file of secrets can be read by others; empty where it can't.
func openToOthers(name string) string {
	info, err := os.Stat(name)
	if err != nil || runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0 {
		return ""
	}
	return name + " holds secrets and is open to others: chmod 600 " + name
}

// parseDotenv reads NAME=value lines: comments behind # at a line's beginning, export before the name, one pair of quotes
// around the value, nothing expanded. What can't be read is told by its line alone, since any of it may be a secret.
func parseDotenv(name, text string) (map[string]string, error) {
	values := map[string]string{}
	number := 0
	for line := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "export ")), "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		quoted := len(value) > 0 && (value[0] == '"' || value[0] == '\'')
		switch {
		case !ok || !variableName.MatchString(key):
			return nil, misuse("%s:%d: want NAME=value", name, number)
		case key == "BACKSTOP_CONFIG":
			return nil, misuse("%s:%d: BACKSTOP_CONFIG can't stand here, since this file is found by it: name the settings file with --config", name, number)
		case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
			return nil, misuse("%s:%d: %s: the value is no text", name, number, key)
		case quoted && (len(value) < 2 || value[len(value)-1] != value[0]):
			return nil, misuse("%s:%d: %s: the quote at the value's beginning has no other at its end", name, number, key)
		case quoted:
			value = value[1 : len(value)-1]
		}
		if _, twice := values[key]; twice {
			return nil, misuse("%s:%d: %s stands twice", name, number, key)
		}
		values[key] = value
	}
	return values, nil
}
