// Package witness has witnesses cosign the checkpoints of a log (c2sp.org/tlog-witness).
package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Client asks one witness about one log. It is not safe for concurrent use.
type Client struct {
	URL  string // the witness's submission prefix
	HTTP *http.Client

	seen uint64 // manifests that the witness has seen, as far as is known here
}

var (
	// ErrAhead is the error of a witness that has seen more of the log than there is.
	ErrAhead = errors.New("the witness has seen more of this log than there is: it was cut off, or another writer is ahead")
	// ErrFork is the error of a witness that has seen another log.
	ErrFork = errors.New("the log does not continue what the witness has seen of it: it was rewritten, or forked")
)

const (
	// maxAnswer bounds an answer, in bytes: a hundred signatures, post-quantum ones too.
	maxAnswer = 1 << 19
	// maxTries bounds how often a witness may correct what is known of it.
	maxTries = 3
	// maxProof is how many hashes the protocol takes.
	maxProof = 63
)

// Cosign asks for a cosignature of a checkpoint, a signed note over a tree of that size.
// prove gives the consistency proof (RFC 6962, section 2.1.2) from a smaller tree. The answer
// is lines of signatures, not yet checked.
func (c *Client) Cosign(ctx context.Context, note []byte, size uint64, prove func(ctx context.Context, from uint64) ([][]byte, error)) ([]byte, error) {
	for range maxTries {
		if c.seen > size {
			return nil, fmt.Errorf("%w (%d manifests, not %d)", ErrAhead, c.seen, size)
		}
		body, err := c.request(ctx, note, size, prove)
		if err != nil {
			return nil, err
		}
		lines, again, err := c.ask(ctx, body, size)
		if !again {
			return lines, err
		}
	}
	return nil, errors.New("the witness contradicts itself about what it has seen")
}

func (c *Client) request(ctx context.Context, note []byte, size uint64, prove func(ctx context.Context, from uint64) ([][]byte, error)) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", c.seen)
	if c.seen > 0 && c.seen < size {
		proof, err := prove(ctx, c.seen)
		if err != nil {
			return nil, fmt.Errorf("cannot prove that the log goes on from its first %d manifests: %w", c.seen, err)
		}
		if len(proof) > maxProof {
			return nil, fmt.Errorf("a proof of %d hashes", len(proof))
		}
		for _, hash := range proof {
			b.WriteString(base64.StdEncoding.EncodeToString(hash) + "\n")
		}
	}
	b.WriteByte('\n')
	b.Write(note)
	return b.Bytes(), nil
}

// ask sends a request. Where the witness has seen another size than was said, it is kept, and
// again is true.
func (c *Client) ask(ctx context.Context, body []byte, size uint64) (lines []byte, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimRight(c.URL, "/")+"/add-checkpoint", bytes.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return nil, false, err
	}
	defer func() { _ = resp.Body.Close() }() // read only
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, false, err
	case len(answer) > maxAnswer:
		return nil, false, fmt.Errorf("answered with more than %d bytes", maxAnswer)
	}
	switch resp.StatusCode {
	case http.StatusOK:
		c.seen = size
		return answer, false, nil
	case http.StatusConflict:
		text, ended := strings.CutSuffix(string(answer), "\n")
		seen, err := strconv.ParseUint(text, 10, 63)
		if resp.Header.Get("Content-Type") == "text/x.tlog.size" && ended && err == nil && seen != c.seen {
			c.seen = seen
			return nil, true, nil
		}
		return nil, false, ErrFork // of the same size
	case http.StatusUnprocessableEntity:
		return nil, false, ErrFork
	case http.StatusNotFound, http.StatusForbidden:
		return nil, false, fmt.Errorf("answered %s: it does not know the log, or its key (agentaudit checkpoint --vkey prints what it must be told)", resp.Status)
	}
	return nil, false, fmt.Errorf("answered %s", resp.Status)
}
