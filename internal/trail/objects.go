package trail

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Objects tells want the keys of all objects that Read reads for a session, and of the
// texts and prompts that the events of it name. Whether a key signed the manifests is not
// asked: of one that nobody signed too much is told, and never too little.
func Objects(ctx context.Context, r ledger.Reader, manifests func() iter.Seq2[*ledger.Manifest, error], session string, want func(key string)) error {
	if session == "" {
		return errors.New("no session: give the id of a session")
	}
	s := &selection{session: session, wanted: ledger.NewSessionIDs(session), texts: map[string]bool{}, done: map[string]bool{}}
	for range maxRounds {
		found := s.wanted.Len()
		for m, err := range manifests() {
			if err != nil {
				return err
			}
			for i := range m.Predicate.Objects {
				if err := s.object(ctx, r, m, &m.Predicate.Objects[i], want); err != nil {
					return err
				}
			}
		}
		if !s.named {
			return fmt.Errorf("no event says that it is of session %q: bound the copy by --since and --until instead", session)
		}
		if s.wanted.Len() == found {
			break
		}
		clear(s.done) // the events of the new runs are looked for in all of them
	}
	// Where there are new runs after all rounds, somebody laid them there: Read goes no further.
	for m, err := range manifests() {
		if err != nil {
			return err
		}
		for i := range m.Predicate.Objects {
			if key := m.Predicate.Objects[i].Key; s.texts[textOf(key)] {
				want(key)
			}
		}
	}
	return nil
}

// selection is what was found of a session.
type selection struct {
	session string
	wanted  *ledger.SessionIDs // the session and its runs
	texts   map[string]bool    // digests of full texts and prompts
	done    map[string]bool    // objects that were read
	named   bool               // an event says itself that it is of the session
}

// object looks for events of the session in an object that may hold some.
func (s *selection) object(ctx context.Context, r ledger.Reader, m *ledger.Manifest, o *ledger.Object, want func(key string)) error {
	if s.done[o.Key+o.SHA256] || !s.wanted.In(&o.Sessions) {
		return nil
	}
	s.done[o.Key+o.SHA256] = true
	want(o.Key)
	err := ledger.ReadObject(ctx, r, m, o, func(l ledger.EventLine) {
		e, err := semconv.ParseLine(l.Line)
		if err != nil || !belongs(e, s.session, s.wanted) {
			return
		}
		s.named = s.named || e.SessionID == s.session && !slices.Contains(e.DerivedFields, "session_id")
		if e.RunID != "" {
			s.wanted.Add(e.RunID)
		}
		for _, mark := range (&Event{Event: e}).shortened() {
			s.texts[mark.SHA256] = true
		}
		if e.SystemPromptHash != "" {
			s.texts[e.SystemPromptHash] = true
		}
	})
	var f *ledger.Finding
	if errors.As(err, &f) {
		return nil // the copy holds what is there, and verification says what is wrong
	}
	return err
}

// textOf is the digest in the key of a full text or of a prompt; "" for none.
func textOf(key string) string {
	if _, kind := ledger.ParseObjectKey(key); kind != ledger.ObjectBlob && kind != ledger.ObjectPrompt {
		return ""
	}
	digest, _, _ := strings.Cut(path.Base(key), ".")
	return digest
}
