package main

import (
	"slices"
	"testing"
)

// What ../load/values.ts makes of the same seed: both sides write the same bytes.
func TestNumbersAreThoseOfTheOtherSide(t *testing.T) {
	sequence := numbers{state: 1}
	got := []uint32{sequence.next(), sequence.next(), sequence.next()}
	if want := []uint32{2693262067, 11749833, 2265367787}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := valuesOf(7, 16)[0], "sSeWn0VrtYbjS8lN"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestValuesAreFewerWhenTheyAreLarge(t *testing.T) {
	for bytes, want := range map[int]int{1: 256, 65_536: 256, 262_144: 64, 1_048_576: 16} {
		values := valuesOf(1, bytes)
		if len(values) != want || len(values[0]) != bytes {
			t.Errorf("of %d bytes: %d values, want %d", bytes, len(values), want)
		}
		if values[0] == values[1] && bytes > 1 {
			t.Errorf("of %d bytes: the values are alike", bytes)
		}
	}
}

func TestKeysHaveTenDigits(t *testing.T) {
	for number, want := range map[int64]string{
		0: "p/0000000000", 42: "p/0000000042", 9_999_999_999: "p/9999999999",
	} {
		if got := keyOf("p/", number); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if last := keyOf("p/", 9_999_999_999); last >= endOf("p/") {
		t.Errorf("%q is not before %q", last, endOf("p/"))
	}
}
