package adversary

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/bits"
	"strings"
	"time"
)

// The format of docs/ledger.md, written again: what the oracle reads by and the
// attackers forge by. Nothing here is of package ledger.

type statement struct {
	Type          string    `json:"_type"`
	Subject       []subject `json:"subject"`
	PredicateType string    `json:"predicateType"`
	Predicate     predicate `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name"`
	Digest map[string]string `json:"digest"`
}

type predicate struct {
	Log       string     `json:"log"`
	Genesis   string     `json:"genesis,omitempty"`
	Seq       int        `json:"seq"`
	Kind      string     `json:"kind"`
	Previous  string     `json:"previous"`
	WrittenAt time.Time  `json:"written_at"`
	Time      *time.Time `json:"time,omitempty"`
	Retention *promise   `json:"retention,omitempty"`
	PastUntil *time.Time `json:"past_until,omitempty"`
	Tree      treeHead   `json:"tree"`
	Objects   []object   `json:"objects"`
	Heads     []headRef  `json:"heads"`
	Writer    struct {
		Version string `json:"version"`
	} `json:"writer"`
	NextKey   *nextKey `json:"next_key,omitempty"`
	RotatedAt *int     `json:"rotated_at,omitempty"`
}

type promise struct {
	Mode  string    `json:"mode"`
	Until time.Time `json:"until"`
}

type treeHead struct {
	Size     int      `json:"size"`
	Root     string   `json:"root"`
	Frontier []string `json:"frontier"`
}

type headRef struct {
	Log    string `json:"log"`
	Seq    int    `json:"seq"`
	SHA256 string `json:"sha256"`
	Note   string `json:"note,omitempty"`
}

type nextKey struct {
	KeyID     string `json:"key_id"`
	PublicKey string `json:"public_key"`
}

type object struct {
	Key               string         `json:"key"`
	Kind              string         `json:"kind,omitempty"`
	SHA256            string         `json:"sha256"`
	Bytes             int            `json:"bytes"`
	Events            int64          `json:"events"`
	UncompressedBytes int            `json:"uncompressed_bytes"`
	MerkleRoot        string         `json:"merkle_root"`
	MinTimestamp      string         `json:"min_timestamp"`
	MaxTimestamp      string         `json:"max_timestamp"`
	EventTypes        map[string]int `json:"event_types"`
	MissingFields     map[string]int `json:"missing_fields"`
	Retention         struct {
		Class string    `json:"class"`
		Mode  string    `json:"mode"`
		Until time.Time `json:"until"`
	} `json:"retention"`
	Sessions struct {
		Count    int      `json:"count"`
		Prefixes []string `json:"prefixes,omitempty"`
	} `json:"sessions"`
}

type envelope struct {
	PayloadType string      `json:"payloadType"`
	Payload     string      `json:"payload"`
	Signatures  []signature `json:"signatures"`
}

type signature struct {
	KeyID string `json:"keyid"`
	Sig   string `json:"sig"`
}

const payloadType = "application/vnd.in-toto+json"

func manifestKey(log string, seq int) string {
	return fmt.Sprintf("manifests/v1/%s/%012d.json", log, seq)
}

func checkpointKey(log string, size int) string {
	return fmt.Sprintf("checkpoints/v1/%s/%012d.txt", log, size)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func encode(v any) []byte {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return out
}

// payload is the statement of a predicate in a version of the format.
func (p *predicate) payload(format int) []byte {
	st := statement{
		Type: "https://in-toto.io/Statement/v1", PredicateType: fmt.Sprintf("https://agentaudit.dev/manifest/v%d", format),
		Subject: []subject{}, Predicate: *p,
	}
	for _, o := range p.Objects {
		st.Subject = append(st.Subject, subject{o.Key, map[string]string{"sha256": o.SHA256}})
	}
	return encode(&st)
}

// seal is the envelope around a payload.
func seal(payload []byte, by *keypair) []byte {
	signed := fmt.Sprintf("DSSEv1 %d %s %d %s", len(payloadType), payloadType, len(payload), payload)
	text := base64.StdEncoding.EncodeToString
	return encode(envelope{payloadType, text(payload), []signature{{by.id, text(by.sign([]byte(signed)))}}})
}

// unseal is the payload of an envelope and what it says; nil where it is none.
func unseal(body []byte) (payload []byte, st *statement) {
	var e envelope
	if json.Unmarshal(body, &e) != nil {
		return nil, nil
	}
	payload, err := base64.StdEncoding.DecodeString(e.Payload)
	if err != nil || len(payload) == 0 {
		return nil, nil
	}
	st = &statement{}
	if json.Unmarshal(payload, st) != nil {
		return nil, nil
	}
	return payload, st
}

// note is a checkpoint: a signed note of the size and the root of a log's tree.
func note(log, genesis string, size int, root []byte, by *keypair) []byte {
	origin := "agentaudit.dev/" + log
	if genesis != "" {
		origin += "/" + genesis
	}
	text := fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root))
	sig := append(by.noteHash(origin), by.sign([]byte(text))...)
	return []byte(text + "\n— " + origin + " " + base64.StdEncoding.EncodeToString(sig) + "\n")
}

