package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func addWitnesses(f *pflag.FlagSet, to *string) {
	f.StringVar(to, "witnesses", "",
		"`FILE` with a policy (c2sp.org/tlog-policy): a quorum of its witnesses must have cosigned a checkpoint of each log; "+
			"or how many of the witnesses in --trust")
}

// witnessPolicy is what --witnesses asks for: nil where it is not given.
func witnessPolicy(given string, trusted []string) (*ledger.Policy, error) {
	if given == "" {
		return nil, nil
	}
	text, err := os.ReadFile(given)
	if err != nil {
		n, e := strconv.Atoi(given)
		if e != nil {
			return nil, fmt.Errorf("--witnesses: %w", err)
		}
		if n < 1 || n > len(trusted) {
			return nil, fmt.Errorf("--witnesses %d: there are %d witnesses in --trust", n, len(trusted))
		}
		return ledger.AtLeast(n, trusted)
	}
	p, err := ledger.ParsePolicy(text)
	if err == nil && !p.Quorum() {
		err = errors.New("`quorum none` asks for no witness")
	}
	if err != nil {
		return nil, fmt.Errorf("--witnesses %s: %w", given, err)
	}
	return p, nil
}

// knownWitnesses are all whose cosignatures can be checked.
func knownWitnesses(p *ledger.Policy, trusted []string) []ledger.Witness {
	list := p.Known()
	for _, vkey := range trusted {
		w, err := ledger.ParseWitness(vkey)
		same := func(k ledger.Witness) bool { return k.Name() == w.Name() && k.KeyHash() == w.KeyHash() }
		if err == nil && !slices.ContainsFunc(list, same) {
			list = append(list, w)
		}
	}
	return list
}
