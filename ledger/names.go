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

// DefaultClass is the retention class of what has no other. It does not stand in keys.
const DefaultClass = "default"

var className = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// ValidClass reports whether the name of a retention class can be part of a key.
func ValidClass(class string) bool { return className.MatchString(class) }

// classPart is what a retention class adds to a key behind its prefix, so that lifecycle
// rules can tell the classes apart.
func classPart(class string) string {
	if class == "" || class == DefaultClass {
		return ""
	}
	return "class=" + class + "/"
}

// cutClass takes the retention class off a key without its prefix.
func cutClass(rest string) (class, key string, ok bool) {
	named, ok := strings.CutPrefix(rest, "class=")
	if !ok {
		return DefaultClass, rest, true
	}
	class, key, ok = strings.Cut(named, "/")
	return class, key, ok && ValidClass(class) && class != DefaultClass
}

// Prefixes of the keys of a trail.
const (
	DataPrefix       = "data/v1/"
	QuarantinePrefix = "quarantine/v1/"
	ManifestPrefix   = "manifests/v1/"
	KeyPrefix        = "keys/v1/"
	PromptPrefix     = "prompts/v1/"
	CheckpointPrefix = "checkpoints/v1/"
	BlobPrefix       = "blobs/v1/"
	ContentPrefix    = "content/v1/"
	HeldKeyPrefix    = "held-keys/v1/"
	IndexPrefix      = "index/v1/"
	IndexTextPrefix  = "index-content/v1/"
	TilePrefix       = "tlog/v1/"
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

// objectKey names a data object after its class, its log, its time, and chance.
func objectKey(prefix, class, log string, now time.Time, random, suffix string) string {
	now = now.UTC()
	return prefix + classPart(class) + "date=" + now.Format("2006-01-02") + "/" + log + "/" + now.Format("20060102T150405.000Z") + "-" + random + suffix
}

// objectLog is the log in the key of a data object, "" where it is none.
func objectLog(key string) string {
	for _, p := range []string{DataPrefix, QuarantinePrefix, ContentPrefix} {
		rest, ok := strings.CutPrefix(key, p)
		if !ok {
			continue
		}
		if _, rest, ok = cutClass(rest); !ok {
			continue
		}
		if parts := strings.Split(rest, "/"); len(parts) == 3 && strings.HasPrefix(parts[0], "date=") && ValidLog(parts[1]) {
			return parts[1]
		}
	}
	return ""
}

// ParseObjectKey is the retention class in the key of an object that manifests name, and
// the kind of it; "" where it is no such key.
func ParseObjectKey(key string) (class, kind string) {
	for prefix, kind := range map[string]string{
		DataPrefix: ObjectEvents, QuarantinePrefix: ObjectEvents, BlobPrefix: ObjectBlob, PromptPrefix: ObjectPrompt, ContentPrefix: ObjectContent,
	} {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			if class, _, ok := cutClass(rest); ok {
				return class, kind
			}
		}
	}
	return "", ""
}
