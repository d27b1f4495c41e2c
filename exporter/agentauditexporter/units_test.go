package agentauditexporter

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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
