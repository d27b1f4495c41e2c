package mapping

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/processor/agentauditprocessor"
)

// Explain writes how the records of the requests in r are read, each alone: by which dialect,
// which key gave which field, and what is left. Of an id only the records of that span, or of
// those whose ids begin so. It reports how many it explained.
func Explain(w io.Writer, r io.Reader, id string) (n int, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<20), maxLine)
	for at := 1; lines.Scan(); at++ {
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 {
			continue
		}
		td, ld, err := requests(line)
		if err != nil {
			return n, fmt.Errorf("line %d: %w", at, err)
		}
		list := append(agentauditprocessor.ExplainTraces(td, id), agentauditprocessor.ExplainLogs(ld, id)...)
		for i := range list {
			explain(w, &list[i])
			n++
		}
	}
	return n, lines.Err()
}

func explain(w io.Writer, x *agentauditprocessor.Explanation) {
	safe := func(s string) string { return termsafe.Short(s, 120) }
	fmt.Fprintf(w, "%s %s %s, scope %s %s\n", x.Signal, x.SpanID, safe(x.Name), safe(x.Scope), safe(x.Version))
	if x.Dialect == "" {
		fmt.Fprint(w, "  no dialect recognises it: it gives no event\n\n")
		return
	}
	as := x.Type
	if as == "" {
		as = "no event: other records tell what it tells"
	}
	fmt.Fprintf(w, "  read as %s by %s (%s)\n", as, x.Dialect, x.Title)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, key := range x.RecognisedBy {
		fmt.Fprintf(t, "  recognised by\t%s\n", safe(key))
	}
	for _, f := range x.Fields {
		from := "(follows from other fields)"
		if len(f.Keys) > 0 {
			keys := make([]string, len(f.Keys))
			for i, k := range f.Keys {
				keys[i] = safe(k)
			}
			from = strings.Join(keys, ", ")
		}
		fmt.Fprintf(t, "  %s\t%s\n", f.Field, from)
	}
	for _, i := range x.LeftOut {
		fmt.Fprintf(t, "  left out\t%s: %s\n", safe(i[0]), i[1])
	}
	for _, key := range x.Kept {
		fmt.Fprintf(t, "  under content, where no field says it\t%s\n", safe(key))
	}
	_ = t.Flush()
	fmt.Fprintln(w)
}
