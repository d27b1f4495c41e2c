package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/agentaudit/otelcol-agentaudit/internal/terminal"
	"github.com/agentaudit/otelcol-agentaudit/internal/termsafe"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// promptUse is a system prompt of a session.
type promptUse struct {
	Hash   string   `json:"system_prompt_hash"`
	Calls  int      `json:"model_calls"`
	First  string   `json:"first_event"`
	Agents []string `json:"agents,omitempty"`
	Stored bool     `json:"stored"`
	Text   string   `json:"text,omitempty"`
	// Plain is set where it is known that the hash is a SHA-256 and no HMAC: the text is stored,
	// or an event says so in its place.
	Plain bool `json:"sha256"`
}

func promptCmd() *cobra.Command {
	var x sessionCall
	var file, key string
	cmd := &cobra.Command{
		Use:   "prompt SESSION s3://BUCKET/PREFIX | DIR",
		Short: "Show the system prompts of a session, or ask whether it was a text",
		Long: `Show the system prompts of a session: their hashes, of how many model calls, and the text
where it is stored with the trail, once its hash was checked. With --file, say whether the
model calls of the session had that text: to the letter, but for a line break at its end.
Where the collector hashed with a key (system_prompt::hmac_key), give it with --hmac-key.

Exit codes: 0 shown, or it was that text; 1 it was not, or something of the trail does not
hold; 2 it could not be read or cannot be known, there is no such session, or no model call of
it tells a prompt.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return x.read(cmd, args[1], args[:1], func(w io.Writer, on terminal.Terminal, r ledger.Reader, list []*trail.Trail) error {
				uses, without, err := promptUses(list[0], promptsOf(cmd.Context(), r))
				switch {
				case err != nil:
					return err
				case len(uses) == 0:
					return fmt.Errorf("none of the %s of this session tells a system prompt: it was not captured", plural(without, "model call"))
				case file != "":
					return isPrompt(w, file, key, uses, without)
				case x.output == "json":
					return writeJSON(w, uses)
				}
				writePrompts(w, on, uses, without)
				return nil
			})
		},
	}
	x.add(cmd, "table", "json")
	cmd.Flags().StringVar(&file, "file", "", "`file` with a text: was it this one?")
	cmd.Flags().StringVar(&key, "hmac-key", "", "`file` with the key of system_prompt::hmac_key, as it is configured")
	return cmd
}

// promptUses are the system prompts of a session, and how many model calls tell none.
func promptUses(t *trail.Trail, stored func(hash string) (string, bool, error)) (list []*promptUse, without int, err error) {
	by := map[string]*promptUse{}
	for _, e := range t.Events {
		w := trail.Complete(e)
		if w.EventType != semconv.TypeLLMCall {
			continue
		}
		if w.SystemPromptHash == "" {
			without++
			continue
		}
		u := by[w.SystemPromptHash]
		if u == nil {
			u = &promptUse{Hash: w.SystemPromptHash, First: e.EventID}
			if u.Text, u.Stored, err = stored(u.Hash); err != nil {
				return nil, 0, err
			}
			u.Plain = u.Stored
			by[u.Hash], list = u, append(list, u)
		}
		u.Calls++
		u.Plain = u.Plain || bytes.Contains(e.Line, []byte("[system prompt sha256:"+u.Hash))
		if a := trail.Agent(w); a != "" && (len(u.Agents) == 0 || u.Agents[len(u.Agents)-1] != a) && len(u.Agents) < 8 {
			u.Agents = append(u.Agents, a)
		}
	}
	return list, without, nil
}

func writePrompts(w io.Writer, on terminal.Terminal, uses []*promptUse, without int) {
	for i, u := range uses {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, on.Paint("1", "system prompt "+termsafe.Line(u.Hash)))
		fmt.Fprintf(w, "of %s from event %s on · agent %s\n", plural(u.Calls, "model call"), termsafe.Line(u.First),
			termsafe.Line(strings.Join(u.Agents, ", ")))
		if !u.Stored {
			fmt.Fprintln(w, "its text is not stored with the trail (the processor's system_prompt::mode store does it); --file compares one that you have")
			continue
		}
		fmt.Fprintln(w)
		for line := range strings.SplitSeq(u.Text, "\n") {
			fmt.Fprintln(w, termsafe.Line(line))
		}
	}
	if without > 0 {
		fmt.Fprintf(w, "\n%s tell no system prompt\n", plural(without, "model call"))
	}
}

// isPrompt says whether the text of a file is a system prompt of the session.
func isPrompt(w io.Writer, file, keyFile string, uses []*promptUse, without int) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("--file: %w", err)
	}
	var key []byte
	if keyFile != "" {
		if key, err = os.ReadFile(keyFile); err != nil {
			return fmt.Errorf("--hmac-key: %w", err)
		}
		key = bytes.TrimRight(key, "\r\n")
	}
	bare := strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r")
	for _, form := range []string{string(text), bare} {
		for _, u := range uses {
			var kind string
			switch u.Hash {
			case plainHash(form):
				kind = "SHA-256"
			case keyedHash(key, form):
				kind = "HMAC-SHA256"
			default:
				continue
			}
			fmt.Fprintf(w, "yes: %s, from event %s on, had this text, %s %s\n", plural(u.Calls, "model call"),
				termsafe.Line(u.First), kind, u.Hash)
			if more := others(uses, u, without); more != "" {
				fmt.Fprintln(w, more)
			}
			return nil
		}
	}
	known := !slices.ContainsFunc(uses, func(u *promptUse) bool { return !u.Plain })
	if known {
		fmt.Fprintf(w, "no: this text has the SHA-256 %s; the session had\n", plainHash(bare))
	} else {
		fmt.Fprintf(w, "cannot be known: this text has the SHA-256 %s, and events do not tell whether their hashes were made with "+
			"a key (system_prompt::hmac_key), and with which; the session had\n", plainHash(bare))
	}
	for _, u := range uses {
		fmt.Fprintf(w, "  %s, %s\n", termsafe.Line(u.Hash), plural(u.Calls, "model call"))
	}
	if without > 0 {
		fmt.Fprintf(w, "of %s it is not known: they tell none\n", plural(without, "model call"))
	}
	if !known {
		return exitError(2)
	}
	return exitError(1)
}

func plainHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// keyedHash is the hash with a key, "" without one.
func keyedHash(key []byte, text string) string {
	if len(key) == 0 {
		return ""
	}
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// others says how many model calls had another prompt, or tell none.
func others(uses []*promptUse, of *promptUse, without int) string {
	n := 0
	for _, u := range uses {
		if u != of {
			n += u.Calls
		}
	}
	if n+without == 0 {
		return ""
	}
	return fmt.Sprintf("%s had another, %d tell none", plural(n, "model call"), without)
}
