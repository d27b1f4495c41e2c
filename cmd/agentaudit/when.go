package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/agentaudit/otelcol-agentaudit/exporter/agentauditexporter"
)

// parseTime reads the value of a flag: a time, or how long ago it was.
func parseTime(flag, text string, t *time.Time) (err error) {
	if text == "" {
		return nil
	}
	if *t, err = time.Parse(time.RFC3339, text); err == nil {
		return nil
	}
	var ago agentauditexporter.Duration
	if ago.UnmarshalText([]byte(text)) != nil || ago < 0 {
		return fmt.Errorf("--%s %q must be a time such as 2026-11-23T10:00:00Z, or how long ago, such as 24h or 7d",
			flag, text)
	}
	*t = time.Now().UTC().Add(-time.Duration(ago)).Round(0)
	return nil
}

// parseWindow reads --since and --until.
func parseWindow(since, until string, from, to *time.Time) error {
	if err := errors.Join(parseTime("since", since, from), parseTime("until", until, to)); err != nil {
		return err
	}
	if !to.IsZero() && to.Before(*from) {
		return errors.New("--until must not be before --since")
	}
	return nil
}
