package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func TestNarrowed(t *testing.T) {
	key := func(id string, may *ledger.Span) ledger.PublicKey { return ledger.PublicKey{ID: id, May: may} }
	named := func(id string, last *int64, logs ...string) ledger.PublicKey {
		return key(id, &ledger.Span{Logs: logs, LastSeq: last})
	}
	last := int64(7)
	bound := ledger.Span{LastSeq: &last}
	for name, c := range map[string]struct{ file, given, want []ledger.PublicKey }{
		"no file": {given: []ledger.PublicKey{key("a", nil)}, want: []ledger.PublicKey{key("a", nil)}},
		"a key given twice is one": {
			file: []ledger.PublicKey{key("a", &bound), key("a", &ledger.Span{LastSeq: &last})},
			want: []ledger.PublicKey{key("a", &bound)},
		},
		"given for any: the file bounds it": {
			file: []ledger.PublicKey{key("a", &bound)}, given: []ledger.PublicKey{key("a", nil), key("b", nil)},
			want: []ledger.PublicKey{key("a", &bound), key("b", nil)},
		},
		"given by name: the file bounds that too": {
			file: []ledger.PublicKey{key("a", &bound)}, given: []ledger.PublicKey{named("a", nil, "gw-0", "gw-1")},
			want: []ledger.PublicKey{key("a", &bound), named("a", &last, "gw-0"), named("a", &last, "gw-1")},
		},
		"named in both": {
			file: []ledger.PublicKey{named("a", nil, "gw-0")}, given: []ledger.PublicKey{named("a", nil, "gw-0")},
			want: []ledger.PublicKey{named("a", nil, "gw-0")},
		},
	} {
		got, err := narrowed(c.file, c.given)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got, name)
	}
	_, err := narrowed([]ledger.PublicKey{named("a", nil, "gw-0")}, []ledger.PublicKey{named("a", nil, "gw-1")})
	require.EqualError(t, err, "it does not trust key a for log gw-1, as --key asks")
}

func TestKeysOf(t *testing.T) {
	free := ledger.PublicKey{ID: "free"}
	own := ledger.PublicKey{ID: "own", May: &ledger.Span{Logs: []string{"gw-0"}}}
	other := ledger.PublicKey{ID: "other", May: &ledger.Span{Logs: []string{"gw-1"}}}
	require.Equal(t, []ledger.PublicKey{free, own}, keysOf([]ledger.PublicKey{free, own, other}, "gw-0"))
}
