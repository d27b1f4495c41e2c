package chat

import "strings"

// Withheld recognises what libraries write in the place of content that they were
// told not to record.
func Withheld(s string) bool {
	switch s {
	case "<REDACTED>", "[REDACTED]", "__REDACTED__", "<not specified>", "<not serializable>", "<non-serializable>", "<replaced>", "FILTERED", "<elided>", "<synthetic>":
		return true
	}
	for _, begin := range []string{"HIDDEN:", "[Scrubbed due to ", "<async_generator object ", "<generator object ", "<openai.Stream object at "} {
		if strings.HasPrefix(s, begin) && len(s) < 128 {
			return true
		}
	}
	return strings.HasPrefix(s, "<") && (strings.HasSuffix(s, "; not recorded>") || strings.HasPrefix(s, "<not recorded:"))
}

// CutAtSource recognises the marks of content that a library shortened.
func CutAtSource(s string) bool {
	tail := s[max(0, len(s)-64):]
	return strings.Contains(tail, "[truncated]") || strings.Contains(tail, "[TRUNCATED") || strings.Contains(tail, "... telemetry preview truncated ...")
}
