// Package days reads and writes durations in days, as retention is mostly given.
package days

import (
	"encoding"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Day is 24 hours, whatever clocks do to a calendar's day.
const Day = 24 * time.Hour

// maxDays keeps a duration within its 63 bits of nanoseconds, about 292 years.
const maxDays = uint64(1<<63-1) / uint64(Day)

// Duration is a time.Duration that also reads days and years: 2555d, 1d12h, 720h, 6y. So many
// years are at least that by any calendar: 365.25 days each, rounded up.
type Duration time.Duration

var (
	_ encoding.TextUnmarshaler = (*Duration)(nil)
	_ encoding.TextMarshaler   = Duration(0)
)

// UnmarshalText reads years, or days and after them what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	bad := fmt.Errorf("%q must be a duration such as 2555d, 7y or 720h, of at most %dd", text, maxDays)
	if years, ok := strings.CutSuffix(string(text), "y"); ok {
		n, err := strconv.ParseUint(years, 10, 31)
		if n = (n*1461 + 3) / 4; err != nil || n > maxDays {
			return bad
		}
		*d = Duration(time.Duration(n) * Day)
		return nil
	}
	days, rest, found := strings.Cut(string(text), "d")
	if !found {
		t, err := time.ParseDuration(days)
		if err != nil {
			return bad
		}
		*d = Duration(t)
		return nil
	}
	n, err := strconv.ParseUint(days, 10, 63)
	if err != nil || n > maxDays {
		return bad
	}
	total := time.Duration(n) * Day
	if rest != "" {
		t, err := time.ParseDuration(rest)
		if err != nil || t < 0 || total+t < total {
			return bad
		}
		total += t
	}
	*d = Duration(total)
	return nil
}

// MarshalText is String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// String writes whole days as days.
func (d Duration) String() string {
	if t := time.Duration(d); t < Day || t%Day != 0 {
		return t.String()
	}
	return strconv.FormatInt(int64(time.Duration(d)/Day), 10) + "d"
}
