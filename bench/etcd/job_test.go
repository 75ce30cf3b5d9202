package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestJobTakesDefaultsForWhatIsAbsentOrNull(t *testing.T) {
	got, err := parseJob([]byte(`{"op":"put","inFlight":129,"rate":null,"seed":null}`))
	if err != nil {
		t.Fatal(err)
	}
	want := job{
		op: "put", inFlight: 129, connections: 2, rate: 0, warmupSeconds: 0, seconds: 5,
		valueBytes: 256, batch: 100, prefix: "bench/", count: 10_000, from: 0, seed: 1, readShare: 0.9,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCallersShareAConnectionUpTo128OfThem(t *testing.T) {
	for inFlight, want := range map[int]int{1: 1, 128: 1, 129: 2, 1_000: 8} {
		got, err := parseJob(fmt.Appendf(nil, `{"op":"put","inFlight":%d}`, inFlight))
		if err != nil || got.connections != want {
			t.Errorf("%d in flight: %d connections, %v", inFlight, got.connections, err)
		}
	}
}

func TestJobTakesWhatIsSaid(t *testing.T) {
	got, err := parseJob([]byte(`{"op":"mix","inFlight":64,"connections":3,"rate":12.5,
		"warmupSeconds":0.5,"seconds":2,"valueBytes":4096,"batch":7,
		"keys":{"prefix":"a/","count":9},"from":5,"seed":4294967295,"readShare":0}`))
	if err != nil {
		t.Fatal(err)
	}
	want := job{
		op: "mix", inFlight: 64, connections: 3, rate: 12.5, warmupSeconds: 0.5, seconds: 2,
		valueBytes: 4096, batch: 7, prefix: "a/", count: 9, from: 5, seed: 0xffff_ffff, readShare: 0,
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestJobThatIsWrongSaysWhere(t *testing.T) {
	for line, word := range map[string]string{
		`{`:                                      "not what it should be",
		`[]`:                                     "not what it should be",
		`{}`:                                     "op is absent",
		`{"op":"drop"}`:                          `op is "drop"`,
		`{"op":"put","inFlight":0}`:              "inFlight",
		`{"op":"put","inFlight":20001}`:          "inFlight",
		`{"op":"put","inFlight":1.5}`:            "inFlight",
		`{"op":"put","connections":0}`:           "connections",
		`{"op":"put","rate":0}`:                  "rate",
		`{"op":"put","rate":-1}`:                 "rate",
		`{"op":"put","seconds":-1}`:              "seconds",
		`{"op":"put","warmupSeconds":86401}`:     "warmupSeconds",
		`{"op":"put","valueBytes":1048577}`:      "valueBytes",
		`{"op":"put","keys":{"count":0}}`:        "keys.count",
		`{"op":"put","from":-1}`:                 "from",
		`{"op":"put","seed":4294967296}`:         "seed",
		`{"op":"mix","readShare":1.1}`:           "readShare",
		`{"op":"put-many","batch":129}`:          "batch is over 128",
		`{"op":"put","inFlight":0,"batch":-100}`: "inFlight",
	} {
		_, err := parseJob([]byte(line))
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%s: got %v, want something about %q", line, err, word)
		}
	}
}
