package dialect

import (
	"cmp"
	"regexp"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor/internal/record"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// failure reads the status, the exception and error.type.
func (e *Draft) failure() {
	r := e.Record
	errType := r.TakeText("error.type", "span.error.type")
	if r.Exception == (record.Exception{}) && !r.Succeeded { // some put its attributes on the record itself
		r.Exception = record.Exception{Type: r.TakeText("exception.type"), Message: r.TakeText("exception.message"), Stack: r.TakeText("exception.stacktrace", "span.error.stack")}
	}
	message := r.TakeText("error.message", "span.error.message", "otel.status_message")
	if !r.Failed && r.Exception == (record.Exception{}) && errType == "" && (message == "" || r.Succeeded) {
		return
	}
	e.Error = cmp.Or(e.Error, spoken(r.StatusText), r.Exception.Message, message, r.StatusText, errType, r.Exception.Type, "error")
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

// spoken is the text of a status, unless it only says that there was an error.
func spoken(status string) string {
	switch strings.ToLower(strings.Trim(status, " .!")) {
	case "error", "failed", "failure", "internal", "unknown", "internal error", "unknown error", "an error occurred", "exception":
		return ""
	}
	return status
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
