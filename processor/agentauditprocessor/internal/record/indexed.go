package record

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tidwall/gjson"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
)

// Bounds of indexed keys such as llm.input_messages.12.message.content, so that an
// index is never a size.
const (
	maxIndex = 4095
	maxSlots = 20000
	maxPath  = 12
)

// Indexed collects the attributes under a prefix that ends in a dot into JSON: a
// part of the key that is a number is a place in an array, whose holes close. Keys
// with an index out of bounds stay what they are. It is no value when there is none.
func (r *Record) Indexed(prefix string) gjson.Result {
	if !r.HasPrefix(prefix) {
		return gjson.Result{}
	}
	root := &tree{}
	slots := 0
	for i := range r.attrs {
		a := &r.attrs[i]
		rest, ok := strings.CutPrefix(a.key, prefix)
		if !ok || slots >= maxSlots {
			continue
		}
		var parts [maxPath]string
		path, ok := splitPath(parts[:0], rest)
		if !ok || !root.put(path, Leaf(path[len(path)-1], a.val).Raw) {
			continue
		}
		slots++
		a.used = true
	}
	if slots == 0 {
		return gjson.Result{}
	}
	return jsontext.Parse(root.append(nil))
}

// splitPath appends the parts of an indexed key, which begins with an index. It reports
// false where it is none within the bounds.
func splitPath(path []string, key string) ([]string, bool) {
	for more := true; more; {
		var p string
		p, key, more = strings.Cut(key, ".")
		if p == "" || len(path) == maxPath || (len(path) == 0 || p[0] >= '0' && p[0] <= '9') && !isIndex(p) {
			return nil, false
		}
		path = append(path, p)
	}
	return path, true
}

// isIndex reports whether a text is a number up to maxIndex as it is written shortest.
func isIndex(s string) bool {
	if s == "" || len(s) > 4 || s[0] == '0' && len(s) > 1 {
		return false
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		n = 10*n + int(s[i]-'0')
	}
	return n <= maxIndex
}

type tree struct {
	key  string
	raw  string
	kids []*tree
	many map[string]*tree // kids by key, where they are many
}

func (t *tree) kid(key string) *tree {
	if t.many != nil {
		return t.many[key]
	}
	for i := len(t.kids) - 1; i >= 0; i-- { // the keys of one come together
		if t.kids[i].key == key {
			return t.kids[i]
		}
	}
	return nil
}

func (t *tree) add(kid *tree) {
	t.kids = append(t.kids, kid)
	if t.many != nil {
		t.many[kid.key] = kid
	} else if len(t.kids) == manyAttrs {
		t.many = make(map[string]*tree, 2*manyAttrs)
		for _, k := range t.kids {
			t.many[k.key] = k
		}
	}
}

func (t *tree) put(path []string, raw string) bool {
	for _, p := range path {
		if t.raw != "" {
			return false
		}
		kid := t.kid(p)
		if kid == nil {
			kid = &tree{key: p}
			t.add(kid)
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
	list := true
	for _, k := range t.kids {
		list = list && isIndex(k.key)
	}
	if list {
		slices.SortFunc(t.kids, func(a, b *tree) int {
			return cmp.Or(cmp.Compare(len(a.key), len(b.key)), cmp.Compare(a.key, b.key))
		})
		out = append(out, '[')
		for i, k := range t.kids {
			if i > 0 {
				out = append(out, ',')
			}
			out = k.append(out)
		}
		return append(out, ']')
	}
	slices.SortFunc(t.kids, func(a, b *tree) int { return cmp.Compare(a.key, b.key) })
	out = append(out, '{')
	for i, k := range t.kids {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(jsontext.AppendString(out, k.key), ':')
		out = k.append(out)
	}
	return append(out, '}')
}
