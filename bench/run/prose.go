//go:build linux

package main

import (
	"math/rand/v2"
	"regexp"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// prose is a word of a sentence: what stands between spaces, and so is no key, id or JSON.
var prose = regexp.MustCompile(` [a-z]{4,}[ ,.]`)

// reword draws the words of the sentences in a request anew, each word the same way wherever
// it stands in it: a text that comes back in a history stays the text that it was, and no two
// requests hold the same.
func reword(td ptrace.Traces, vocabulary []string, rng *rand.Rand) {
	drawn := map[string]string{}
	draw := func(text string) string {
		// What ends a word begins the next: twice, for all of them.
		for range 2 {
			text = prose.ReplaceAllStringFunc(text, func(found string) string {
				word, end := found[1:len(found)-1], found[len(found)-1:]
				if word[0] == 'z' { // drawn already
					return found
				}
				with, ok := drawn[word]
				if !ok {
					with = "z" + vocabulary[rng.IntN(len(vocabulary))]
					drawn[word] = with
				}
				return " " + with + end
			})
		}
		return text
	}
	var walk func(v pcommon.Value)
	walk = func(v pcommon.Value) {
		switch v.Type() {
		case pcommon.ValueTypeStr:
			v.SetStr(draw(v.Str()))
		case pcommon.ValueTypeSlice:
			for _, e := range v.Slice().All() {
				walk(e)
			}
		case pcommon.ValueTypeMap:
			for _, e := range v.Map().All() {
				walk(e)
			}
		}
	}
	for _, rs := range td.ResourceSpans().All() {
		for _, ss := range rs.ScopeSpans().All() {
			for _, s := range ss.Spans().All() {
				for _, v := range s.Attributes().All() {
					walk(v)
				}
				for _, e := range s.Events().All() {
					for _, v := range e.Attributes().All() {
						walk(v)
					}
				}
			}
		}
	}
}

// lowercase are the words of the vocabulary that may stand for another in a sentence.
func lowercase(vocabulary []string) (list []string) {
	word := regexp.MustCompile(`^[a-z]{3,}$`)
	for _, w := range vocabulary {
		if word.MatchString(w) {
			list = append(list, w)
		}
	}
	return list
}
