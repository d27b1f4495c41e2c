package agentauditexporter

import (
	"context"
	"net/http"

	"github.com/agentaudit/otelcol-agentaudit/internal/tsa"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// chain is a ledger.Chain with each of its manifests counted, and the heads of other logs
// that it holds ticked off.
type chain struct {
	*ledger.Chain
	report *reporter
	heads  *neighbours
}

func (c *chain) Commit(ctx context.Context, kind ledger.Kind, objects []ledger.Object) error {
	if err := c.Chain.Commit(ctx, kind, objects); err != nil {
		return err
	}
	c.report.committed(kind, objects)
	c.heads.noted()
	return nil
}

// stamp asks the time-stamping authority for its word on a note; nil where none is
// configured.
func stamp(c *TimestampConfig) func(context.Context, []byte) ([]byte, error) {
	if c.URL == "" {
		return nil
	}
	return func(ctx context.Context, note []byte) ([]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, c.Timeout)
		defer cancel()
		return tsa.Stamp(ctx, http.DefaultClient, c.URL, note)
	}
}
