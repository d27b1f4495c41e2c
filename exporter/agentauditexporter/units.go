package agentauditexporter

import (
	"encoding"
	"fmt"
	"strconv"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/days"
)

// Duration is a time.Duration that also reads days: 2555d, 1d12h, 720h.
type Duration = days.Duration

// ByteSize is a number of bytes that also reads units: 8MiB, 500kB, 1024.
type ByteSize int64

var (
	_ encoding.TextUnmarshaler = (*ByteSize)(nil)
	_ encoding.TextMarshaler   = ByteSize(0)
)

const day = days.Day

// units from the largest to the smallest, so that the first that divides a size writes it.
var units = []struct {
	name string
	size int64
}{{"GiB", 1 << 30}, {"GB", 1e9}, {"MiB", 1 << 20}, {"MB", 1e6}, {"KiB", 1 << 10}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}, {"", 1}}

// UnmarshalText reads a whole number and its unit.
func (s *ByteSize) UnmarshalText(text []byte) error {
	digits := strings.TrimRight(string(text), "BbGgIiKkMm ")
	unit := strings.TrimSpace(string(text)[len(digits):])
	for _, u := range units {
		if u.name != unit {
			continue
		}
		n, err := strconv.ParseUint(digits, 10, 63)
		if err != nil || int64(n) > (1<<63-1)/u.size {
			break
		}
		*s = ByteSize(int64(n) * u.size)
		return nil
	}
	return fmt.Errorf("%q must be a size such as 8MiB", text)
}

// MarshalText is String.
func (s ByteSize) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String writes the size in the largest binary unit that divides it.
func (s ByteSize) String() string {
	for _, u := range units {
		if strings.HasSuffix(u.name, "iB") && s != 0 && int64(s)%u.size == 0 {
			return strconv.FormatInt(int64(s)/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}
