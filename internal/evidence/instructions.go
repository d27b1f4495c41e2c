package evidence

import (
	"bytes"
	_ "embed" // the template below
	"fmt"
	"strings"
	"text/template"
)

//go:embed instructions.md
var instructionsText string

var instructionsTemplate = template.Must(template.New(verifyFile).Parse(instructionsText))

// instructions tells how to check a bundle with common tools.
func instructions(b *Bundle) []byte {
	var names []string
	n := 0
	for i := range b.Logs {
		names = append(names, b.Logs[i].Log)
		n += len(b.Logs[i].Lines)
	}
	// The session's name comes from telemetry: it is quoted, and opens no block.
	quote := func(s string) string { return strings.ReplaceAll(fmt.Sprintf("%q", s), "`", "'") }
	claim := fmt.Sprintf("It is to prove that %d events, told as of session %s, were sealed as they are here.",
		n, quote(b.Claim.Session))
	switch {
	case b.Claim.Kind == Absence:
		claim = fmt.Sprintf("It is to prove that no event of session %s was sealed in the time of the claim (`bundle.json`).",
			quote(b.Claim.Session))
	case b.Claim.Event != "":
		claim = fmt.Sprintf("It is to prove that event %s was sealed as it is here.", quote(b.Claim.Event))
	case len(b.Claim.Events) > 0:
		claim = fmt.Sprintf("It is to prove that %d events, whose ids the claim names (`bundle.json`), were sealed as they are here.",
			len(b.Claim.Events))
	}
	var out bytes.Buffer
	err := instructionsTemplate.Execute(&out, struct {
		Claim, Logs string
		Absence     bool
	}{claim, strings.Join(names, ", "), b.Claim.Kind == Absence})
	if err != nil {
		panic("bad template of " + verifyFile + ": " + err.Error())
	}
	return out.Bytes()
}
