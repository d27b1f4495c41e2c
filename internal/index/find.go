package index

import (
	"context"
	"errors"
	"fmt"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/internal/trail"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
	"github.com/agentaudit/otelcol-agentaudit/semconv"
)

// FindOptions say what is looked for.
type FindOptions struct {
	Keys    []ledger.PublicKey
	Value   string   // an id, or a word of what was said
	Checked *Checked // what of the index was held against the trail; nil for nothing
	Note    func(ledger.Finding)
}

// Found says how much an answer is worth.
type Found struct {
	Lines int
	// Unchecked are the files of the index that were not held against the trail: what they leave
	// out is not found, and nobody knows.
	Unchecked int
	// Checked is whether all that was looked into was held against the trail.
	Checked bool
	// Later are manifests behind what is indexed: their objects were read whole.
	Later int
	// Denied are lines that the index named and that do not say so: it is wrong.
	Denied int
	// Elsewhere are lines that the index named of objects that no manifest that was read names:
	// of a log that is not the user's, expired, or made up.
	Elsewhere int
	// Passed are logs of which no given key signed a manifest: nothing was looked for in them.
	Passed int
}

// Find gives the sealed lines that name a value. The index only says where to look: each line is
// read from its object, as its manifest signed it, and looked at again; what was sealed behind
// what is indexed is read from the trail.
func (x *Index) Find(ctx context.Context, r ledger.Reader, o FindOptions, found func(ledger.EventLine) error) (*Found, error) {
	if o.Value == "" {
		return nil, errors.New("there is nothing to look for")
	}
	s, err := x.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	if s.Number == 0 {
		return nil, errors.New("there is no index")
	}
	f := &finding{r: r, o: o, s: s, found: found, named: map[string]map[int64]bool{}, met: map[string]bool{}}
	if err := f.look(ctx, x); err != nil {
		return nil, err
	}
	logs, err := ledger.Logs(ctx, r)
	if err != nil {
		return nil, err
	}
	known := false
	for _, log := range logs {
		err := f.log(ctx, log)
		if errors.Is(err, ledger.ErrUnknownLog) {
			f.sum.Passed++ // planted, or not the user's
			continue
		}
		if err != nil {
			return nil, err
		}
		known = true
	}
	if !known {
		return nil, fmt.Errorf("of all logs of this trail %w", ledger.ErrUnknownLog)
	}
	for object, lines := range f.named {
		if f.met[object] {
			f.sum.Denied += len(lines)
		} else {
			f.sum.Elsewhere += len(lines)
		}
	}
	f.sum.Checked = o.Checked != nil && f.sum.Unchecked == 0
	return &f.sum, nil
}

// finding is a search under way.
type finding struct {
	r     ledger.Reader
	o     FindOptions
	s     *Snapshot
	found func(ledger.EventLine) error
	named map[string]map[int64]bool // by object the lines that the index names, until they are met
	met   map[string]bool           // of these objects, those that a manifest names
	sum   Found
}

// look asks the files of the index: those that were checked, whatever the snapshot names now. Where
// one of them is not there any more, or nothing was checked, those of the snapshot are a hint.
func (f *finding) look(ctx context.Context, x *Index) error {
	whole := f.o.Checked != nil
	if whole {
		for key, digest := range f.o.Checked.Files {
			file := File{Key: key, SHA256: digest}
			if !looked(file) {
				continue
			}
			err := f.file(ctx, x, file)
			if errors.Is(err, ledger.ErrNotFound) || errors.Is(err, errOther) {
				f.sum.Unchecked++
				whole = false
				continue
			}
			if err != nil {
				return err
			}
		}
	}
	if whole {
		return nil
	}
	for _, file := range f.s.Files {
		if !looked(file) {
			continue
		}
		if f.o.Checked == nil {
			f.sum.Unchecked++
		}
		if err := f.file(ctx, x, file); err != nil {
			return err
		}
	}
	return nil
}

// looked reports whether a file is one that is looked into.
func looked(file File) bool {
	p, ok := PartOf(file.Key)
	return ok && (p.Table == table.Events || p.Table == table.Tokens)
}

func (f *finding) file(ctx context.Context, x *Index, file File) error {
	open, err := x.load(ctx, file)
	if err != nil {
		return err
	}
	find := table.FindID
	if p, _ := PartOf(file.Key); p.Table == table.Tokens {
		find = table.FindToken
	}
	if err := find(open, f.o.Value, f.name); err != nil {
		return fmt.Errorf("%s: %w", file.Key, err)
	}
	return nil
}

func (f *finding) name(p table.Place) {
	if f.named[p.Object] == nil {
		f.named[p.Object] = map[int64]bool{}
	}
	f.named[p.Object][p.Line] = true
}

// log reads the objects of a log that the index names, and all behind what is indexed.
func (f *finding) log(ctx context.Context, log string) error {
	// How far the index is said to go is the index's word: what was checked is the auditor's.
	end := int64(-1)
	if at, ok := f.s.Logs[log]; ok {
		end = at.Seq
	}
	if f.o.Checked != nil {
		end = f.o.Checked.Logs[log].Size - 1
	}
	note := f.o.Note
	_, err := ledger.Follow(ctx, f.r, f.o.Keys, log, nil, note, func(m *ledger.Manifest) error {
		later := m.Predicate.Seq > end
		if later {
			f.sum.Later++
		}
		for i := range m.Predicate.Objects {
			o := &m.Predicate.Objects[i]
			if !hasLines(o.Key) || !later && f.named[o.Key] == nil {
				continue
			}
			if err := f.object(ctx, m, o, later); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

func (f *finding) object(ctx context.Context, m *ledger.Manifest, o *ledger.Object, all bool) error {
	lines := f.named[o.Key]
	if lines != nil {
		f.met[o.Key] = true
	}
	var failed error
	err := ledger.ReadObject(ctx, f.r, m, o, func(l ledger.EventLine) {
		if failed != nil || !all && !lines[int64(l.N)] {
			return
		}
		e, err := semconv.ParseLine(l.Line)
		if err != nil {
			f.o.Note(*trail.LineFinding(&l, err))
			return
		}
		if !table.Names(e, f.o.Value) {
			return
		}
		delete(lines, int64(l.N))
		f.sum.Lines++
		failed = f.found(l)
	})
	var broken *ledger.Finding
	if errors.As(err, &broken) {
		delete(f.named, o.Key) // the trail cannot say
		if broken.Severity != ledger.SeverityInfo {
			f.o.Note(*broken)
		}
		return failed
	}
	return errors.Join(err, failed)
}
