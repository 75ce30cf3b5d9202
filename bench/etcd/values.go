package main

import "strconv"

// Keys and values of a load, from a seed: the same that ../load/values.ts makes. Values look random
// to a compressor, so that neither store gains by compressing, and are made before the loop begins,
// so that making them costs the measured time nothing.

const (
	// valuesMost distinct values take turns; of large ones there are fewer.
	valuesMost      = 256
	valuesBytesMost = 16_777_216
	valuesLeast     = 4
	keyDigits       = 10
	alphabet        = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
)

// numbers is a sequence that its seed decides (mulberry32).
type numbers struct{ state uint32 }

// next is the next number from 0 up to 2^32.
func (n *numbers) next() uint32 {
	n.state += 0x6d2b_79f5
	mixed := (n.state ^ (n.state >> 15)) * (n.state | 1)
	mixed ^= mixed + (mixed^(mixed>>7))*(mixed|61)
	return mixed ^ (mixed >> 14)
}

// valuesOf makes values of so many bytes each.
func valuesOf(seed uint32, bytes int) []string {
	sequence := numbers{state: seed}
	count := max(valuesLeast, min(valuesMost, valuesBytesMost/bytes))
	values := make([]string, count)
	for i := range values {
		value := make([]byte, bytes)
		for at := range value {
			value[at] = alphabet[sequence.next()&63]
		}
		values[i] = string(value)
	}
	return values
}

// keyOf is the name of a row: ten digits, so that names sort as their numbers do.
func keyOf(prefix string, number int64) string {
	var digits [20]byte
	text := strconv.AppendInt(digits[:0], number, 10)
	key := make([]byte, 0, len(prefix)+max(keyDigits, len(text)))
	key = append(key, prefix...)
	for range keyDigits - len(text) {
		key = append(key, '0')
	}
	return string(append(key, text...))
}

// endOf is just past every name with the prefix: behind it stand digits alone, and `:` follows on `9`.
func endOf(prefix string) string { return prefix + ":" }
