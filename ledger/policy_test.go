package ledger_test

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	fnote "github.com/transparency-dev/formats/note"
	theirs "github.com/transparency-dev/formats/witness"
	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/agentaudit/otelcol-agentaudit/ledger"
)

// cosigner is a witness of a test.
type cosigner struct {
	note.Signer
	vkey string // of type 0x04
}

func newCosigner(t testing.TB, name string) cosigner {
	t.Helper()
	skey, plain, err := note.GenerateKey(rand.Reader, name)
	require.NoError(t, err)
	s, err := fnote.NewSignerForCosignatureV1(skey)
	require.NoError(t, err)
	vkey, err := fnote.VKeyToCosignatureV1(plain)
	require.NoError(t, err)
	return cosigner{s, vkey}
}

// cosign adds cosignatures to a checkpoint that any key signed.
func cosign(t testing.TB, text []byte, by ...cosigner) []byte {
	t.Helper()
	body, sigs, ok := strings.Cut(string(text), "\n\n")
	require.True(t, ok)
	for _, c := range by {
		signed, err := note.Sign(&note.Note{Text: body + "\n"}, c)
		require.NoError(t, err)
		_, added, _ := strings.Cut(string(signed), "\n\n")
		sigs += added
	}
	return []byte(body + "\n\n" + sigs)
}

// TestPolicy: which cosignatures are enough; and where the library of transparency-dev reads
// the policy as well, that it says the same.
func TestPolicy(t *testing.T) {
	tr, text := checkpointed(t, "ed25519")
	var w []cosigner
	for n := range 4 {
		w = append(w, newCosigner(t, fmt.Sprintf("witness.example/w%d", n)))
	}
	lines := ""
	for n := range w {
		lines += fmt.Sprintf("witness w%d %s https://w%d.example/\n", n, w[n].vkey, n)
	}
	vkey, err := ledger.VerifierKey(tr.key, "agentaudit.dev/gw-1/"+genesis(t, tr, "gw-1"))
	require.NoError(t, err)
	other, err := ledger.VerifierKey(tr.key, "agentaudit.dev/gw-1/"+strings.Repeat("0", 64))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		policy string
		enough [][]int // of the witnesses
		not    [][]int
	}{
		"one":            {"quorum w1", [][]int{{1}, {0, 1}}, [][]int{{}, {0}, {0, 2, 3}}},
		"any":            {"group g any w0 w1\nquorum g", [][]int{{0}, {1}, {1, 2}}, [][]int{{}, {2, 3}}},
		"all":            {"group g all w0 w1\nquorum g", [][]int{{0, 1}, {0, 1, 2}}, [][]int{{0}, {1, 2, 3}}},
		"two of three":   {"group g 2 w0 w1 w2\nquorum g", [][]int{{0, 1}, {1, 2}}, [][]int{{0, 3}, {2}}},
		"two groups":     {"group a any w0 w1\ngroup b any w2 w3\ngroup g all a b\nquorum g", [][]int{{0, 3}, {1, 2}}, [][]int{{0, 1}, {2, 3}}},
		"none":           {"quorum none", [][]int{{}, {0}}, nil},
		"of this log":    {"log " + vkey + "\nquorum w0", [][]int{{0}}, [][]int{{1}}},
		"of another log": {"log " + other + " https://log.example\nquorum w0", nil, [][]int{{0}, {0, 1}}},
		"comments":       {"  # two\n\n\tquorum\tw0 \n#", [][]int{{0}}, [][]int{{1}}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := ledger.ParsePolicy([]byte(lines + c.policy + "\n"))
			require.NoError(t, err)
			require.Len(t, p.Witnesses(), 4)
			require.Equal(t, "https://w2.example/", p.Witnesses()[2].URL)
			lib, err := theirs.ParsePolicy([]byte(lines + c.policy + "\n"))
			require.NoError(t, err)
			for list, enough := range map[*[][]int]bool{&c.enough: true, &c.not: false} {
				for _, who := range *list {
					var by []cosigner
					for _, n := range who {
						by = append(by, w[n])
					}
					cp, err := ledger.ParseCheckpoint(cosign(t, text, by...), []ledger.PublicKey{tr.key}, p.Known())
					require.NoError(t, err)
					require.Equal(t, enough, p.Satisfied(cp), "%v", who)
					if !strings.Contains(c.policy, "log ") {
						require.Equal(t, enough, lib.Satisfied(cp.Note), "%v", who)
					}
				}
			}
		})
	}
}

