package jsontext

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKeysThatComeAgain(t *testing.T) {
	var k Keys
	var got []string
	for _, key := range []string{"a", "b", "a", "a'", "a", "a", "a", "a", "a", "\xff"} {
		got = append(got, k.Add(key))
	}
	require.Equal(t, []string{"a", "b", "a'", "a''", "a'''", "a''''", "a'5", "a'6", "a'7", "\ufffd"}, got)
}

// A sender can give one key as often as it likes, and take the names that it would get.
func TestKeysStayShortAndApart(t *testing.T) {
	const n = 20_000
	var k Keys
	seen := map[string]bool{}
	for i := range n {
		for _, key := range []string{"a", fmt.Sprintf("a'%d", i)} {
			name := k.Add(key)
			require.False(t, seen[name], name)
			require.Less(t, len(name), 20)
			seen[name] = true
		}
	}
}
