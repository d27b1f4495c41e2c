package dialect

import (
	"cmp"
	"regexp"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// failure reads the status, the exception and error.type.
func (e *Draft) failure() {
	r := e.Record
	errType := r.TakeText("error.type")
	if !r.Failed && r.Exception == (record.Exception{}) && errType == "" {
		return
	}
	e.Error = cmp.Or(e.Error, r.StatusText, r.Exception.Message, r.TakeText("error.message"), errType, r.Exception.Type, "error")
	e.ErrorType = cmp.Or(e.ErrorType, errType, r.Exception.Type)
	e.Stack = r.Exception.Stack
	if e.Outcome == "" {
		e.Outcome = semconv.OutcomeError
	}
}

// fail notes a failure that only an attribute tells of.
func (e *Draft) fail(text string) {
	if e.Error == "" || e.Error == "error" {
		e.Error = text
	}
	if e.Outcome == "" {
		e.Outcome = semconv.OutcomeError
	}
}

// limits are the words by which frameworks say that a run was stopped.
var limits = []struct {
	reason string
	words  *regexp.Regexp
}{
	{"max_iterations", regexp.MustCompile(`(?i)recursion.?limit|max(imum)?[ _]?(number of )?(turns|iterations|steps)|(turn|iteration|step)s? limit`)},
	{"deadline", regexp.MustCompile(`(?i)deadline[ _]?exceeded|execution timed? ?out|run timed? ?out|max(imum)? execution time`)},
}

// limit is the reason of session_timeout that an error of a run stands for, or "".
func limit(texts ...string) string {
	for _, t := range texts {
		for _, l := range limits {
			if l.words.MatchString(t[:min(len(t), 2000)]) {
				return l.reason
			}
		}
	}
	return ""
}
