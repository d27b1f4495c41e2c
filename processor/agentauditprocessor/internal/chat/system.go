package chat

import (
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
)

// SystemRole reports whether what has the role is told to the model by who runs it.
func SystemRole(role string) bool {
	return strings.EqualFold(role, "system") || strings.EqualFold(role, "developer")
}

// IsSystem reports whether an object is a system message, in any of the shapes that
// libraries send.
func IsSystem(o jsontext.Object) bool {
	if r := jsontext.Read(o.Raw("role")).Str; r != "" {
		return SystemRole(r)
	}
	if o.Has("lc") { // LangChain's serialisation
		return strings.HasPrefix(jsontext.LastOf(o.Get("id")).Str, "SystemMessage")
	}
	return SystemRole(jsontext.Read(o.Raw("type")).Str) && (o.Has("content") || o.Has("text"))
}

// MaybeSystem reports whether there may be a system text in a JSON text: every place at
// which there is one has one of these words. The keys that name a provider do not count.
func MaybeSystem(s string) bool {
	for _, word := range []string{"nstruction", "eveloper", "ackstory", "YSTEM"} {
		if strings.Contains(s, word) {
			return true
		}
	}
	for at := 0; ; {
		i := strings.Index(s[at:], "ystem")
		if i < 0 {
			return false
		}
		i += at
		at = i + len("ystem")
		if provider := i >= 2 && s[i-2] == '.' && at < len(s) && s[at] == '"'; !provider {
			return true
		}
	}
}
