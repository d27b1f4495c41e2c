package index

import (
	"encoding/hex"

	"github.com/agentaudit/otelcol-agentaudit/internal/index/table"
	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// objectColumns are the columns of the table of objects by name.
var objectColumns = func() map[string]int {
	m := map[string]int{}
	for i := range table.Objects.Columns {
		m[table.Objects.Columns[i].Name] = i
	}
	return m
}()

// begin begins a row of objects with what it has of the manifest.
func (p *partRows) begin(m *ledger.Manifest, date string) {
	n, _ := table.Day(date)
	p.Row()
	p.Int(objectColumns["date"], n)
	p.Text(objectColumns["log"], m.Predicate.Log)
	p.Int(objectColumns["seq"], m.Predicate.Seq)
}

func (p *partRows) addObject(m *ledger.Manifest, o *ledger.Object, state string, indexed int64, date string) {
	p.begin(m, date)
	_, kind := ledger.ParseObjectKey(o.Key)
	p.Text(objectColumns["object"], o.Key)
	p.Text(objectColumns["kind"], kind)
	p.Text(objectColumns["sha256"], o.SHA256)
	p.Time(objectColumns["time"], m.SealedAt())
	p.Int(objectColumns["bytes"], o.Bytes)
	p.Int(objectColumns["events"], o.Events)
	p.Int(objectColumns["uncompressed_bytes"], o.UncompressedBytes)
	if o.Events > 0 {
		p.Time(objectColumns["min_timestamp"], o.MinTimestamp.Time)
		p.Time(objectColumns["max_timestamp"], o.MaxTimestamp.Time)
	}
	p.Text(objectColumns["class"], o.Retention.Class)
	p.Text(objectColumns["lock_mode"], o.Retention.Mode)
	p.Time(objectColumns["lock_until"], o.Retention.Until)
	p.Text(objectColumns["state"], state)
	p.Int(objectColumns["indexed"], indexed)
}

func (p *partRows) addManifest(m *ledger.Manifest, date string) {
	p.begin(m, date)
	genesis := m.Predicate.Genesis
	if m.Predicate.Seq == 0 {
		genesis = hexOf(m.Digest[:])
	}
	p.Text(objectColumns["kind"], string(m.Predicate.Kind))
	p.Text(objectColumns["genesis"], genesis)
	p.Text(objectColumns["key_id"], m.KeyID)
	p.Text(objectColumns["sha256"], hexOf(m.Digest[:]))
	p.Time(objectColumns["time"], m.SealedAt())
	p.Int(objectColumns["bytes"], int64(len(m.Envelope)))
	if r := m.Predicate.Retention; r != nil {
		p.Text(objectColumns["lock_mode"], r.Mode)
		p.Time(objectColumns["lock_until"], r.Until)
	}
	p.Text(objectColumns["writer"], m.Predicate.Writer.Version)
}
