package trail

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/ledger/ledgertest"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// The full texts of shortened fields are read where they are; a line that names what is
// not there is a warning, since senders can write one.
func TestReadOversize(t *testing.T) {
	whole := strings.Repeat("all of it ", 1000)
	blob, err := ledger.NewBlob(whole, start, ledger.ObjectRetention{})
	require.NoError(t, err)
	digest := strings.TrimSuffix(strings.TrimPrefix(blob.Key, ledger.BlobPrefix), ".gz")
	short := event("a", semconv.TypeToolCall, "s", "r", 0)
	short.ToolOutput = []byte(`"all of it "`)
	short.Oversize = []byte(`{"tool_output":{"sha256":"` + digest + `","bytes":10000}}`)
	bogus := event("b", semconv.TypeToolCall, "s", "r", 1)
	bogus.Oversize = []byte(`{"error":{"sha256":"` + strings.Repeat("0", 64) + `","bytes":5},"query":"text"}`)
	absent := event("c", semconv.TypeToolCall, "s", "r", 2)
	absent.Oversize = []byte(`{"error":{"sha256":"` + strings.Repeat("0", 64) + `","bytes":5}}`)

	r, keys := sealed(t, []*semconv.Event{short, bogus, absent})
	_, err = r.(*ledgertest.Store).Put(context.Background(), blob.Key, blob.Body, ledger.PutOptions{})
	require.NoError(t, err)
	tr, err := Read(context.Background(), r, keys, nil, short.SessionID)
	require.NoError(t, err)
	require.NoError(t, tr.ReadOversize(context.Background(), r))
	require.Equal(t, map[string]string{"tool_output": whole}, tr.Events[0].OversizeText)
	require.Len(t, tr.Problems, 1)
	require.Zero(t, tr.Unread)
	var table bytes.Buffer
	require.NoError(t, tr.Table(&table, Look{}))
	require.Contains(t, table.String(), "shortened: tool_output of 10000 bytes")
}
