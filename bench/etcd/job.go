package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// What a load process is asked and what it answers: one line of JSON each way, the same as our own
// load process in ../load speaks, so that the runner sees no difference between the sides.

// Kinds of load; ../load/job.ts says what each of them is.
const (
	opPut      = "put"
	opPutToken = "put-token"
	opOnce     = "once"
	opPutMany  = "put-many"
	opGet      = "get"
	opGetStale = "get-stale"
	opMix      = "mix"
	opScan     = "scan"
	opFill     = "fill"
	opWriteGap = "write-gap"
)

var ops = []string{
	opPut, opPutToken, opOnce, opPutMany, opGet, opGetStale, opMix, opScan, opFill, opWriteGap,
}

// Bounds of what may be asked: the same as on the other side.
const (
	// callersPerConnection share one unless the job says how many connections there are.
	callersPerConnection = 128
	// outstandingMax calls of an open loop may be under way; an arrival beyond is dropped and counted.
	outstandingMax = 20_000
	inFlightMax    = 20_000
	connectionsMax = 4_096
	batchMax       = 10_000
	secondsMax     = 86_400
	valueBytesMax  = 1_048_576
	countMax       = 1_000_000_000
	fromMax        = 9_999_999_999
	seedMax        = 0xffff_ffff
)

// txnOpsMax is etcd's own default bound (`--max-txn-ops`).
const txnOpsMax = 128

// job is one measurement with nothing left open.
type job struct {
	op          string
	inFlight    int
	connections int
	// rate is arrivals per second of an open loop; 0 means a closed loop.
	rate          float64
	warmupSeconds float64
	seconds       float64
	valueBytes    int
	batch         int
	prefix        string
	count         int64
	from          int64
	seed          uint32
	readShare     float64
}

// jobLine is a job as it comes in: what is absent or null takes its default.
type jobLine struct {
	Op            *string  `json:"op"`
	InFlight      *int64   `json:"inFlight"`
	Connections   *int64   `json:"connections"`
	Rate          *float64 `json:"rate"`
	WarmupSeconds *float64 `json:"warmupSeconds"`
	Seconds       *float64 `json:"seconds"`
	ValueBytes    *int64   `json:"valueBytes"`
	Batch         *int64   `json:"batch"`
	Keys          *struct {
		Prefix *string `json:"prefix"`
		Count  *int64  `json:"count"`
	} `json:"keys"`
	From      *int64   `json:"from"`
	Seed      *int64   `json:"seed"`
	ReadShare *float64 `json:"readShare"`
}

// parseJob reads a job, or says what is wrong with it.
func parseJob(line []byte) (job, error) {
	var in jobLine
	if err := json.Unmarshal(line, &in); err != nil {
		return job{}, fmt.Errorf("the job is not what it should be: %w", err)
	}
	if in.Op == nil || !slices.Contains(ops, *in.Op) {
		return job{}, fmt.Errorf("op is %s, not one that is known", shown(in.Op))
	}
	check := &checks{}
	inFlight := check.whole(in.InFlight, 1, "inFlight", 1, inFlightMax)
	prefix, count := "bench/", (*int64)(nil)
	if in.Keys != nil {
		count = in.Keys.Count
		if in.Keys.Prefix != nil {
			prefix = *in.Keys.Prefix
		}
	}
	shared := (inFlight + callersPerConnection - 1) / callersPerConnection
	parsed := job{
		op:            *in.Op,
		inFlight:      int(inFlight),
		connections:   int(check.whole(in.Connections, shared, "connections", 1, connectionsMax)),
		warmupSeconds: check.number(in.WarmupSeconds, 0, "warmupSeconds", secondsMax),
		seconds:       check.number(in.Seconds, 5, "seconds", secondsMax),
		valueBytes:    int(check.whole(in.ValueBytes, 256, "valueBytes", 1, valueBytesMax)),
		batch:         int(check.whole(in.Batch, 100, "batch", 1, batchMax)),
		prefix:        prefix,
		count:         check.whole(count, 10_000, "keys.count", 1, countMax),
		from:          check.whole(in.From, 0, "from", 0, fromMax),
		seed:          uint32(check.whole(in.Seed, 1, "seed", 0, seedMax)),
		readShare:     check.number(in.ReadShare, 0.9, "readShare", 1),
	}
	if in.Rate != nil {
		parsed.rate = *in.Rate
		if parsed.rate <= 0 {
			check.fail("rate is not a number above 0")
		}
	}
	if parsed.op == opPutMany && parsed.batch > txnOpsMax {
		check.fail(fmt.Sprintf("batch is over %d, the most that etcd takes in one call", txnOpsMax))
	}
	return parsed, check.first
}

// checks keeps the first thing that was found wrong.
type checks struct{ first error }

func (c *checks) fail(text string) {
	if c.first == nil {
		c.first = errors.New(text)
	}
}

func (c *checks) whole(value *int64, otherwise int64, name string, least, most int64) int64 {
	if value == nil {
		return otherwise
	}
	if *value < least || *value > most {
		c.fail(fmt.Sprintf("%s is not a whole number from %d to %d", name, least, most))
	}
	return *value
}

func (c *checks) number(value *float64, otherwise float64, name string, most float64) float64 {
	if value == nil {
		return otherwise
	}
	if *value < 0 || *value > most {
		c.fail(fmt.Sprintf("%s is not a number from 0 to %g", name, most))
	}
	return *value
}

func shown(text *string) string {
	if text == nil {
		return "absent"
	}
	return fmt.Sprintf("%q", *text)
}

// answer is what is said of a finished job. Latencies are in µs.
type answer struct {
	// Operations are calls that succeeded within the measured time; Records what they wrote or read.
	Operations int64 `json:"operations"`
	Records    int64 `json:"records"`
	Failed     int64 `json:"failed"`
	// Dropped are arrivals of an open loop for which there was no room any more.
	Dropped int64            `json:"dropped"`
	Seconds float64          `json:"seconds"`
	Errors  map[string]int64 `json:"errors"`
	// Histogram is HdrHistogram V2, compressed, base64.
	Histogram string `json:"histogram"`
	P50       int64  `json:"p50"`
	P90       int64  `json:"p90"`
	P99       int64  `json:"p99"`
	Max       int64  `json:"max"`
	// Client is the client library and its version.
	Client string `json:"client"`
	// Gaps and LongestGapMs are of `write-gap` alone: spans over 50 ms, and the longest of all.
	Gaps         *[]gap   `json:"gaps,omitempty"`
	LongestGapMs *float64 `json:"longestGapMs,omitempty"`
}
