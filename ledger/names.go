package ledger

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var logID = regexp.MustCompile(`^[a-z0-9.-]{1,63}$`)

// ValidLog reports whether a log id can be part of a key.
func ValidLog(log string) bool { return logID.MatchString(log) && log != "." && log != ".." }

// Prefixes of the keys of a trail.
const (
	DataPrefix       = "data/v1/"
	QuarantinePrefix = "quarantine/v1/"
	ManifestPrefix   = "manifests/v1/"
	KeyPrefix        = "keys/v1/"
	PromptPrefix     = "prompts/v1/"
	CheckpointPrefix = "checkpoints/v1/"
	BlobPrefix       = "blobs/v1/"
	IndexPrefix      = "index/v1/"
)

// ManifestKey is the key of the manifest of a log at a sequence number.
func ManifestKey(log string, seq int64) string {
	return fmt.Sprintf("%s%s/%012d.json", ManifestPrefix, log, seq)
}

// parseManifestKey is the inverse of ManifestKey.
func parseManifestKey(key string) (log string, seq int64, ok bool) {
	rest, ok := strings.CutPrefix(key, ManifestPrefix)
	if !ok {
		return "", 0, false
	}
	log, name, ok := strings.Cut(rest, "/")
	if !ok || !ValidLog(log) {
		return "", 0, false
	}
	digits, ok := strings.CutSuffix(name, ".json")
	seq, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || ManifestKey(log, seq) != key {
		return "", 0, false
	}
	return log, seq, true
}

// objectKey names a data object after its log, its time, and chance.
func objectKey(prefix, log string, now time.Time, random, suffix string) string {
	now = now.UTC()
	return prefix + "date=" + now.Format("2006-01-02") + "/" + log + "/" + now.Format("20060102T150405.000Z") + "-" + random + suffix
}

// objectLog is the log in the key of a data object, "" where it is none.
func objectLog(key string) string {
	for _, p := range []string{DataPrefix, QuarantinePrefix} {
		if rest, ok := strings.CutPrefix(key, p); ok {
			if parts := strings.Split(rest, "/"); len(parts) == 3 && strings.HasPrefix(parts[0], "date=") && ValidLog(parts[1]) {
				return parts[1]
			}
		}
	}
	return ""
}

// objectTime is the time in the key of a data object.
func objectTime(key string) (time.Time, bool) {
	name := key[strings.LastIndexByte(key, '/')+1:]
	at, _, ok := strings.Cut(name, "-")
	t, err := time.Parse("20060102T150405.000Z", at)
	return t, ok && err == nil
}
