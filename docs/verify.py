#!/usr/bin/env python3
"""Verifies a pulled copy of a trail, written from docs/ledger.md alone:

    python3 docs/verify.py COPY [LOG=]audit.pub [more.pub ...] [--checkpoint FILE ...]

LOG= names the log whose key it is; any other key may begin any log. Exit codes: 0 CONFIRMED,
1 NOT CONFIRMED, 2 NO VERDICT. What others did around the sealed content is passed over.
"""
import base64, hashlib, json, os, re, sys, time, zlib
from collections import Counter
from datetime import datetime, timezone
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

PAYLOAD, MANIFEST = "application/vnd.in-toto+json", "https://agentaudit.dev/manifest/v"

# ---- bytes, times, trees, keys

def sha(b): return hashlib.sha256(b).digest()
def unbase64(s): return base64.b64decode(s, validate=True)

def nanos(s):
    """RFC 3339 in UTC, as nanoseconds."""
    m = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z", s, re.ASCII)
    if not m: raise ValueError(f"not a time: {s}")
    t = datetime.strptime(m[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return (t - datetime(1970, 1, 1, tzinfo=timezone.utc)) // (t.resolution * 1000000) * 10**9 + int((m[2] or "0")[:9].ljust(9, "0"))

def fold(hashes):
    """The root that the roots of complete subtrees give, from the largest to the smallest."""
    root = hashes[-1] if hashes else sha(b"")
    for left in reversed(hashes[:-1]): root = sha(b"\1" + left + root)
    return root

class Tree:  # RFC 6962, as its frontier
    def __init__(self, size=0, frontier=()): self.size, self.frontier = size, list(frontier)
    def add(self, leaf):
        node, n = sha(b"\0" + leaf), self.size
        while n & 1: node, n = sha(b"\1" + self.frontier.pop() + node), n >> 1
        self.frontier.append(node)
        self.size += 1
    def root(self): return fold(self.frontier)

class Key:
    def __init__(self, pem):
        self.key = serialization.load_pem_public_key(pem)
        if not isinstance(self.key, ed25519.Ed25519PublicKey) and getattr(getattr(self.key, "curve", None), "name", "") != "secp256r1":
            raise ValueError("neither Ed25519 nor ECDSA P-256")
        self.id = sha(self.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)).hex()
        self.ed, self.logs = isinstance(self.key, ed25519.Ed25519PublicKey), set()
    def signed(self, sig, data):
        try: self.key.verify(sig, data, *([] if self.ed else [ec.ECDSA(hashes.SHA256())]))
        except InvalidSignature: return False
        return True
    def note_hash(self, name):
        raw = self.ed and self.key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return sha(name.encode() + b"\n\x01" + raw)[:4] if self.ed else bytes.fromhex(self.id)[:4]

# ---- JSON: no name twice, and no name that differs from a known one by case alone

def once(pairs):
    if len(dict(pairs)) != len(pairs): raise ValueError("a name twice")
    return dict(pairs)

def no_number(s): raise ValueError(f"the number {s}")
def number(s): return float(s) if abs(float(s)) != float("inf") else no_number(s)
def parse(b): return json.loads(b.decode("utf-8"), object_pairs_hook=once, parse_constant=no_number, parse_float=number)

LOCK = {"mode": str, "until": nanos}
SHAPE = {"_type": str, "subject": [{"name": str, "digest": {"sha256": str}}], "predicateType": str, "predicate": {
    "log": str, "genesis": str, "seq": int, "kind": str, "previous": str, "written_at": nanos, "time": nanos, "retention": LOCK,
    "past_until": nanos, "tree": {"size": int, "root": str, "frontier": [str]}, "objects": [{"key": str, "kind": str, "of": str,
        "frames": {"count": int, "root": str}, "sha256": str, "bytes": int, "events": int, "uncompressed_bytes": int, "merkle_root": str,
        "min_timestamp": str, "max_timestamp": str, "event_types": {"*": int}, "missing_fields": {"*": int}, "retention": {"class": str, **LOCK},
        "sessions": {"count": int, "prefixes": [str], "bloom": {"hashes": int, "bits": str}}}],
    "heads": [{"log": str, "seq": int, "sha256": str, "note": str}], "writer": {"version": str, "config_sha256": str, "host": str},
    "instance": str, "key_store": str, "next_key": {"key_id": str, "public_key": str}, "rotated_at": int}}
ENVELOPE = {"payloadType": str, "payload": str, "signatures": [{"keyid": str, "sig": str}]}

def shape(v, want, strict=False):
    """Raises where v is not of the shape; names that are not known are ignored, or refused where strict."""
    if v is None: return  # as absent
    if want is nanos: nanos(v)
    elif isinstance(want, list):
        if type(v) is not list: raise ValueError("no list")
        for e in v: shape(e, want[0], strict)
    elif isinstance(want, dict):
        if type(v) is not dict: raise ValueError("no object")
        for name, e in v.items():
            if name in want or "*" in want: shape(e, want.get(name, want.get("*")), strict)
            elif strict or name.casefold() in map(str.casefold, want): raise ValueError(f"the name {name}")
    elif type(v) is not want: raise ValueError(f"{v!r} is no {want.__name__}")

class Manifest:
    """What stands at a manifest's key; raises where it is none. version is 1, 2, or 0 where it is not known."""
    def __init__(self, body):
        e = parse(body)
        shape(e, ENVELOPE, strict=True)
        if e["payloadType"] != PAYLOAD: raise ValueError("another payload type")
        self.payload, self.sigs = unbase64(e["payload"]), [(s.get("keyid"), unbase64(s["sig"])) for s in e["signatures"]]
        st = parse(self.payload)
        if not re.fullmatch(re.escape(MANIFEST) + r"\d+", st["predicateType"]): raise ValueError("another predicate")
        self.version = {MANIFEST + "1": 1, MANIFEST + "2": 2}.get(st["predicateType"], 0)
        if self.version: shape(st, SHAPE)
        if self.version and st["_type"] != "https://in-toto.io/Statement/v1": raise ValueError("no in-toto Statement")
        p = self.p = st["predicate"]
        self.log, self.seq, self.sha, self.subject = p["log"], p["seq"], sha(self.payload).hex(), st.get("subject") or []
        if not self.version: return
        self.objects, self.heads, self.rotation, self.next = p.get("objects") or [], p.get("heads") or [], p["kind"] == "key_rotation", None
        self.written, self.time, self.past = nanos(p["written_at"]) if p.get("written_at") else 0, self.get("time"), self.get("past_until")
        self.until = nanos(p["retention"].get("until") or "1970-01-01T00:00:00Z") if self.version == 2 and p.get("retention") is not None else None
        self.genesis = p.get("genesis") or None if self.version == 2 else None
        self.tree = p.get("tree") or {}
        self.frontier = [bytes.fromhex(h) if re.fullmatch("[0-9a-f]{64}", h or "") else b"" for h in self.tree.get("frontier") or []]
        named = [(o["key"], o["sha256"]) for o in self.objects]
        if named != [(s["name"], s["digest"]["sha256"]) for s in self.subject]: raise ValueError("subject and objects differ")
        if self.version == 2 and (self.time is None or self.until is None): raise ValueError("no time, or no lock")
        if self.rotation:
            try: self.next = Key(p["next_key"]["public_key"].encode())
            except Exception: pass
            if self.next and self.next.id != p["next_key"]["key_id"]: self.next = None
    def get(self, name): return nanos(self.p[name]) if self.version == 2 and self.p.get(name) else None
    def signed_by(self, key):
        pae = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(self.payload), self.payload)
        return any(by in (None, "", key.id) and key.signed(s, pae) for by, s in self.sigs)

