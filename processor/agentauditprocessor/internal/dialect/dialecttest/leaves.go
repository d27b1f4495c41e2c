package dialecttest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/chat"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/dialect"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
)

// Leaf is a text, a number or a truth value of a record, with the key that it stands under:
// of an attribute, or of an attribute of an event of a span, after the name of that.
type Leaf struct {
	Key   string
	Value any      // string, float64, json.Number or bool
	in    []string // the texts that it was opened from
}

// maxOpened is how deep JSON in JSON is opened. What lies deeper is a text.
const maxOpened = 3

type walker struct {
	key    string
	in     []string
	leaves []Leaf
}

func (w *walker) add(v any) {
	w.leaves = append(w.leaves, Leaf{w.key, v, append([]string(nil), w.in...)})
}

func (w *walker) json(v any, opened int) {
	switch v := v.(type) {
	case nil:
	case map[string]any:
		for k, x := range v {
			if !namesShape(v, k, x) {
				w.json(x, opened)
			}
		}
	case []any:
		for _, x := range v {
			w.json(x, opened)
		}
	case string:
		if list := printedByJava(v); list != nil {
			w.json(list, opened)
			return
		}
		if in, ok := open(v); ok && opened < maxOpened {
			w.in = append(w.in, v)
			w.json(in, opened+1)
			w.in = w.in[:len(w.in)-1]
			return
		}
		if v != "" {
			w.add(v)
		}
	default:
		w.add(v)
	}
}

// namesShape reports whether a member of an object says of what class or shape it is.
func namesShape(of map[string]any, k string, x any) bool {
	if _, langChain := of["lc"].(json.Number); langChain && (k == "lc" || k == "id" && isClass(x)) {
		return true
	}
	s, ok := x.(string)
	return ok && (k == "type" || k == "role" || k == "object") && len(s) < 38 && !strings.Contains(s, " ")
}

// printedByJava are the texts of the messages that Spring AI logs: a title, and a list in
// which nothing is escaped.
func printedByJava(s string) (list []any) {
	if !javaTitle.MatchString(s) || !strings.HasSuffix(s, `"]`) {
		return nil
	}
	_, body, _ := strings.Cut(s, "\n[\"")
	for text := range strings.SplitSeq(strings.TrimSuffix(body, `"]`), `", "`) {
		if text = javaRole.ReplaceAllString(text, ""); text != "null" {
			list = append(list, text)
		}
	}
	return list
}

var (
	javaTitle = regexp.MustCompile(`^Chat (?:Client|Model) (?:Prompt Content|Completion):\n\["`)
	javaRole  = regexp.MustCompile(`^(?:system|user|assistant|tool)":"`)
)

// isClass reports whether a value is the path of a class: words without spaces.
func isClass(v any) bool {
	list, ok := v.([]any)
	for _, x := range list {
		s, text := x.(string)
		ok = ok && text && !strings.Contains(s, " ")
	}
	return ok
}

// open is what a text holds that is a JSON object or array, as strict as lines are.
func open(s string) (any, bool) {
	t := strings.TrimLeft(s, " \t\r\n")
	if t == "" || t[0] != '{' && t[0] != '[' && t[0] != '"' {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(t))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() || strings.TrimSpace(t[d.InputOffset():]) != "" || twice(t) {
		return nil, false
	}
	return v, true
}

// twice reports whether an object of a JSON text has a key twice, which a decoder would not
// tell: such a text stays text. Texts of a record that nest too deep do, too.
func twice(s string) bool {
	d := json.NewDecoder(strings.NewReader(s))
	type frame struct {
		keys  map[string]bool
		isKey bool
	}
	var stack []frame
	for {
		t, err := d.Token()
		if err != nil {
			return false
		}
		top := len(stack) - 1
		if top >= 0 && stack[top].keys != nil && stack[top].isKey {
			if k, ok := t.(string); ok {
				if stack[top].keys[k] {
					return true
				}
				stack[top].keys[k], stack[top].isKey = true, false
				continue
			}
		}
		switch t {
		case json.Delim('{'):
			stack = append(stack, frame{keys: map[string]bool{}, isKey: true})
		case json.Delim('['):
			stack = append(stack, frame{})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:top]
			top--
			if top >= 0 {
				stack[top].isKey = stack[top].keys != nil
			}
		default:
			if top >= 0 {
				stack[top].isKey = stack[top].keys != nil
			}
		}
		if len(stack) > 90 {
			return true
		}
	}
}

