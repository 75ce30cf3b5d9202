// Command etcd-load puts load on an etcd cluster through etcd's own client, so that etcd is not
// slowed by a foreign one when Quorate is measured beside it. It is one side of a pair: ../load does
// the same to Quorate, and both take the same jobs.
//
//	etcd-load --endpoints host:port,…            one job per line on stdin, one answer per line
//	etcd-load --status --endpoints host:port,…   how the nodes are, as JSON
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	exitUnexpected  = 1
	exitUsage       = 2
	exitUnavailable = 5
	// lineBytesMost bounds a job's line.
	lineBytesMost = 1_048_576
)

const usage = "usage: etcd-load [--status] --endpoints host:port,… (the leader first)"

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

func run(args []string, in io.Reader, out, people io.Writer) int {
	flags := flag.NewFlagSet("etcd-load", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	list := flags.String("endpoints", "", "")
	status := flags.Bool("status", false, "")
	if err := flags.Parse(args); err != nil {
		fmt.Fprintf(people, "%v\n%s\n", err, usage)
		return exitUsage
	}
	endpoints, problem := endpointsOf(*list, flags.Args())
	if problem != "" {
		fmt.Fprintf(people, "%s\n%s\n", problem, usage)
		return exitUsage
	}
	if *status {
		answered, err := printStatus(out, endpoints)
		if err != nil {
			fmt.Fprintln(people, err)
			return exitUnexpected
		}
		if !answered {
			return exitUnavailable
		}
		return 0
	}
	if err := serve(in, out, &connections{endpoints: endpoints}); err != nil {
		fmt.Fprintln(people, err)
		return exitUnexpected
	}
	return 0
}

// endpointsOf takes the list apart, or says what is wrong with it.
func endpointsOf(list string, rest []string) ([]string, string) {
	if len(rest) > 0 {
		return nil, fmt.Sprintf("%q is not expected", rest[0])
	}
	if list == "" {
		return nil, "--endpoints is missing"
	}
	endpoints := strings.Split(list, ",")
	for _, endpoint := range endpoints {
		host, port, found := strings.Cut(endpoint, ":")
		if !found || host == "" || port == "" {
			return nil, fmt.Sprintf("%q is not host:port", endpoint)
		}
	}
	return endpoints, ""
}

// serve answers job after job until the input ends. A job that fails is answered with its error,
// and the next one is taken.
func serve(in io.Reader, out io.Writer, open *connections) error {
	defer func() { closeAll(open.open) }()
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, lineBytesMost)
	encoder := json.NewEncoder(out)
	for lines.Scan() {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		if err := encoder.Encode(answerTo(line, open)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// failure is the answer to a job that could not be done.
type failure struct {
	Error string `json:"error"`
}

func answerTo(line []byte, open *connections) any {
	asked, err := parseJob(line)
	if err != nil {
		return failure{err.Error()}
	}
	said, err := runJob(asked, open)
	if err != nil {
		return failure{err.Error()}
	}
	return said
}