# ---- data objects

def one_stream(body, key, most):
    """The content of one gzip member or zstd frame with nothing after it; None where nothing here reads zstd."""
    if key.endswith(".zst"):
        try: from compression.zstd import ZstdDecompressor as New
        except ImportError:
            try: from zstandard import ZstdDecompressor
            except ImportError: return None
            New = lambda: ZstdDecompressor().decompressobj()
        d = New()
        text = d.decompress(body)
    elif key.endswith(".gz"):
        d = zlib.decompressobj(31)
        text = d.decompress(body, most + 1)
        if len(text) <= most and not d.eof: text += d.flush()
    else: return body
    if len(text) > most or not d.eof or d.unused_data: raise ValueError("not one whole stream of the length that was signed")
    return text

TYPES = {"string": str, "integer": int, "object": dict, "array": list, "boolean": bool, "number": (int, float)}

def schema_error(v, s):
    """Why v is not of the JSON schema, as far as the event schemas go; None where it is."""
    types = s.get("type", list(TYPES))
    types = types if isinstance(types, list) else [types]
    if v is not None and not any(isinstance(v, TYPES[t]) and isinstance(v, bool) == (t == "boolean") for t in types if t in TYPES): return f"{v!r:.60} is no {types[0]}"
    if v is None and "null" not in types: return "null"
    if "const" in s and v != s["const"] or "enum" in s and v not in s["enum"]: return f"{v!r:.60} is none of the values"
    if s.get("format") == "date-time":
        try: nanos(v)
        except ValueError as e: return str(e)
    if isinstance(v, dict):
        for name in s.get("required", ()):
            if name not in v: return f"{name} is missing"
        for name, e in v.items() if "properties" in s else ():
            if name not in s["properties"]:
                if s.get("additionalProperties") is False: return f"{name} is not a field"
            elif why := schema_error(e, s["properties"][name]): return f"{name}: {why}"
    if isinstance(v, list):
        for why in (schema_error(e, s["items"]) for e in v) if "items" in s else ():
            if why: return why
        if "contains" in s and all(schema_error(e, s["contains"]) for e in v): return "lacks an entry"
    for why in (schema_error(v, e) for e in s.get("allOf", ())):
        if why: return why
    if "anyOf" in s and all(schema_error(v, e) for e in s["anyOf"]): return "fits none of the forms: " + str(schema_error(v, s["anyOf"][0]))

