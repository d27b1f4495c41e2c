package main

import (
	"fmt"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// keyHint tells who gave a wrong key where the right one comes from.
const keyHint = "give --key [LOG=]FILE the public key of each log, as you had it from who runs the collector; " +
	"the one in the bucket proves nothing"

// splitKey takes the value of --key apart: a log, "" for none, and a file. What stands
// before the first = of a file's name may look like a log, but is no log id.
func splitKey(value string) (log, file string, err error) {
	log, file, named := strings.Cut(value, "=")
	_, whole := os.Stat(value)
	switch {
	case !named:
		return "", value, nil
	case !ledger.ValidLog(log) && whole != nil && !strings.Contains(log, "/"):
		return "", "", fmt.Errorf("--key %s: there is no such file, and %q is no log id "+
			"(lower-case letters, digits, dots and hyphens)", value, log)
	case !ledger.ValidLog(log):
		return "", value, nil
	case whole != nil:
		return log, file, nil
	}
	if _, err := os.Stat(file); err == nil {
		// To take the one for the other would trust the key for more than was meant, or less.
		return "", "", fmt.Errorf("--key %s: there are files %s and %s: write ./%s for the first", value, value, file, value)
	}
	return "", value, nil
}

// givenKeys reads the keys of --key. One that was given for several logs is named for all
// of them; one that was given for any is besides trusted for any.
func givenKeys(values []string) ([]ledger.PublicKey, error) {
	var keys []ledger.PublicKey
	for _, value := range values {
		log, file, err := splitKey(value)
		if err != nil {
			return nil, err
		}
		k, err := readKey(file)
		if err != nil {
			return nil, fmt.Errorf("--key: %w", err)
		}
		if log != "" {
			k.May = &ledger.Span{Logs: []string{log}}
		}
		i := slices.IndexFunc(keys, func(have ledger.PublicKey) bool {
			return have.ID == k.ID && (have.May == nil) == (k.May == nil)
		})
		switch {
		case i < 0:
			keys = append(keys, k)
		case log != "" && !slices.Contains(keys[i].May.Logs, log):
			keys[i].May.Logs = append(keys[i].May.Logs, log)
		}
	}
	return keys, nil
}

// narrowed puts the keys of a trust file and those of --key together. What the file says
// of a key holds wherever the key was given besides: --key may name logs for it, and
// widens nothing.
func narrowed(file, given []ledger.PublicKey) ([]ledger.PublicKey, error) {
	var keys []ledger.PublicKey
	add := func(k ledger.PublicKey) {
		if !slices.ContainsFunc(keys, func(have ledger.PublicKey) bool {
			return have.ID == k.ID && reflect.DeepEqual(have.May, k.May)
		}) {
			keys = append(keys, k)
		}
	}
	for _, k := range file {
		add(k)
	}
	for _, k := range given {
		spans := slices.DeleteFunc(slices.Clone(file), func(have ledger.PublicKey) bool { return have.ID != k.ID })
		if len(spans) == 0 {
			add(k)
			continue
		}
		if k.May == nil {
			continue
		}
		for _, log := range k.May.Logs {
			known := false
			for _, span := range spans {
				known = known || span.May.Logs == nil || span.Names(log)
				if span.May.Logs == nil {
					may := *span.May
					may.Logs = []string{log}
					span.May = &may
					add(span)
				}
			}
			if !known {
				return nil, fmt.Errorf("it does not trust key %s for log %s, as --key asks", k.ID, log)
			}
		}
	}
	return keys, nil
}

// keysOf are the keys that may sign something of a log: not those that are named for
// others alone.
func keysOf(keys []ledger.PublicKey, log string) []ledger.PublicKey {
	return slices.DeleteFunc(slices.Clone(keys), func(k ledger.PublicKey) bool {
		return k.May != nil && k.May.Logs != nil && !k.Names(log)
	})
}
