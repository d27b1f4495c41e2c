package dialect

import (
	"sort"
	"strconv"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Bounds of indexed keys such as llm.input_messages.12.message.content, so that an
// index is never a size.
const (
	maxIndex = 4095
	maxSlots = 20000
)

// indexed collects the attributes under a prefix that ends in a dot into JSON: a
// part of the key that is a number is a place in an array, whose holes close. Keys
// with an index out of bounds stay what they are. It is no value when there is none.
func (r *Record) indexed(prefix string) gjson.Result {
	root := &tree{}
	slots := 0
	for i := range r.attrs {
		a := &r.attrs[i]
		rest, ok := strings.CutPrefix(a.key, prefix)
		if !ok || slots >= maxSlots {
			continue
		}
		path := strings.Split(rest, ".")
		if len(path) > 12 || !isIndex(path[0]) {
			continue
		}
		ok = true
		for _, p := range path {
			if p == "" || p[0] >= '0' && p[0] <= '9' && !isIndex(p) {
				ok = false
			}
		}
		if !ok || !root.put(path, leaf(path[len(path)-1], a.val).Raw) {
			continue
		}
		slots++
		a.used = true
	}
	if slots == 0 {
		return gjson.Result{}
	}
	return parse(root.append(nil))
}

func isIndex(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && n >= 0 && n <= maxIndex && strconv.Itoa(n) == s
}

type tree struct {
	raw  string
	kids map[string]*tree
}

func (t *tree) put(path []string, raw string) bool {
	for _, p := range path {
		if t.raw != "" {
			return false
		}
		if t.kids == nil {
			t.kids = map[string]*tree{}
		}
		kid := t.kids[p]
		if kid == nil {
			kid = &tree{}
			t.kids[p] = kid
		}
		t = kid
	}
	if t.raw != "" || t.kids != nil {
		return false
	}
	t.raw = raw
	return true
}

func (t *tree) append(out []byte) []byte {
	if t.kids == nil {
		if t.raw == "" {
			return append(out, "null"...)
		}
		return append(out, t.raw...)
	}
	keys := make([]string, 0, len(t.kids))
	list := true
	for k := range t.kids {
		keys = append(keys, k)
		list = list && isIndex(k)
	}
	if list {
		sort.Slice(keys, func(i, j int) bool {
			return len(keys[i]) < len(keys[j]) || len(keys[i]) == len(keys[j]) && keys[i] < keys[j]
		})
		out = append(out, '[')
		for i, k := range keys {
			if i > 0 {
				out = append(out, ',')
			}
			out = t.kids[k].append(out)
		}
		return append(out, ']')
	}
	sort.Strings(keys)
	out = append(out, '{')
	for i, k := range keys {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(semconv.AppendString(out, k), ':')
		out = t.kids[k].append(out)
	}
	return append(out, '}')
}
