package main

import (
	"errors"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// bundleOptions are the flags of verify that count for an evidence bundle: whom the auditor
// trusts, and which checkpoints he holds. What would narrow the claim is refused: a bundle
// is judged whole.
func (v *verification) bundleOptions() (o evidence.VerifyOptions, err error) {
	if v.since != "" || v.until != "" || v.when != "" || len(v.from) > 0 || len(v.trust.logs) > 0 {
		return o, errors.New("a bundle is judged whole, and at the present: " +
			"leave out --since, --until, --at, --from and --log")
	}
	all, err := v.options()
	if err != nil {
		return o, err
	}
	o.Keys, o.Checkpoints = all.Keys, all.Checkpoints
	o.Witnesses, o.AskWitnesses = all.Witnesses, all.Witnesses != nil
	if _, vkeys, err := v.trust.trusted(); err == nil && o.Witnesses == nil && len(vkeys) > 0 {
		o.Witnesses, err = ledger.AtLeast(1, vkeys)
		return o, err
	}
	return o, nil
}