// TestPolicyCountsNobodyTwice: some of these the library of transparency-dev takes.
func TestPolicyCountsNobodyTwice(t *testing.T) {
	a, b := newCosigner(t, "witness.example/a"), newCosigner(t, "witness.example/b")
	parts := strings.SplitN(a.vkey, "+", 3)
	raw, err := base64.StdEncoding.DecodeString(parts[2])
	require.NoError(t, err)
	renamed, err := fnote.VKeyToCosignatureV1(plainKey(t, "witness.example/again", raw[1:]))
	require.NoError(t, err)
	log, err := ledger.VerifierKey(public(t, newSigner(t)), "agentaudit.dev/gw-0")
	require.NoError(t, err)
	two := "witness a " + a.vkey + "\nwitness b " + b.vkey + "\n"
	for name, policy := range map[string]string{
		"nothing":                        "",
		"no quorum":                      two,
		"two quorums":                    two + "quorum a\nquorum b",
		"an unknown quorum":              two + "quorum c",
		"a quorum above its witness":     "quorum a\n" + two,
		"a group of nobody":              two + "group g all\nquorum g",
		"a threshold of none":            two + "group g 0 a b\nquorum g",
		"a threshold of too many":        two + "group g 3 a b\nquorum g",
		"a threshold in another form":    two + "group g +1 a b\nquorum g",
		"a member twice":                 two + "group g 2 a a\nquorum g",
		"a member of two groups":         two + "group g any a\ngroup h any a b\ngroup i all g h\nquorum i",
		"a group in itself":              two + "group g all a g\nquorum g",
		"a name twice":                   two + "witness a " + newCosigner(t, "witness.example/c").vkey + "\nquorum a",
		"a name of a group twice":        two + "group a any b\nquorum a",
		"a key under two names":          two + "witness c " + renamed + "\ngroup g 2 a c\nquorum g",
		"a witness named none":           "witness none " + a.vkey + "\nquorum none",
		"no key":                         "witness a x\nquorum a",
		"a key whose name was changed":   "witness a " + strings.Replace(a.vkey, "/a+", "/x+", 1) + "\nquorum a",
		"a witness with too much":        "witness a " + a.vkey + " https://a.example more\nquorum a",
		"a log that is none of ours":     "log " + a.vkey + "\nquorum none",
		"a log twice":                    "log " + log + "\nlog " + log + "\nquorum none",
		"another word":                   two + "signer a\nquorum a",
		"lines that end in two controls": strings.ReplaceAll(two, "\n", "\r\n") + "quorum a\r\n",
		"more than a policy":             two + "quorum a\n" + strings.Repeat("# \n", ledger.MaxPolicy/3),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ledger.ParsePolicy([]byte(policy))
			require.Error(t, err)
		})
	}
}

// plainKey is a note verifier key of type 0x01.
func plainKey(t testing.TB, name string, key []byte) string {
	vkey, err := note.NewEd25519VerifierKey(name, key)
	require.NoError(t, err)
	return vkey
}

// TestPolicyAsTheLibrary: for drawn policies the library of transparency-dev says the same.
func TestPolicyAsTheLibrary(t *testing.T) {
	tr, text := checkpointed(t, "ed25519")
	var w []cosigner
	for n := range 5 {
		w = append(w, newCosigner(t, fmt.Sprintf("witness.example/w%d", n)))
	}
	rapid.Check(t, func(rt *rapid.T) {
		policy, free := "", []string{}
		for n := range w {
			policy += fmt.Sprintf("witness w%d %s https://w%d.example/\n", n, w[n].vkey, n)
			free = append(free, fmt.Sprint("w", n))
		}
		for g := range rapid.IntRange(0, 3).Draw(rt, "groups") {
			members := rapid.Permutation(free).Draw(rt, "members")[:rapid.IntRange(1, len(free)).Draw(rt, "of")]
			policy += fmt.Sprintf("group g%d %d %s\n", g, rapid.IntRange(1, len(members)).Draw(rt, "k"), strings.Join(members, " "))
			var left []string
			for _, name := range free {
				if !strings.Contains(" "+strings.Join(members, " ")+" ", " "+name+" ") {
					left = append(left, name)
				}
			}
			free = append(left, fmt.Sprint("g", g))
		}
		policy += "quorum " + rapid.SampledFrom(free).Draw(rt, "quorum") + "\n"
		p, err := ledger.ParsePolicy([]byte(policy))
		require.NoError(rt, err)
		lib, err := theirs.ParsePolicy([]byte(policy))
		require.NoError(rt, err)
		var by []cosigner
		for n := range w {
			if rapid.Bool().Draw(rt, "cosigns") {
				by = append(by, w[n])
			}
		}
		cp, err := ledger.ParseCheckpoint(cosign(t, text, by...), []ledger.PublicKey{tr.key}, p.Known())
		require.NoError(rt, err)
		require.Equal(rt, lib.Satisfied(cp.Note), p.Satisfied(cp), policy)
	})
}

func FuzzParsePolicy(f *testing.F) {
	a := newCosigner(f, "witness.example/a")
	f.Add([]byte("witness a " + a.vkey + " https://a.example\ngroup g any a\nquorum g\n"))
	f.Add([]byte("log x\nquorum none\n"))
	tr, text := checkpointed(f, "ed25519")
	f.Fuzz(func(t *testing.T, policy []byte) {
		p, err := ledger.ParsePolicy(policy)
		if err != nil {
			return
		}
		cp, err := ledger.ParseCheckpoint(text, []ledger.PublicKey{tr.key}, p.Known())
		require.NoError(t, err)
		require.False(t, p.Quorum() && p.Satisfied(cp), "nobody cosigned")
	})
}

// signNote signs a text with a log's key.
func signNote(t testing.TB, signer ledger.Signer, vkey, text string) []byte {
	t.Helper()
	v, err := fnote.NewVerifier(vkey)
	require.NoError(t, err)
	signed, err := note.Sign(&note.Note{Text: text}, logSigner{v, signer})
	require.NoError(t, err)
	return signed
}

type logSigner struct {
	note.Verifier
	by ledger.Signer
}

func (s logSigner) Sign(msg []byte) ([]byte, error) { return s.by.Sign(ctx, msg) }
