package ledger

import (
	"context"
	"errors"
	"fmt"
)

// ErrUnknownLog is the error of a log of which no given key signed a manifest.
var ErrUnknownLog = errors.New("none is signed by a given key")

// errUnknown says that no given key signed a manifest of a log, and what stands there.
func errUnknown(w *walker) error {
	return fmt.Errorf("log %s has %s: %w", w.log, &w.others, ErrUnknownLog)
}

// Logs lists the logs that have manifests.
func Logs(ctx context.Context, r Reader) ([]string, error) {
	var logs []string
	last := ""
	for {
		log, err := nextLog(ctx, r, last)
		if err != nil || log == "" {
			return logs, err
		}
		logs, last = append(logs, log), log
	}
}

// nextLog is the first log behind another, "" for none.
func nextLog(ctx context.Context, r Reader, last string) (string, error) {
	after := ""
	if last != "" {
		after = ManifestPrefix + last + "0" // a 0 follows the slash: behind all that is below the log
	}
	for v, err := range r.List(ctx, ManifestPrefix, after) {
		if err != nil {
			return "", err
		}
		if log, _, ok := parseManifestKey(v.Key); ok && log != last {
			return log, nil
		}
	}
	return "", nil
}

// FirstManifest is the number of the oldest manifest of a log that is there, whoever signed it;
// -1 for none.
func FirstManifest(ctx context.Context, r Reader, log string) (int64, error) {
	for v, err := range r.List(ctx, ManifestPrefix+log+"/", "") {
		if err != nil {
			return -1, err
		}
		if of, seq, ok := parseManifestKey(v.Key); ok && of == log && !v.DeleteMarker {
			return seq, nil
		}
	}
	return -1, nil
}
