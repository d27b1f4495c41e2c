package trail

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"unique"

	"github.com/agentaudit/otelcol-agentaudit/internal/resolve"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// Whole is a trail, or what of it was sealed in some time, as readers show it. A run's facts
// may be sealed last, so all of it is read first: its lines lie in a temporary file, which has
// no name, and memory has a kilobyte or two for each event.
type Whole struct {
	shown []resolve.Shown
	at    []lineAt
	lines *os.File
}

// lineAt is where a line is sealed, and where it lies in the file.
type lineAt struct {
	log, object, writer string
	seq                 int64
	n                   int
	from, size          int64
}

// ReadWhole reads and verifies what o asks for. What does not hold, or is told in two ways, is
// noted and is not among the events; an error means that nothing can be said. The answer is to
// be closed.
func ReadWhole(ctx context.Context, r ledger.Reader, o ledger.ReadOptions, note func(*ledger.Finding)) (*Whole, error) {
	f, err := os.CreateTemp("", "agentaudit-read-*")
	if err != nil {
		return nil, fmt.Errorf("no room for the lines: %w", err)
	}
	_ = os.Remove(f.Name()) // where it cannot be removed while open, Close removes it
	w := &Whole{lines: f}
	if err := w.read(ctx, r, o, note); err != nil {
		w.Close()
		return nil, err
	}
	return w, nil
}

// Close lets go of the lines.
func (w *Whole) Close() {
	_ = w.lines.Close()
	_ = os.Remove(w.lines.Name())
}

func (w *Whole) read(ctx context.Context, r ledger.Reader, o ledger.ReadOptions, note func(*ledger.Finding)) error {
	var list []resolve.Outline
	var problems []error
	out := bufio.NewWriterSize(w.lines, 1<<20)
	end := int64(0)
	for l, err := range ledger.Events(ctx, r, o) {
		if f, ok := err.(*ledger.Finding); ok { //nolint:errorlint // Events gives it as it is
			note(f)
			problems = append(problems, f)
			continue
		}
		if err != nil {
			return Unsigned(err, problems)
		}
		e, err := semconv.ParseLine(l.Line)
		if err != nil {
			note(LineFinding(&l, err))
			continue
		}
		if _, err := out.Write(l.Line); err != nil {
			return fmt.Errorf("no room for the lines: %w", err)
		}
		list = append(list, resolve.NewOutline(e, l.Line))
		w.at = append(w.at, lineAt{
			log: one(l.Log), object: one(l.Object), writer: one(l.Writer), seq: l.Seq, n: l.N, from: end, size: int64(len(l.Line)),
		})
		end += int64(len(l.Line))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("no room for the lines: %w", err)
	}
	w.shown = resolve.Show(list)
	return w.reused(note)
}

// one is a text that many lines have, held once.
func one(s string) string { return unique.Make(s).Value() }

// reused notes the ids that have two contents.
func (w *Whole) reused(note func(*ledger.Finding)) error {
	for i := range w.shown {
		s := &w.shown[i]
		if s.Reused < 0 {
			continue
		}
		e, err := w.event(s.At)
		if err != nil {
			return err
		}
		before, err := w.event(s.Reused)
		if err != nil {
			return err
		}
		note(reused(e, before))
	}
	return nil
}

// All is every event, in the one order, with its layers; messages stand for themselves.
func (w *Whole) All() iter.Seq2[*Event, error] {
	return func(yield func(*Event, error) bool) {
		for i := range w.shown {
			e, err := shownAs(&w.shown[i], w.event)
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// Places are where the lines that were read are sealed, in the order in which they were read.
func (w *Whole) Places() iter.Seq[resolve.Place] {
	return func(yield func(resolve.Place) bool) {
		for i := range w.at {
			if !yield(resolve.Place{Log: w.at[i].log, Object: w.at[i].object, Line: w.at[i].n}) {
				return
			}
		}
	}
}

func (w *Whole) event(i int) (*Event, error) {
	at := &w.at[i]
	line := make([]byte, at.size)
	if _, err := io.ReadFull(io.NewSectionReader(w.lines, at.from, at.size), line); err != nil {
		return nil, fmt.Errorf("the lines that were read cannot be read again: %w", err)
	}
	e, err := semconv.ParseLine(line)
	if err != nil {
		return nil, err
	}
	return newEvent(e, &ledger.EventLine{Line: line, Log: at.log, Seq: at.seq, Object: at.object, N: at.n, Writer: at.writer}), nil
}
