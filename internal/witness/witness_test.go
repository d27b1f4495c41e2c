package witness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// answer is what a witness says to a request.
type answer struct {
	status      int
	contentType string
	body        string
}

// TestClient: what is asked of a witness, by what it answered before.
func TestClient(t *testing.T) {
	const size = "text/x.tlog.size"
	note := "agentaudit.dev/gw-0/x\n7\nroot\n\n— agentaudit.dev/gw-0/x AAAA\n"
	for name, c := range map[string]struct {
		answers []answer
		asked   []string // before the note
		lines   string
		err     error  // or
		says    string // of the error
	}{
		"the first":                 {[]answer{{200, "", "— w AA\n"}}, []string{"old 0\n\n"}, "— w AA\n", nil, ""},
		"one that it has seen":      {[]answer{{409, size, "7\n"}, {200, "", "— w AA\n"}}, []string{"old 0\n\n", "old 7\n\n"}, "— w AA\n", nil, ""},
		"one that goes on":          {[]answer{{409, size, "5\n"}, {200, "", "— w AA\n"}}, []string{"old 0\n\n", "old 5\nBQ==\nBg==\n\n"}, "— w AA\n", nil, ""},
		"seen more":                 {[]answer{{409, size, "9\n"}}, []string{"old 0\n\n"}, "", ErrAhead, "9 manifests, not 7"},
		"seen another of that size": {[]answer{{409, size, "7\n"}, {409, size, "7\n"}}, []string{"old 0\n\n", "old 7\n\n"}, "", ErrFork, ""},
		"seen another":              {[]answer{{409, size, "5\n"}, {422, "", ""}}, []string{"old 0\n\n", "old 5\nBQ==\nBg==\n\n"}, "", ErrFork, ""},
		"unknown log":               {[]answer{{404, "", ""}}, []string{"old 0\n\n"}, "", nil, "404 Not Found: it does not know the log"},
		"unknown key":               {[]answer{{403, "", ""}}, []string{"old 0\n\n"}, "", nil, "checkpoint --vkey"},
		"cannot be proven":          {[]answer{{409, size, "6\n"}}, []string{"old 0\n\n"}, "", nil, "no tiles"},
		"out of order":              {[]answer{{500, "", "x"}}, []string{"old 0\n\n"}, "", nil, "500 Internal Server Error"},
		"no size":                   {[]answer{{409, size, "-1\n"}}, []string{"old 0\n\n"}, "", ErrFork, ""},
		"contradicts itself": {
			[]answer{{409, size, "1\n"}, {409, size, "2\n"}, {409, size, "1\n"}},
			[]string{"old 0\n\n", "old 1\nAQ==\nAg==\n\n", "old 2\nAg==\nAw==\n\n"},
			"", nil, "contradicts itself",
		},
		"too much": {[]answer{{200, "", strings.Repeat("x", maxAnswer+1)}}, []string{"old 0\n\n"}, "", nil, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []string
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				before, ok := strings.CutSuffix(string(body), note)
				if err != nil || !ok || r.Method != http.MethodPost || r.URL.Path != "/w/add-checkpoint" || len(asked) == len(c.answers) {
					http.Error(w, "not asked for", http.StatusTeapot)
					return
				}
				a := c.answers[len(asked)]
				asked = append(asked, before)
				w.Header().Set("Content-Type", a.contentType)
				w.WriteHeader(a.status)
				fmt.Fprint(w, a.body)
			}))
			defer s.Close()
			w := &Client{URL: s.URL + "/w/", HTTP: s.Client()}
			lines, err := w.Cosign(t.Context(), []byte(note), 7, func(_ context.Context, from uint64) ([][]byte, error) {
				if from == 6 {
					return nil, errors.New("no tiles")
				}
				return [][]byte{{byte(from)}, {byte(from + 1)}}, nil
			})
			require.Equal(t, c.asked, asked)
			if c.err == nil && c.says == "" {
				require.NoError(t, err)
				require.Equal(t, c.lines, string(lines))
				return
			}
			require.ErrorContains(t, err, c.says)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
			}
		})
	}
}

// TestClientRemembers: the next checkpoint is proven from the last that was cosigned.
func TestClientRemembers(t *testing.T) {
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		old, _, _ := strings.Cut(string(body), "\n")
		asked = append(asked, old)
	}))
	defer s.Close()
	w := &Client{URL: s.URL, HTTP: s.Client()}
	prove := func(context.Context, uint64) ([][]byte, error) { return nil, nil }
	for _, size := range []uint64{3, 8, 8} {
		_, err := w.Cosign(t.Context(), []byte("note"), size, prove)
		require.NoError(t, err)
	}
	require.Equal(t, []string{"old 0", "old 3", "old 8"}, asked)
	_, err := w.Cosign(t.Context(), []byte("note"), 7, prove)
	require.ErrorIs(t, err, ErrAhead)
}
