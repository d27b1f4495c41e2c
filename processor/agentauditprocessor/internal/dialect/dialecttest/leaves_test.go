package dialecttest_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect/dialecttest"
)

// said are leaves as texts, with their keys.
func said(leaves []dialecttest.Leaf) (list []string) {
	for _, l := range leaves {
		list = append(list, fmt.Sprintf("%s=%v", strings.ReplaceAll(l.Key, "\t", "/"), l.Value))
	}
	slices.Sort(list)
	return list
}

// TestLeavesOfRecords: every text, number and truth value, wherever it stands, and JSON in
// strings opened; what only names a shape is none.
func TestLeavesOfRecords(t *testing.T) {
	td := dialecttest.SpanOf([]byte(strings.Join([]string{
		"span", "scope", "name",
		"a", `{"role":"user","content":["hi",{"n":7,"yes":true,"none":null}]}`,
		"b", "1.5", "c", "true", "d", "plain text", "gen_ai.prompt.0.role", "user",
		"list", "[1,\"x\"]\t",
		"\texception\texception.message", "bang",
		"^status", "it failed", "^service.name", "shop", "^team", "refunds",
	}, "\n")))
	rs := td.ResourceSpans().At(0)
	span := rs.ScopeSpans().At(0).Spans().At(0)
	link := span.Links().AppendEmpty()
	link.SetSpanID([8]byte{2})
	link.SetTraceID([16]byte{3})
	require.Equal(t, []string{
		"a=7", "a=hi", "a=true", "b=1.5", "c=true", "d=plain text", "exception/exception.message=bang",
		"links=0200000000000000", "links=03000000000000000000000000000000", "list=1", "list=x", "status=it failed",
	}, said(dialecttest.OfSpan(span)))
	require.Equal(t, []string{"team=refunds"}, said(dialecttest.OfResource(rs.Resource().Attributes())), "what says what runs it is not kept")
	require.Zero(t, dialecttest.SpanOf([]byte("log\nscope")).SpanCount())

	ld := dialecttest.LogOf([]byte("log\nscope\n{\"text\":\"said\"}\n^event\nthing\n^team\nrefunds\nk\n3"))
	rec := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	require.Equal(t, []string{"body=said", "k=3"}, said(dialecttest.OfLog(rec)))
	rec.Body().SetStr("vendor.thing")
	require.Equal(t, []string{"k=3"}, said(dialecttest.OfLog(rec)), "the body is the record's name")
}

// TestMutate changes values and no keys, and the same seed the same values.
func TestMutate(t *testing.T) {
	record := []byte("span\nscope\nname\na\n{\"x\":[1,2,{\"y\":\"z\"}]}\nb\ntext\nc\n5\nd\ntrue\ne\n[\"p\",\"q\"]\t")
	kinds := map[string]bool{}
	for seed := range uint64(200) {
		var values []string
		for range 2 {
			m := dialecttest.SpanOf(record).ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes()
			dialecttest.Mutate(rand.New(rand.NewPCG(seed, 1)), m)
			var keys []string
			for k, v := range m.All() {
				keys = append(keys, k)
				kinds[v.Type().String()] = true
			}
			require.Equal(t, []string{"a", "b", "c", "d", "e"}, keys)
			values = append(values, fmt.Sprint(m.AsRaw()))
		}
		require.Equal(t, values[0], values[1])
	}
	require.Greater(t, len(kinds), 4, "types change, too")
}

func TestSeed(t *testing.T) {
	record, ok := dialecttest.Seed([]byte("go test fuzz v1\n[]byte(\"span\\nscope\")\n"))
	require.True(t, ok)
	require.Equal(t, "span\nscope", string(record))
	for _, bad := range []string{"", "go test fuzz v1\n", "[]byte(unquoted)"} {
		_, ok := dialecttest.Seed([]byte(bad))
		require.False(t, ok, bad)
	}
}
