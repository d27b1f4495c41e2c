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
// which there is one has one of these words as a key, a role or the name of a class. The keys
// that name a provider do not count.
func MaybeSystem(s string) bool {
	return follows(s, "nstruction", `"'\\s`) || follows(s, "eveloper", `"'\\_`) || follows(s, "ackstory", `"'\\`) || follows(s, "ystem", `"'\\_MIP`) || strings.Contains(s, "SYSTEM:")
}

// follows reports whether one of the bytes stands behind a word.
func follows(s, word, bytes string) bool {
	for {
		i := strings.Index(s, word)
		if i < 0 {
			return false
		}
		at := i + len(word)
		provider := i >= 2 && s[i-2] == '.' && at < len(s) && s[at] == '"' // gen_ai.system
		if at < len(s) && strings.IndexByte(bytes, s[at]) >= 0 && !provider {
			if s[at] != 's' || at+1 < len(s) && strings.IndexByte(`"'\\`, s[at+1]) >= 0 {
				return true
			}
		}
		s = s[at:]
	}
}
