package ledger

// sample is the beginning of an object, by which the level of zstd is chosen: the same for the
// same lines, however they came.
type sample struct {
	text         []byte
	lines, bytes int // of those by which the level is chosen
}

// sampled is of how many bytes the choice is.
const sampled = 64 << 10

func (s *sample) add(l *Lines) {
	s.text = append(s.text, l.Text...)
	for i := 0; i < len(l.Metas) && s.bytes < sampled; i++ {
		s.lines++
		s.bytes += len(l.Line(i)) + 1
	}
}

func (s *sample) enough() bool { return s.bytes >= sampled }

// level is that of zstd. Short lines are about as small at the fastest, for two thirds of the
// time; long ones repeat what lies further back than it looks. `make bench` prints the time and
// the bytes of both levels for each of its mixes.
func (s *sample) level() int {
	const long = 4 << 10
	if s.bytes >= long*max(s.lines, 1) {
		return 3
	}
	return 1
}
