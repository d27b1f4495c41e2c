package trail

import (
	"errors"
	"fmt"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// LineFinding is what keeps a sealed line from being an event: a newer version wrote it,
// so that nothing is known of it, or it is none.
func LineFinding(l *ledger.EventLine, err error) *ledger.Finding {
	f := &ledger.Finding{
		Severity: ledger.SeverityError, Code: ledger.CodeLineInvalid,
		Log: l.Log, Seq: l.Seq, Object: l.Object, Line: l.N, Message: err.Error(),
	}
	if errors.Is(err, semconv.ErrNewerVersion) {
		f.Severity, f.Code = ledger.SeverityUnknown, ledger.CodeNewerVersion
	}
	return f
}

// maxNamed bounds how many logs an error names: anyone who may write to the bucket can
// begin as many as he likes.
const maxNamed = 4

// Unsigned adds to the error of a trail of which no given key signed a manifest what
// stands there instead, as the problems tell that were met. Other errors stay as they are.
func Unsigned(err error, problems []error) error {
	if !errors.Is(err, ledger.ErrUnknownLog) {
		return err
	}
	var said []string
	for _, p := range problems {
		var f *ledger.Finding
		if !errors.As(p, &f) || f.Code != ledger.CodeUnknownLog {
			continue
		}
		if len(said) == maxNamed {
			said = append(said, "and more")
			break
		}
		said = append(said, "log "+f.Log+" has "+f.Found)
	}
	if len(said) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s", err, strings.Join(said, "; "))
}