func (w *walker) value(v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeInt:
		w.add(json.Number(strconv.FormatInt(v.Int(), 10)))
	case pcommon.ValueTypeDouble:
		if x := v.Double(); !math.IsNaN(x) && !math.IsInf(x, 0) {
			w.add(x)
		}
	case pcommon.ValueTypeStr:
		w.json(v.Str(), 0)
	case pcommon.ValueTypeMap, pcommon.ValueTypeSlice:
		raw, err := json.Marshal(v.AsRaw())
		if err != nil {
			return // a NaN within
		}
		d := json.NewDecoder(strings.NewReader(string(raw)))
		d.UseNumber()
		var in any
		if d.Decode(&in) == nil {
			w.json(in, 0)
		}
	default:
		w.json(v.AsRaw(), 0)
	}
}

func (w *walker) attributes(prefix string, m pcommon.Map) {
	seen := map[string]bool{}
	for k, v := range m.All() {
		if seen[k] {
			continue
		}
		seen[k] = true
		if s := v.AsString(); v.Type() == pcommon.ValueTypeStr && (strings.HasSuffix(k, ".role") || strings.HasSuffix(k, ".type")) && len(s) < 40 && !strings.Contains(s, " ") {
			continue // names the shape of a message in several keys
		}
		w.key = prefix + k
		w.value(v)
	}
}

// OfSpan are the leaves of a span.
func OfSpan(s ptrace.Span) []Leaf {
	w := &walker{}
	w.attributes("", s.Attributes())
	for _, e := range s.Events().All() {
		w.attributes(e.Name()+"\t", e.Attributes())
	}
	for _, l := range s.Links().All() {
		w.attributes("links\t", l.Attributes())
		w.key = "links"
		w.add(l.SpanID().String())
		w.add(l.TraceID().String())
	}
	if m := s.Status().Message(); m != "" {
		w.key = "status"
		w.add(m)
	}
	return w.leaves
}

// OfLog are the leaves of a log record.
func OfLog(r plog.LogRecord) []Leaf {
	w := &walker{}
	w.attributes("", r.Attributes())
	w.key = "body"
	for _, name := range []string{r.EventName(), attribute(r, "event.name"), attribute(r, "event_name")} {
		if name != "" && !strings.Contains(name, " ") && len(name) < 128 && strings.HasSuffix(r.Body().AsString(), name) {
			return w.leaves // the body is the name of the record
		}
	}
	w.value(r.Body())
	return w.leaves
}

func attribute(r plog.LogRecord, key string) string {
	if v, ok := r.Attributes().Get(key); ok {
		return v.AsString()
	}
	return ""
}

// OfResource are the leaves of a resource that are kept.
func OfResource(m pcommon.Map) []Leaf {
	w := &walker{}
	for k, v := range m.All() {
		if w.key = k; !record.OfMachine(k) {
			w.value(v)
		}
	}
	return w.leaves
}

// Lines are the texts, numbers and truth values that stand in the lines of events.
type Lines struct {
	texts, numbers map[string]bool
	all            strings.Builder
	dialects       []*dialect.Dialect
}

// Read takes in lines.
func Read(lines [][]byte) (*Lines, error) {
	l := &Lines{texts: map[string]bool{}, numbers: map[string]bool{}}
	for _, line := range lines {
		d := json.NewDecoder(strings.NewReader(string(line)))
		d.UseNumber()
		var e map[string]any
		if err := d.Decode(&e); err != nil {
			return nil, fmt.Errorf("line %q: %w", line, err)
		}
		l.walk(e, 0)
		source, _ := e["source"].(map[string]any)
		for _, d := range dialect.All() {
			if d.Name == source["dialect"] {
				l.dialects = append(l.dialects, d)
			}
		}
	}
	return l, nil
}

