package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func TestArguments(t *testing.T) {
	for arguments, word := range map[string]string{
		"":                               "--endpoints is missing",
		"--endpoints":                    "needs an argument",
		"--endpoints 127.0.0.1":          "not host:port",
		"--endpoints a:1,,b:2":           "not host:port",
		"--endpoints a:1 b:2":            `"b:2" is not expected`,
		"--speed 3":                      "not defined",
		"--status":                       "--endpoints is missing",
		"--status --endpoints localhost": "not host:port",
	} {
		var out, people bytes.Buffer
		code := run(strings.Fields(arguments), strings.NewReader(""), &out, &people)
		if code != exitUsage || !strings.Contains(people.String(), word) || out.Len() > 0 {
			t.Errorf("%q: exit %d, said %q", arguments, code, people.String())
		}
		if !strings.Contains(people.String(), usage) {
			t.Errorf("%q: no usage in %q", arguments, people.String())
		}
	}
}

func TestAJobThatIsWrongIsAnsweredAndTheNextOneTaken(t *testing.T) {
	var out, people bytes.Buffer
	in := strings.NewReader("no job\n\n{\"op\":\"drop\"}\n")
	if code := run([]string{"--endpoints", "127.0.0.1:1"}, in, &out, &people); code != 0 {
		t.Errorf("exit %d: %s", code, people.String())
	}
	answers := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(answers) != 2 || !strings.HasPrefix(answers[1], `{"error":"op is`) {
		t.Errorf("answers: %q", answers)
	}
}

func TestErrorsOfOneKindHaveOneName(t *testing.T) {
	text := "rpc error: code = Unavailable desc = error reading from server: read tcp 127.0.0.1:%->127.0.0.1:2379: read: connection reset by peer"
	one := errorKind(errors.New(strings.Replace(text, "%", "40001", 1)))
	two := errorKind(errors.New(strings.Replace(text, "%", "40002", 1)))
	if one != two || !strings.Contains(one, "read tcp the connection read") {
		t.Errorf("%q and %q", one, two)
	}
	if long := errorKind(errors.New(strings.Repeat("x", 1_000))); len(long) != 200 {
		t.Errorf("%d bytes long", len(long))
	}
}
