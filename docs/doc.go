// Package docs is the user's documentation, as Markdown beside this file. It promises that what the pages list
// (words, kinds, actions, settings, messages, control endpoints) is what the program has: docs_test.go writes those
// tables from the source and fails where a page has fallen behind. It holds no code and must never be imported.
package docs
