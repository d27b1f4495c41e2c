// Package pytext reads what Python prints of values: some instrumentations send repr() or
// str() of an object in the place of JSON. Only a text whose whole grammar is plain is
// read: literals, containers of them, and the printed form of a class, Name(key=value, …),
// which becomes an object of its keys; an enumeration's <Name.MEMBER: value> becomes the
// value. Grammar: docs.python.org/3/reference/lexical_analysis.html#literals.
package pytext

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/agentaudit/otelcol-agentaudit/internal/jsontext"
)

// Class is the key under which the object of a printed class has the name of the class.
const Class = "__class__"

// maxDepth bounds nesting.
const maxDepth = 64

// JSON is the value that Python printed, as JSON; false where the text is not, as a whole,
// a printed container or class. A bare literal is text like any other, and is not read.
func JSON(s string) (string, bool) {
	s = strings.TrimSpace(s)
	if !looksPrinted(s) {
		return "", false
	}
	p := parser{src: s, out: make([]byte, 0, len(s)+16)}
	if !p.value(0) {
		return "", false
	}
	if p.space(); p.at != len(p.src) {
		return "", false
	}
	return string(p.out), true
}

// Printed reports whether a text is the printed form of a class, as far as its beginning
// tells: Name(key=
func Printed(s string) bool {
	name := identifier(s)
	if name == "" || !strings.HasPrefix(s[len(name):], "(") {
		return false
	}
	rest := s[len(name)+1:]
	key := identifier(rest)
	return key != "" && strings.HasPrefix(rest[len(key):], "=")
}

func looksPrinted(s string) bool {
	if s == "" {
		return false
	}
	switch s[0] {
	case '{', '[', '(':
		return len(s) > 1
	}
	return Printed(s)
}

// identifier is the name that a text begins with; dots join names.
func identifier(s string) string {
	i := 0
	for i < len(s) && (s[i] == '_' || s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || i > 0 && (s[i] >= '0' && s[i] <= '9' || s[i] == '.')) {
		i++
	}
	return s[:i]
}

type parser struct {
	src string
	at  int
	out []byte
}

func (p *parser) space() {
	for p.at < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.at]) >= 0 {
		p.at++
	}
}

// is skips space and the byte, where that is next.
func (p *parser) is(b byte) bool {
	p.space()
	if p.at < len(p.src) && p.src[p.at] == b {
		p.at++
		return true
	}
	return false
}

func (p *parser) value(depth int) bool {
	p.space()
	if depth > maxDepth || p.at >= len(p.src) {
		return false
	}
	switch b := p.src[p.at]; {
	case b == '{':
		p.at++
		return p.braces(depth)
	case b == '[':
		p.at++
		return p.list(']', depth)
	case b == '(':
		p.at++
		return p.list(')', depth)
	case b == '\'' || b == '"':
		return p.texts()
	case b == '<':
		return p.enumeration(depth)
	case b == '-' || b >= '0' && b <= '9':
		return p.number()
	}
	return p.word(depth)
}

// list reads the elements of a list or a tuple, behind its opening bracket.
func (p *parser) list(end byte, depth int) bool {
	p.out = append(p.out, '[')
	for n := 0; !p.is(end); n++ {
		if n > 0 {
			if !p.is(',') {
				return false
			}
			if p.is(end) { // only a tuple of one is printed so
				if end == ')' && n == 1 {
					break
				}
				return false
			}
			p.out = append(p.out, ',')
		}
		if !p.value(depth + 1) {
			return false
		}
	}
	p.out = append(p.out, ']')
	return true
}

// braces reads a dictionary, behind its opening brace.
func (p *parser) braces(depth int) bool {
	p.out = append(p.out, '{')
	var keys jsontext.Keys
	for n := 0; !p.is('}'); n++ {
		if n > 0 {
			if !p.is(',') {
				return false
			}
			p.out = append(p.out, ',')
		}
		key, ok := p.key(depth)
		if !ok || !p.is(':') {
			return false
		}
		p.out = append(jsontext.AppendString(p.out, keys.Add(key)), ':')
		if !p.value(depth + 1) {
			return false
		}
	}
	p.out = append(p.out, '}')
	return true
}

// key is the key of a dictionary as text.
func (p *parser) key(depth int) (string, bool) {
	from := len(p.out)
	if !p.value(depth + 1) {
		return "", false
	}
	raw := string(p.out[from:])
	p.out = p.out[:from]
	if raw[0] == '"' {
		return jsontext.ParseString(raw)
	}
	return raw, raw[0] != '{' && raw[0] != '['
}

