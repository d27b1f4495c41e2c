package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/agentaudit/otelcol-agentaudit/internal/evidence"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// whereFlags say where events are.
type whereFlags struct {
	manifests    []string
	since, until string
}

func (w *whereFlags) add(f *pflag.FlagSet) {
	f.StringArrayVar(&w.manifests, "manifest", nil,
		"`LOG:NUMBER`: look for the events only in what this manifest names; may be given more than once")
	f.StringVar(&w.since, "find-since", "", "look for the events only in what was sealed since: a time, or 24h or 7d ago")
	f.StringVar(&w.until, "find-until", "", "look for the events only in what was sealed until: a time, or 24h or 7d ago")
}

func (w *whereFlags) parse() (at evidence.Where, err error) {
	for _, text := range w.manifests {
		log, number, _ := strings.Cut(text, ":")
		seq, err := strconv.ParseInt(number, 10, 64)
		if err != nil || seq < 0 || !ledger.ValidLog(log) {
			return at, fmt.Errorf("--manifest %q must be a log and a number, such as gw-0:4711", text)
		}
		at.Manifests = append(at.Manifests, evidence.Place{Log: log, Seq: seq})
	}
	if err := errors.Join(parseTime("find-since", w.since, &at.Since), parseTime("find-until", w.until, &at.Until)); err != nil {
		return at, err
	}
	switch {
	case len(at.Manifests) > 0 && (w.since != "" || w.until != ""):
		return at, errors.New("give --manifest, or --find-since and --find-until")
	case !at.Until.IsZero() && at.Until.Before(at.Since):
		return at, errors.New("--find-until must not be before --find-since")
	}
	return at, nil
}
