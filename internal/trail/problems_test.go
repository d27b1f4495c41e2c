package trail

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// A line of a schema that is to come is not called invalid.
func TestLineFinding(t *testing.T) {
	l := &ledger.EventLine{Log: "gw-0", Seq: 3, Object: "data/v1/x", N: 7}
	_, newer := semconv.ParseLine([]byte(`{"schema_version":"9.0"}`))
	require.ErrorIs(t, newer, semconv.ErrNewerVersion)
	for err, want := range map[error]ledger.Finding{
		newer:               {Severity: ledger.SeverityUnknown, Code: ledger.CodeNewerVersion},
		errors.New("wrong"): {Severity: ledger.SeverityError, Code: ledger.CodeLineInvalid},
	} {
		want.Log, want.Seq, want.Object, want.Line, want.Message = "gw-0", 3, "data/v1/x", 7, err.Error()
		require.Equal(t, &want, LineFinding(l, err))
	}
}

func TestUnsigned(t *testing.T) {
	other := errors.New("other")
	require.Equal(t, other, Unsigned(other, nil))
	err := fmt.Errorf("of all logs %w", ledger.ErrUnknownLog)
	require.Equal(t, err, Unsigned(err, nil))
	problems := []error{&ledger.Finding{Code: ledger.CodeDeleteMarker, Log: "gw-9"}}
	for i := range 6 {
		problems = append(problems, &ledger.Finding{Code: ledger.CodeUnknownLog, Log: fmt.Sprintf("gw-%d", i), Found: "no manifest"})
	}
	got := Unsigned(err, problems)
	require.ErrorIs(t, got, ledger.ErrUnknownLog)
	require.EqualError(t, got, "of all logs none is signed by a given key: log gw-0 has no manifest; "+
		"log gw-1 has no manifest; log gw-2 has no manifest; log gw-3 has no manifest; and more")
}
