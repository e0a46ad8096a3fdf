package main

import (
	"bytes"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"backstop": main})
}

// TestScripts runs every command as a user does. A bug report becomes a script with its link above.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"code": code, "take": take, "ports": ports, "ask": ask, "until": until, "sql": runSQL, "keep": keep, "await": await,
		},
	})
}

// code is `code N COMMAND ARGS…`: it runs the command and wants that exit code.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND ARGS…")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exited *exec.ExitError
		if !errors.As(err, &exited) {
			ts.Fatalf("%v", err)
		}
		got = exited.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// take is `take NAME PATTERN`: it sets the variable to what the pattern's group matches in the last standard output.
func take(ts *testscript.TestScript, neg bool, args []string) {
	found := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(found) < 2 {
		ts.Fatalf("no match for %s", args[1])
	}
	ts.Setenv(args[0], found[1])
}

// TestDemoRulesAreTheShippedOnes keeps the embedded copies and the files of the project's folder the same.
func TestDemoRulesAreTheShippedOnes(t *testing.T) {
	for name, embedded := range map[string][]byte{"rules.yaml": demoRules, "rules_test.yaml": starterTest} {
		shipped, err := os.ReadFile("../../" + name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(shipped, embedded) {
			t.Errorf("cmd/backstop/demo/%[1]s differs from %[1]s: copy it", name)
		}
	}
}

// ports is `ports NAME…`: it sets each variable to a free port of loopback.
func ports(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args {
		address, err := freeAddress()
		ts.Check(err)
		_, port, err := net.SplitHostPort(address)
		ts.Check(err)
		ts.Setenv(name, port)
	}
}

// ask is `ask METHOD URL [BODYFILE [CONTENT-TYPE [AUTHORIZATION]]]`: it prints the answer's status and body.
func ask(ts *testscript.TestScript, neg bool, args []string) {
	var body io.Reader
	if len(args) > 2 {
		body = strings.NewReader(strings.TrimSpace(ts.ReadFile(args[2])))
	}
	r, err := http.NewRequest(args[0], args[1], body)
	ts.Check(err)
	if len(args) > 3 {
		r.Header.Set("Content-Type", args[3])
	}
	if len(args) > 4 {
		r.Header.Set("Authorization", args[4])
		r.Header.Set("X-Kite-Version", "3")
	}
	reply, err := http.DefaultClient.Do(r)
	ts.Check(err)
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	ts.Check(err)
	fmt.Fprintf(ts.Stdout(), "%d %s\n", reply.StatusCode, text)
}

// until is `until PATTERN COMMAND ARGS…`: it runs the command again and again until its output matches.
func until(ts *testscript.TestScript, neg bool, args []string) {
	seen(ts, args)
}

// keep is `keep NAME PATTERN COMMAND ARGS…`: until that also keeps what the pattern's first group matched.
func keep(ts *testscript.TestScript, neg bool, args []string) {
	ts.Setenv(args[0], seen(ts, args[1:])[1])
}

// seen runs a command until its output matches, and gives the match with its groups.
func seen(ts *testscript.TestScript, args []string) []string {
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for end := time.Now().Add(15 * time.Second); ; {
		cmd := exec.Command(args[1], args[2:]...)
		cmd.Dir = ts.MkAbs(".")
		cmd.Env = append(os.Environ(), "BACKSTOP_DATA="+ts.Getenv("BACKSTOP_DATA"), "BACKSTOP_ADMIN="+ts.Getenv("BACKSTOP_ADMIN"))
		out, _ := cmd.CombinedOutput() // what it prints is what counts
		if match := pattern.FindStringSubmatch(string(out)); match != nil {
			return match
		}
		if time.Now().After(end) {
			ts.Fatalf("no match for %s in:\n%s", args[0], out)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// await is `await PATTERN URL`: it reads an address again and again until its answer matches.
func await(ts *testscript.TestScript, neg bool, args []string) {
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	for end := time.Now().Add(15 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		var text []byte
		if reply, err := http.Get(args[1]); err == nil {
			text, _ = io.ReadAll(reply.Body) // what came counts
			_ = reply.Body.Close()
		}
		if pattern.Match(text) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("no match for %s in:\n%s", args[0], text)
		}
	}
}

// runSQL is `sql FILE STATEMENT`: it changes a store behind Backstop's back.
func runSQL(ts *testscript.TestScript, neg bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	_, err = db.Exec(args[1])
	ts.Check(err)
}