// texts reads strings that stand next to each other.
func (p *parser) texts() bool {
	var b strings.Builder
	for {
		if !p.text(&b) {
			return false
		}
		if p.space(); p.at >= len(p.src) || p.src[p.at] != '\'' && p.src[p.at] != '"' {
			break
		}
	}
	p.out = jsontext.AppendString(p.out, b.String())
	return true
}

func (p *parser) text(b *strings.Builder) bool {
	quote := p.src[p.at]
	p.at++
	for p.at < len(p.src) {
		switch c := p.src[p.at]; c {
		case quote:
			p.at++
			return true
		case '\\':
			p.at++
			if !p.escape(b) {
				return false
			}
		default:
			b.WriteByte(c)
			p.at++
		}
	}
	return false
}

// escape reads what stands behind a backslash.
func (p *parser) escape(b *strings.Builder) bool {
	if p.at >= len(p.src) {
		return false
	}
	c := p.src[p.at]
	p.at++
	switch c {
	case 'n':
		b.WriteByte('\n')
	case 't':
		b.WriteByte('\t')
	case 'r':
		b.WriteByte('\r')
	case '\\', '\'', '"':
		b.WriteByte(c)
	case 'x', 'u', 'U':
		size := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
		if p.at+size > len(p.src) {
			return false
		}
		n, err := strconv.ParseUint(p.src[p.at:p.at+size], 16, 32)
		if err != nil || n > utf8.MaxRune {
			return false
		}
		b.WriteRune(rune(n))
		p.at += size
	default:
		return false
	}
	return true
}

func (p *parser) number() bool {
	from := p.at
	for p.at < len(p.src) && strings.IndexByte("+-.eE0123456789", p.src[p.at]) >= 0 {
		p.at++
	}
	text := p.src[from:p.at]
	canonical, ok := jsontext.Canonical(text)
	if digits := strings.TrimLeft(text, "+-"); !ok && (len(digits) < 2 || digits[0] != '0' || digits[1] < '0' || digits[1] > '9') { // nothing prints 007
		if f, err := strconv.ParseFloat(text, 64); err == nil { // 1. and .5
			canonical, ok = jsontext.Canonical(strconv.FormatFloat(f, 'g', -1, 64))
		}
	}
	p.out = append(p.out, canonical...)
	return ok
}

// enumeration reads <Name.MEMBER: value>; of other objects in angle brackets the text is
// the value.
func (p *parser) enumeration(depth int) bool {
	from := p.at
	p.at++
	if name := identifier(p.src[p.at:]); name != "" && strings.HasPrefix(p.src[p.at+len(name):], ": ") {
		p.at += len(name) + 1
		if p.value(depth+1) && p.is('>') {
			return true
		}
		return false
	}
	end := strings.IndexByte(p.src[p.at:], '>')
	if end < 0 || strings.ContainsAny(p.src[p.at:p.at+end], "<'\"(){}[]") {
		return false
	}
	p.at += end + 1
	p.out = jsontext.AppendString(p.out, p.src[from:p.at])
	return true
}

// word reads a constant, the printed form of a class, or a name such as Role.USER.
func (p *parser) word(depth int) bool {
	name := identifier(p.src[p.at:])
	if name == "" {
		return false
	}
	p.at += len(name)
	switch name {
	case "None":
		p.out = append(p.out, "null"...)
		return true
	case "True":
		p.out = append(p.out, "true"...)
		return true
	case "False":
		p.out = append(p.out, "false"...)
		return true
	}
	if p.at < len(p.src) && (p.src[p.at] == '\'' || p.src[p.at] == '"') && (name == "b" || name == "r" || name == "u") {
		return p.texts()
	}
	if p.at >= len(p.src) || p.src[p.at] != '(' {
		p.out = jsontext.AppendString(p.out, name)
		return strings.Contains(name, ".")
	}
	p.at++
	return p.class(name, depth)
}

// class reads the members of a class, behind its opening bracket.
func (p *parser) class(name string, depth int) bool {
	p.out = jsontext.AppendString(append(jsontext.AppendString(append(p.out, '{'), Class), ':'), name)
	var keys jsontext.Keys
	keys.Add(Class)
	for n := 0; !p.is(')'); n++ {
		if n > 0 && !p.is(',') {
			return false
		}
		p.space()
		key := identifier(p.src[p.at:])
		if key != "" && strings.HasPrefix(p.src[p.at+len(key):], "=") {
			p.at += len(key) + 1
		} else { // a value without a name, as of datetime.datetime(2026, 1, 1)
			key = "_" + strconv.Itoa(n)
		}
		p.out = append(jsontext.AppendString(append(p.out, ','), keys.Add(key)), ':')
		if !p.value(depth + 1) {
			return false
		}
	}
	p.out = append(p.out, '}')
	return true
}
