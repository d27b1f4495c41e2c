package days

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"2555d": 2555 * Day, "1d12h": 36 * time.Hour, "720h": 720 * time.Hour, "0d": 0,
		"106751d": 106751 * Day, "1y": 366 * Day, "4y": 1461 * Day, "5y": 1827 * Day, "7y": 2557 * Day, "0y": 0, "1d0.5s": Day + 500*time.Millisecond,
	} {
		var d Duration
		require.NoError(t, d.UnmarshalText([]byte(text)), text)
		require.Equal(t, want, time.Duration(d), text)
	}
	for _, text := range []string{"", "d", "7", "y", "-7y", "1y6d", "0.5y", "293y", "-1d", "1.5d", "1d-1h", "1d1d", "106752d", "106751d24h", "99999999999999999999d", "1d 1h"} {
		d := Duration(42)
		require.Error(t, d.UnmarshalText([]byte(text)), text)
		require.Equal(t, Duration(42), d, "%q leaves the value alone", text)
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