// readNote is the log, the genesis and the size that a checkpoint names.
func readNote(text string) (log, genesis string, size int, root string) {
	lines := strings.Split(text, "\n")
	if len(lines) < 3 {
		return "", "", 0, ""
	}
	log, genesis, _ = strings.Cut(strings.TrimPrefix(lines[0], "agentaudit.dev/"), "/")
	_, _ = fmt.Sscan(lines[1], &size)
	b, _ := base64.StdEncoding.DecodeString(lines[2])
	return log, genesis, size, hex.EncodeToString(b)
}

// Merkle trees of RFC 6962, by recursion over all leaves.

func leaf(data []byte) []byte {
	sum := sha256.Sum256(append([]byte{0}, data...))
	return sum[:]
}

func root(leaves [][]byte) []byte {
	switch n := len(leaves); n {
	case 0:
		sum := sha256.Sum256(nil)
		return sum[:]
	case 1:
		return leaves[0]
	default:
		k := 1 << (bits.Len(uint(n-1)) - 1)
		sum := sha256.Sum256(append(append([]byte{1}, root(leaves[:k])...), root(leaves[k:])...))
		return sum[:]
	}
}

func treeOf(leaves [][]byte) treeHead {
	h := treeHead{Size: len(leaves), Root: hex.EncodeToString(root(leaves)), Frontier: []string{}}
	for at, bit := 0, 1<<30; bit > 0; bit >>= 1 {
		if len(leaves)&bit != 0 {
			h.Frontier = append(h.Frontier, hex.EncodeToString(root(leaves[at:at+bit])))
			at += bit
		}
	}
	return h
}

// line is an event of a session.
func line(session string, n int) []byte {
	at := eventTime(n).Format("2006-01-02T15:04:05.000000000Z07:00")
	return fmt.Appendf(nil, `{"schema_version":"1.1","event_id":"%s-%d","event_type":"tool_call","timestamp":"%s",`+
		`"session_id":"%s","run_id":"%s","step_number":%d,"agent_id":"a","trace_id":"01000000000000000000000000000000",`+
		`"tool_name":"pay","tool_input":{"n":%d}}`,
		session, n, at, session, session, n, n)
}

func eventTime(n int) time.Time { return time.Date(2020, 1, 1, 10, 0, n, 0, time.UTC) }

// describe is the description of an object of n events of a session, and the object.
func describe(log, session string, n int, class string, lock promise, format int, at time.Time) (object, []byte) {
	var body []byte
	var leaves [][]byte
	for i := 1; i <= n; i++ {
		l := line(session, i)
		leaves = append(leaves, leaf(l))
		body = append(append(body, l...), '\n')
	}
	folder := "data/v1/"
	if class != "default" {
		folder += "class=" + class + "/"
	}
	o := object{
		Key: folder + "date=" + at.Format("2006-01-02") + "/" + log + "/" +
			at.Format("20060102T150405.000Z") + "-" + digest([]byte(session))[:8] + ".jsonl",
		SHA256: digest(body), Bytes: len(body), Events: int64(n), UncompressedBytes: len(body),
		MerkleRoot: hex.EncodeToString(root(leaves)),
		EventTypes: map[string]int{"tool_call": n}, MissingFields: map[string]int{},
	}
	if format > 1 {
		o.Kind = "events"
	}
	o.MinTimestamp = eventTime(1).Format("2006-01-02T15:04:05.000000000Z07:00")
	o.MaxTimestamp = eventTime(n).Format("2006-01-02T15:04:05.000000000Z07:00")
	o.Retention.Class, o.Retention.Mode, o.Retention.Until = class, lock.Mode, lock.Until
	o.Sessions.Count, o.Sessions.Prefixes = 1, []string{digest([]byte(session))[:16]}
	return o, body
}
