package agentauditexporter

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"2555d": 2555 * day, "1d12h": 36 * time.Hour, "720h": 720 * time.Hour, "0d": 0,
		"106751d": 106751 * day, "1d0.5s": day + 500*time.Millisecond,
	} {
		var d Duration
		require.NoError(t, d.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, time.Duration(d), text)
	}
	for _, text := range []string{"", "d", "7", "7y", "-1d", "1.5d", "1d-1h", "1d1d", "106752d", "106751d24h", "99999999999999999999d", "1d 1h"} {
		d := Duration(42)
		require.Error(t, d.UnmarshalText([]byte(text)), text)
		require.Equal(t, Duration(42), d, "%q leaves the value alone", text)
	}
}

func TestByteSize(t *testing.T) {
	for text, want := range map[string]ByteSize{
		"8MiB": 8 << 20, "8 MiB": 8 << 20, "500kB": 500_000, "500KB": 500_000, "1GiB": 1 << 30, "2GB": 2_000_000_000,
		"3MB": 3_000_000, "64KiB": 64 << 10, "1024": 1024, "7B": 7,
	} {
		var s ByteSize
		require.NoError(t, s.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, s, text)
	}
	for _, text := range []string{"", "MiB", "8mib", "8 miles", "-1", "1.5MiB", "9223372036854775808", "9000000000000GiB", "8MiB8"} {
		s := ByteSize(42)
		require.Error(t, s.UnmarshalText([]byte(text)), text)
		require.Equal(t, ByteSize(42), s, "%q leaves the value alone", text)
	}
}

func FuzzDuration(f *testing.F) {
	for _, text := range []string{"2555d", "1d12h", "720h", "106751d23h", "1ns", "-5s"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var d, again Duration
		if d.UnmarshalText([]byte(text)) != nil {
			return
		}
		require.NoError(t, again.UnmarshalText([]byte(d.String())), "%q", d.String())
		require.Equal(t, d, again)
	})
}

func FuzzByteSize(f *testing.F) {
	for _, text := range []string{"8MiB", "0", "1024", "3 kB", "9223372036854775807"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s, again ByteSize
		if s.UnmarshalText([]byte(text)) != nil {
			return
		}
		require.GreaterOrEqual(t, s, ByteSize(0))
		require.NoError(t, again.UnmarshalText([]byte(s.String())), "%q", s.String())
		require.Equal(t, s, again)
	})
}