func (l *Lines) walk(v any, opened int) {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			l.walk(x, opened)
		}
	case []any:
		for _, x := range v {
			l.walk(x, opened)
		}
	case string:
		l.texts[v] = true
		l.all.WriteString(v)
		l.all.WriteByte(0)
		if t, err := time.Parse(time.RFC3339Nano, v); err == nil {
			l.numbers["time "+strconv.FormatInt(t.UnixNano(), 10)] = true
		}
		if in, ok := open(v); ok && opened < maxOpened+1 {
			l.walk(in, opened+1)
		}
	case json.Number:
		l.numbers[number(v.String())] = true
		l.texts[v.String()] = true
	case bool:
		l.texts[strconv.FormatBool(v)] = true
	}
}

func number(s string) string {
	if x, err := strconv.ParseFloat(s, 64); err == nil && (len(s) <= 15 || strings.ContainsAny(s, ".eE")) {
		return strconv.FormatFloat(x, 'g', -1, 64)
	}
	return s
}

// Lost are the leaves that the lines have nowhere: neither in a field, nor under content, nor
// as the hash of a system text, and under a key that their dialect does not ignore.
func (l *Lines) Lost(leaves []Leaf) (lost []Leaf) {
	for _, x := range leaves {
		if !l.has(x) {
			lost = append(lost, x)
		}
	}
	return lost
}

func (l *Lines) has(x Leaf) bool {
	name, key, of := strings.Cut(x.Key, "\t")
	if !of {
		name, key = "", name
	}
	for _, text := range x.in {
		if l.hashed(text) {
			return true // as a part of a system text
		}
	}
	for _, d := range l.dialects {
		if record.IgnoredBy(d.Ignore, key) || name != "" && record.IgnoredBy(d.Ignore, name) {
			return true
		}
	}
	switch v := x.Value.(type) {
	case bool:
		return l.texts[strconv.FormatBool(v)] || l.hashed(strconv.FormatBool(v))
	case json.Number:
		return l.numbers[number(v.String())] || l.texts[v.String()] || l.hashed(v.String())
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		return l.numbers[text] || l.texts[text] || l.hashed(text)
	case string:
		return l.hasText(string([]rune(v)), v)
	}
	return false
}

// hashed reports whether the digest of a text stands in the lines.
func (l *Lines) hashed(s string) bool {
	sum := sha256.Sum256([]byte(string([]rune(s))))
	return strings.Contains(l.all.String(), hex.EncodeToString(sum[:]))
}

// marker is what stands for a system text within another text.
var marker = regexp.MustCompile(`'?\[system prompt[^\]]*\]'?`)

// hidden reports whether a text stands in the lines but for the system texts in it.
func (l *Lines) hidden(s string) bool {
	for text := range l.texts {
		parts := marker.Split(text, -1)
		if len(parts) < 2 || len(parts[0]) < 8 || !strings.HasPrefix(s, parts[0]) || !strings.HasSuffix(s, parts[len(parts)-1]) {
			continue
		}
		at := 0
		for _, p := range parts {
			i := strings.Index(s[at:], p)
			if i < 0 {
				at = -1
				break
			}
			at += i + len(p)
		}
		if at >= 0 {
			return true
		}
	}
	return false
}

func (l *Lines) hasText(s, raw string) bool {
	switch {
	case l.texts[s] || chat.Withheld(raw) || strings.Contains(l.all.String(), s) || l.hashed(s):
		return true
	case strings.Contains(l.all.String(), string([]rune(raw))):
		return true
	case l.hidden(s):
		return true
	case len(s) <= 64 && (l.texts[strings.ToLower(s)] || l.numbers[number(s)]):
		return true
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	return err == nil && l.numbers["time "+strconv.FormatInt(t.UnixNano(), 10)]
}