def schemas():
    at = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "semconv", "audit-event.v%s.schema.json")
    return {v: json.load(open(at % v)) for v in ("1", "1.1")}

def sessions_fit(stated, ids):
    heads = sorted(sha(i.encode("utf-8", "surrogatepass"))[:8] for i in ids)
    if (stated.get("count") or 0) != len(heads): return False
    if len(heads) <= 4096: return (stated.get("prefixes") or []) == [h.hex() for h in heads] and not stated.get("bloom")
    k, bits = stated["bloom"]["hashes"], unbase64(stated["bloom"]["bits"])
    mine, m = bytearray(len(bits)), 8 * len(bits)
    for h in heads:
        a, b = int.from_bytes(h[:4], "big"), int.from_bytes(h[4:], "big") | 1
        for n in ((a + i * b) % m for i in range(k)): mine[n // 8] |= 1 << n % 8
    return bits == mine and k > 0 and not stated.get("prefixes")

# ---- a copy

class Copy:
    def __init__(self, dir):
        self.dir, self.bad, self.unknown, self.notes = dir, [], [], []
        *lines, last = open(os.path.join(dir, ".agentaudit", "versions.jsonl"), "rb").read().splitlines(keepends=True)
        if parse(last) != {"index_sha256": sha(b"".join(lines)).hex()}: raise ValueError("versions.jsonl is not whole")
        self.at, self.names = {}, {}
        for v in map(parse, lines):
            if "copy" not in v: self.at.setdefault(v["key"], []).append(v)
        files = {v["file"]: v for vs in self.at.values() for v in vs if v.get("file")}
        for f, v in files.items():
            if (b := self.read(v)) is None or sha(b).hex() != v["sha256"]: self.bad.append(f"{f}: not as it was pulled")
        for path, _, names in os.walk(dir):
            for f in (os.path.relpath(os.path.join(path, n), dir) for n in names):
                if f not in files and not re.fullmatch(r"\.agentaudit.(lock|(versions|pulled|pulling-[a-z0-9-]+)\.jsonl)", f): self.bad.append(f"{f}: added to the copy")
    def read(self, v):
        path = os.path.normpath(os.path.join(self.dir, v["file"]))
        if not path.startswith(os.path.normpath(self.dir) + os.sep): raise ValueError(f"{v['file']} is not in the copy")
        try: return open(path, "rb").read()
        except OSError: return None
    def versions(self, key):
        """(version, content) from the oldest on; the content is None where the store did not give it."""
        return [(v, self.read(v) if v.get("file") else None) for v in self.at.get(key, ()) if not v.get("delete_marker")]

def held(versions, lock, now):
    """Whether one of them is locked as was promised, or the promise is over."""
    rank = {"COMPLIANCE": 2, "GOVERNANCE": 1}
    until = nanos(lock["until"]) if lock and lock.get("until") else 0
    return until <= now or any(not v.get("gone") and rank.get(v.get("mode"), 0) >= rank.get(lock.get("mode"), 0) and v.get("until") and nanos(v["until"]) >= until for v in versions)

def check_object(c, o, where, now, schema):
    """Judges one object that a manifest names; returns its number of events."""
    def bad(why): c.bad.append(f"{where} {o['key']}: {why}")
    all_ = c.versions(o["key"])
    found = [(v, b) for v, b in all_ if b is not None and sha(b).hex() == o["sha256"]]
    if not found:
        if any(v.get("not_pulled") for v, _ in all_): c.unknown.append(f"{where} {o['key']}: not in this copy, which was bounded")
        elif nanos(o["retention"]["until"]) <= now: c.notes.append(f"{o['key']} has expired")
        elif any(b is None and v.get("unreadable") for v, b in all_): c.unknown.append(f"{where} {o['key']}: the store did not give it")
        else: bad("altered" if all_ else "missing")
        return o.get("events") or 0
    if not held([v for v, _ in found], o["retention"], now): bad("not locked as was promised")
    body, kind, (folder, name) = found[0][1], o.get("kind"), (o["key"].split("/")[0], o["key"].split("/")[-1].split(".")[0])
    of_key = {"data": "events", "quarantine": "events", "blobs": "blob", "prompts": "prompt", "content": "content"}.get(folder)
    cls = re.match(r"[^/]*/v1/class=([^/]*)/", o["key"])
    if (cls[1] if cls else "default") != o["retention"].get("class", "default"): bad("another class than in its key")
    if len(body) != o["bytes"]: bad("another length")
    if of_key not in ("events", "blob", "prompt") or (kind or of_key) != of_key:
        c.unknown.append(f"{where} {o['key']}: this program cannot judge a {kind or of_key} under {folder}/")
        return 0
    try: text = one_stream(body, o["key"], o.get("uncompressed_bytes") or 0)
    except Exception as e: return bad(f"encoding: {e}") or 0
    if text is None: return c.unknown.append(f"{where} {o['key']}: zstd needs Python 3.14 or the package zstandard") or 0
    if len(text) != (o.get("uncompressed_bytes") or 0): bad("another length uncompressed")
    tree, types, missing, ids, stamps = Tree(), Counter(), Counter(), set(), []
    if of_key != "events":
        if sha(text).hex() != name: bad("not the text that its key names")
    elif text and not text.endswith(b"\n"): bad("the last line has no newline")
    else:
        for n, line in enumerate(text.split(b"\n")[:-1], 1):
            tree.add(line)
            try: e = parse(line)
            except Exception as why: bad(f"line {n}: {why}"); continue
            version = e.get("schema_version") if isinstance(e, dict) else None
            if not isinstance(version, str): bad(f"line {n}: no event"); continue
            if version not in schema: c.unknown.append(f"{where} {o['key']} line {n}: event schema {version} is of a newer program"); return 0
            if why := schema_error(e, schema[version]): bad(f"line {n}: {why}"); continue
            types[e["event_type"]] += 1
            missing.update(e.get("missing_fields", ()))
            if e.get("session_id"): ids.add(e["session_id"])
            if e.get("timestamp"): stamps.append(nanos(e["timestamp"]))
            for field, cut in e.get("oversize", {}).items(): c.names.setdefault(cut.get("sha256") if isinstance(cut, dict) else None, []).append(f"{where} {o['key']} line {n}: {field}")
    if tree.root().hex() != o["merkle_root"]: bad("another Merkle root")
    if tree.size != (o.get("events") or 0): bad("another number of events")
    if types != (o.get("event_types") or {}) or missing != (o.get("missing_fields") or {}): bad("other counts of event types or missing fields")
    if (o.get("min_timestamp") or None, o.get("max_timestamp") or None) != ((stamp(min(stamps)), stamp(max(stamps))) if stamps else (None, None)) and of_key == "events": bad("other times")
    try:
        if not sessions_fit(o.get("sessions") or {}, ids): bad("another set of sessions")
    except Exception: bad("no set of sessions")
    return tree.size

def stamp(n): return datetime.fromtimestamp(n // 10**9, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + ".%09dZ" % (n % 10**9)

# ---- checkpoints

class Checkpoint:
    """A signed note; raises where it is none."""
    def __init__(self, text):
        self.text, _, sigs = text.decode("utf-8").rpartition("\n\n")
        self.text += "\n"
        origin, size, root, end = self.text.split("\n")
        m = re.fullmatch(r"agentaudit\.dev/([a-z0-9.-]{1,63})(?:/([0-9a-f]{64}))?", origin)
        if end or not m or not re.fullmatch(r"0|[1-9]\d{0,17}", size, re.ASCII): raise ValueError("no checkpoint of a log")
        self.origin, self.log, self.genesis, self.size, self.root = origin, m[1], m[2], int(size), unbase64(root)
        self.sigs = [(name, unbase64(s)) for name, s in (re.fullmatch("— (\\S+) (\\S+)", l).groups() for l in sigs.splitlines())]
    def signed_by(self, key):
        return any(n == self.origin and s[:4] == key.note_hash(n) and key.signed(s[4:], self.text.encode()) for n, s in self.sigs)

# ---- a log

OTHER_LOG = "another genesis"

class Log:
    """Finds the manifests that count, from the log's beginning to its end."""
    def __init__(self, c, name, keys, kept, now):
        self.c, self.name, self.now, self.kept = c, name, now, [k for k in kept if k.log == name]
        self.given = [k for k in keys if name in k.logs] or [k for k in keys if not k.logs]  # that may begin it
        self.at, self.anchor = {}, True
        for key in c.at:
            if m := re.fullmatch(r"manifests/v1/" + re.escape(name) + r"/(\d{12})\.json", key): self.at[int(m[1])] = [(v, self.manifest(b)) for v, b in c.versions(key)]
        self.begin()
        if not self.counted: return
        while True:
            self.walk()
            later = [n for n in self.at if n > self.end and self.claimed(n, [self.key] + [k for k in self.given if name in k.logs])]
            if self.stopped or not later: break
            self.behind_gap(later, self.end)  # a gap: expired, or somebody removed what stood there
            if self.stopped: break
        if not self.anchor and not any(k.size >= self.first and self.agrees(k) for k in self.kept):
            self.no_verdict(f"{self.first} is the oldest manifest, and either nothing tells when those before expire, or whether its key is the log's: give a checkpoint, or name the key (LOG=FILE)")
        if not self.stopped and any(b is None for n in self.at if n >= self.end for _, b in self.at[n]): self.no_verdict(f"the store did not give all that stands behind manifest {self.end - 1}")
        if not self.stopped and self.rivals: self.no_verdict(f"several versions of {self.end - 1}, the newest manifest, fit, and which is the oldest only the maker of the copy says")
        later = [n for n in self.at if n >= self.end and self.claimed(n, self.given)]
        for m in (m for n in later for m in self.claimed(n, self.given)):
            if not self.stopped and m.version == 2 and m.genesis != self.genesis: self.no_verdict(f"a key that was given signed manifest {m.seq} of another log of this name")
            if not self.stopped and m.p.get("rotated_at") not in (None, self.rotated): self.no_verdict(f"a key that was given says by manifest {m.seq} that it follows the log's by a rotation that is not there: name the log's keys (LOG=FILE)")
        if later and not self.stopped: c.notes.append(f"log {name}: a key that was given, and is not the log's, signed {later[0]}: passed over")

    def manifest(self, body):
        try: return Manifest(body) if body is not None else None
        except Exception: return False  # None: not given by the store
    def claimed(self, n, keys):
        return [m for _, m in self.at.get(n, ()) if m and m.log == self.name and m.seq == n and any(m.signed_by(k) for k in keys)]
    def wrong(self, why): self.stopped = not self.c.bad.append(f"log {self.name}: {why}")
    def no_verdict(self, why): self.stopped = not self.c.unknown.append(f"log {self.name}: {why}")

    def begin(self):
        """The key that signed manifest 0, or the place behind the last gap."""
        self.counted, self.stopped = [], False
        self.start(0, Tree(), None)
        begun = [k for k in self.given if any(m.version and not self.misfit(m) for m in self.claimed(0, [k]))]
        if len(begun) > 1: return self.no_verdict("several keys signed a manifest 0: name the log's (LOG=FILE)")
        if begun: self.key = begun[0]; self.counted = True; return
        if claims := [n for n in self.at if self.claimed(n, self.given)]: self.behind_gap(claims, 0)

    def behind_gap(self, claims, gone):
        n = max(claims)
        while n - 1 in claims: n -= 1
        if n == 0:
            first = self.claimed(0, self.given)
            doubt = any(m.version != 2 or m.genesis for m in first) or any(m.genesis not in [f.sha for f in first] for k in claims if k for m in self.claimed(k, self.given))
            return (self.no_verdict if doubt else self.wrong)("manifest 0 does not begin a log, though a key that was given signed it")
        m = self.claimed(n, self.given + ([self.key] if self.counted else []))[0]
        if not self.counted and any(b and b.sha == m.p.get("previous") for _, b in self.at.get(n - 1, ())): return self.no_verdict(f"the key that signed {n-1} was not given")
        if m.version == 0: return self.no_verdict(f"manifest {n} is of a newer version")
        if any(v.get("unreadable") for p in range(gone, n) for v, b in self.at.get(p, ())): return self.no_verdict(f"the store did not give manifests before {n}")
        if m.past and m.past > self.now: return self.wrong(f"manifests {gone} to {n-1} are gone before their time")
        if gone and not m.past: return self.no_verdict(f"manifests {gone} to {n-1} are gone, and nothing tells whether their time was over")
        by = [k for k in self.given if (self.kept or self.name in k.logs) and m.signed_by(k)]
        if not by: return self.no_verdict(f"it begins with {n}, and whether the key that signed that is the log's must be said: LOG=FILE")
        try: tree = Tree(n, m.frontier) if bin(n).count("1") == len(m.frontier) and fold(m.frontier).hex() == m.tree.get("root") else None
        except Exception: tree = None
        if not tree: return self.wrong(f"manifest {n}: its frontier does not give its root")
        self.start(n, tree, m)
        self.counted, self.key, self.anchor = True, by[0], m.past is not None and self.name in by[0].logs

    def start(self, n, tree, m):
        self.first = self.end = n
        self.tree, self.previous, self.rotated, self.genesis = (tree, m.p["previous"], m.p.get("rotated_at"), m.genesis) if m else (tree, "", None, None)
        self.time, self.past, self.version = m and (m.time if m.version == 2 else m.written), m and m.past, m.version if m else 0
        self.past_known = not m or m.past is not None  # by every manifest so far
        self.manifests, self.signer, self.roots = [], [], {tree.size: tree.root()}
        self.used = set()

    def misfit(self, m):
        """Why m is not the manifest at the next place; None where it is."""
        p, tree = m.p, m.tree
        if m.version == 2 and self.end and m.genesis != self.genesis and not (self.version == 1 and self.genesis is None): return OTHER_LOG
        if m.version == 2 and not self.end and m.genesis: return OTHER_LOG
        if (p.get("previous") or "") != self.previous: return "another manifest before it"
        if tree.get("size", 0) != self.end or tree.get("root") != self.tree.root().hex() or m.frontier != self.tree.frontier: return "another tree"
        if p.get("rotated_at") != self.rotated: return "another rotated_at"
        if m.version == 2:
            if m.time != max(self.time or m.written, m.written): return "another time"
            if m.past != (self.past if self.past_known else None): return "another past_until"
            if m.past and (m.until or 0) < m.past: return "a lock that ends before those before it"
        if m.rotation and (not m.next or m.next.id in self.used | {self.key.id if self.end > self.first or self.counted else ""}): return "a rotation to no new key"

    def walk(self):
        while True:
            fits, why, dark, newer, rotation = [], None, False, False, None
            for v, m in self.at.get(self.end, ()):
                if m is None: dark = True
                if not m or m.log != self.name or m.seq != self.end or not m.signed_by(self.key): continue
                if m.version == 0: newer = newer or not fits
                elif m.version < self.version: pass  # of an older state of a log of this name
                elif reason := self.misfit(m): why = (m, reason)
                else:
                    if m.rotation: rotation = rotation or m
                    fits.append((v, m))
            if newer: return self.no_verdict(f"manifest {self.end} is of a newer version than this program knows")
            if not fits and why:  # version 1 does not say of which log of this name it is
                return (self.no_verdict if why[0].version == 1 or why[1] == OTHER_LOG else self.wrong)(f"manifest {self.end} does not continue the log ({why[1]}): it was rewritten or forked")
            if not fits and dark: return self.no_verdict(f"the store did not give what stands at manifest {self.end}")
            if not fits: return
            self.rivals = len(fits) > 1  # which one counts, the next manifest says
            if not self.continued(fits[0][1]) and any(self.continued(m) for _, m in fits[1:]):
                return self.no_verdict(f"it goes on from a version of manifest {self.end} that is not the oldest: it was forked, or the order in the copy is wrong")
            fit = fits[0]
            self.accept(*fit)
            if rotation: self.used.add(self.key.id); self.key, self.rotated = rotation.next, self.rotated if rotation is not fit[1] else self.end - 1

    def continued(self, m):
        """Whether a key that may sign the next place continues m there."""
        return any(n.version and n.p.get("previous") == m.sha for n in self.claimed(self.end + 1, [m.next if m.rotation else self.key]))

    def accept(self, v, m):
        if m.version == 2 and not held([v], m.p.get("retention"), self.now): self.c.bad.append(f"log {self.name}: manifest {m.seq} is not locked as was promised")
        if m.version == 1: self.past_known, self.past = False, None
        elif self.past_known: self.past = max(self.past or 0, m.until or 0) or None
        if self.end == 0: self.genesis = m.sha
        elif self.version == 1 and m.version == 2: self.genesis = m.genesis
        self.time, self.version = max(self.time or 0, m.written), m.version
        self.manifests.append(m); self.signer.append(self.key)
        self.previous, self.end = m.sha, self.end + 1
        self.tree.add(m.payload); self.roots[self.end] = self.tree.root()

    def agrees(self, k):
        """Whether the log's tree is that of the checkpoint; None where the log does not tell."""
        if k.genesis and k.genesis != self.genesis and self.genesis: return False
        return k.root == self.roots[k.size] if k.size in self.roots else None if k.size < self.first else False
    def may_sign(self, k):
        """The log's keys from the one of the last manifest in the tree on; behind the end, the one that is due."""
        keys = [*self.signer, self.key][max(k.size - 1 - self.first, 0):] or [self.key] + [g for g in self.given if self.name in g.logs]
        return any(k.signed_by(key) for key in keys)
    def judge(self, k, where, kept=False):
        """Holds a checkpoint against the log: one that the auditor keeps, or one that others laid there and that says nothing unless the log's key signed it."""
        other, signed = bool(k.genesis and self.genesis and k.genesis != self.genesis), self.may_sign(k)
        if not kept and (other or not signed): return self.c.notes.append(f"{where}: no key of the log signed it: not believed")
        ok = self.agrees(k)
        if ok is None: return (self.c.unknown if kept else self.c.notes).append(f"{where}: of {k.size} manifests, and the log begins with {self.first}: not compared")
        if ok: return
        doubt = other or not signed or (not kept and not k.genesis)  # another log of this name?
        if k.size > self.end and (self.past_known and self.past or 0) <= self.now: doubt = True  # what followed may have expired
        (self.c.unknown if doubt else self.c.bad).append(f"log {self.name}: {where} is of {k.size} manifests " + ("that are not there" if k.size > self.end else "of another tree"))

    def check(self, schema):
        """Objects, checkpoints in the store, and what this log saw of others, which is returned."""
        c, events = self.c, 0
        for m in self.manifests:
            where = f"log {self.name}, manifest {m.seq}:"
            for o in m.objects:
                try: events += check_object(c, o, where, self.now, schema) or 0
                except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as e: c.bad.append(f"{where} {o.get('key')}: {e!r}")
        for key in c.at:
            for _, b in c.versions(key) if re.fullmatch(r"checkpoints/v1/" + re.escape(self.name) + r"/\d{12}\.txt", key) else ():
                try: k = Checkpoint(b)
                except Exception: k = None
                if k and k.log == self.name: self.judge(k, key)
                else: c.notes.append(f"{key}: no checkpoint of the log: not believed")
        print(f"log {self.name}: {len(self.manifests)} manifests, {events} events" + (f", from manifest {self.first} on" if self.first else ""))
        return [h for m in self.manifests for h in m.heads if h]

def judge_head(c, logs, by, h):
    log = logs.get(h["log"])
    if not log or not log.counted: return
    try: k = Checkpoint(h["note"].encode()) if h.get("note") else None
    except Exception: k = None
    if k and k.log == log.name: log.judge(k, f"the checkpoint that log {by} saw")
    at = h["seq"] - log.first
    if h["seq"] >= log.end or at >= 0 and log.manifests[at].sha != h["sha256"]:
        c.notes.append(f"log {by} says that it saw another manifest {h['seq']} of log {log.name}: its word alone")

def main(args, now=None):
    keys, kept, c, args = {}, [], None, list(args)
    if not args: return print(__doc__) or 2
    try:
        now, schema, dir = now or time.time_ns(), schemas(), args.pop(0)
        while args:
            a = args.pop(0)
            if a == "--checkpoint": kept.append((args[0], Checkpoint(open(args.pop(0), "rb").read()))); continue
            log, named, file = a.partition("=")
            k = Key(open(file if named else a, "rb").read())
            k = keys.setdefault(k.id, k)
            if named: k.logs.add(log)
        c = Copy(dir)
        names = sorted({m[1] for key in c.at if (m := re.match(r"manifests/v1/([a-z0-9.-]{1,63})/\d{12}\.json$", key))})
        signed = [k for _, k in kept if any((not key.logs or k.log in key.logs) and k.signed_by(key) for key in keys.values())]
        logs = {n: Log(c, n, keys.values(), signed, now) for n in names}
        for n in sorted({l for k in keys.values() for l in k.logs} - set(names)): c.unknown.append(f"log {n}: there is no such log")
        heads = [(n, h) for n, log in logs.items() if log.counted for h in log.check(schema)]
        for n, h in heads: judge_head(c, logs, n, h)
        for n, log in logs.items():
            if not log.counted and not log.stopped: c.notes.append(f"log {n}: no key that was given signed any of it: nothing is said of it")
        for file, k in kept:
            log = logs.get(k.log)
            if k in signed or log and log.counted and log.may_sign(k):
                if log and log.counted: log.judge(k, file, kept=True)
                else: c.unknown.append(f"{file}: its log {k.log} is not there")
            else: c.unknown.append(f"{file}: no key that was given signed it")
        if not any(l.counted for l in logs.values()): c.unknown.append("there is no log that a given key signed")
        named = {o["key"]: o for l in logs.values() if l.counted for m in l.manifests for o in m.objects}
        for digest, where in c.names.items():
            if not any(k.startswith("blobs/v1/") and k.endswith(f"/{digest}.gz") for k in named): c.notes.append(f"{where[0]}: its full text {digest} is named by no manifest")
        if n := sum(key.split("/")[0] in ("data", "quarantine") and key not in named for key in c.at): c.notes.append(f"{n} data objects that no manifest names: no part of the trail")
    except Exception as e:  # never a verdict by accident
        c = c or type('Nothing', (), {'bad': [], 'unknown': [], 'notes': []})
        c.unknown.append(f"{type(e).__name__}: {e}")
    print("\n".join(f"{kind}: {s}" for kind, all_ in (("wrong", c.bad), ("not known", c.unknown), ("note", c.notes)) for s in all_[:20] + ["and more"] * (len(all_) > 20)))
    print("The order of versions, and locks, are the word of who made the copy. What was cut from a log's end shows only by a\n"
          "checkpoint that is held elsewhere. Not judged: cosignatures, timestamps, ids told twice, holes in runs, silence.")
    print("NOT CONFIRMED" if c.bad else "NO VERDICT" if c.unknown else "CONFIRMED")
    return 1 if c.bad else 2 if c.unknown else 0

if __name__ == "__main__": sys.exit(main(sys.argv[1:]))
