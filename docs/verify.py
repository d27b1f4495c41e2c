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

PAYLOAD, STATEMENT, MANIFEST = "application/vnd.in-toto+json", "https://in-toto.io/Statement/v1", "https://agentaudit.dev/manifest/v"
KINDS = ("open", "batch", "heartbeat", "key_rotation", "close", "retire", "tombstone")

# ---- bytes, times, trees, keys

def sha(b): return hashlib.sha256(b).digest()
def unbase64(s): return base64.b64decode(s, validate=True)
def strict64(s):
    if base64.b64encode(b := unbase64(s)).decode() != s: raise ValueError("another spelling of base64")
    return b

def instant(s):
    """RFC 3339, as nanoseconds."""
    m = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))", s, re.ASCII)
    if not m: raise ValueError(f"not a time: {s}")
    t = datetime.strptime(m[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    ahead = int((m[3] or "+") + "1") * (int(m[4] or 0) * 60 + int(m[5] or 0)) * 60
    return ((t - datetime(1970, 1, 1, tzinfo=timezone.utc)) // (t.resolution * 1000000) - ahead) * 10**9 + int((m[2] or "0")[:9].ljust(9, "0"))

def nanos(s):
    """RFC 3339 in UTC, as nanoseconds."""
    if not s.endswith("Z"): raise ValueError(f"not in UTC: {s}")
    return instant(s)

NEVER_SAID = "0001-01-01T00:00:00Z"
NEVER = instant(NEVER_SAID)

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

LOCK = {"mode": str, "until": instant}
NAME = {"_type": str, "predicateType": str, "predicate": {"log": str, "genesis": str, "seq": int}}  # of every version
SHAPE = {"_type": str, "subject": [{"name": str, "digest": {"*": str}}], "predicateType": str, "predicate": {
    "log": str, "genesis": str, "seq": int, "kind": str, "previous": str, "written_at": instant, "time": instant, "retention": LOCK,
    "past_until": instant, "tree": {"size": int, "root": str, "frontier": [str]}, "objects": [{"key": str, "kind": str, "of": str,
        "frames": {"count": int, "root": str}, "sha256": str, "bytes": int, "events": int, "uncompressed_bytes": int, "merkle_root": str,
        "min_timestamp": instant, "max_timestamp": instant, "event_types": {"*": int}, "missing_fields": {"*": int}, "retention": {"class": str, **LOCK},
        "sessions": {"count": int, "prefixes": [str], "bloom": {"hashes": int, "bits": str}}}],
    "heads": [{"log": str, "seq": int, "sha256": str, "note": str}], "writer": {"version": str, "config_sha256": str, "rules_sha256": str, "host": str},
    "instance": str, "key_store": str, "next_key": {"key_id": str, "public_key": str}, "rotated_at": int}}
ENVELOPE = {"payloadType": str, "payload": str, "signatures": [{"keyid": str, "sig": str}]}

def shape(v, want, strict=False):
    """Raises where v is not of the shape; names that are not known are ignored, or refused where strict."""
    if v is None: return  # as absent
    if want is instant: instant(v)
    elif isinstance(want, list):
        if type(v) is not list: raise ValueError("no list")
        for e in v: shape(e, want[0], strict)
    elif isinstance(want, dict):
        if type(v) is not dict: raise ValueError("no object")
        for name, e in v.items():
            if name in want or "*" in want: shape(e, want.get(name, want.get("*")), strict)
            elif strict or name.casefold() in map(str.casefold, want): raise ValueError(f"the name {name}")
    elif type(v) is not want or want is int and not -2**63 <= v < 2**63: raise ValueError(f"{v!r} is no {want.__name__}")

class Manifest:
    """What stands at a manifest's key; raises where it does not even say whose it is. version is 1, 2, or 0 where it is not known;
    malformed is why it is no manifest of its version."""
    def __init__(self, body):
        e = parse(body)
        shape(e, ENVELOPE, strict=True)
        if e["payloadType"] != PAYLOAD or not 1 <= len(e["signatures"]) <= 16: raise ValueError("no signed statement")
        self.payload, self.sigs = strict64(e["payload"]), [(s.get("keyid"), strict64(s["sig"])) for s in e["signatures"]]
        st = parse(self.payload)
        shape(st, NAME)
        if st["_type"] != STATEMENT or not st["predicateType"].startswith(MANIFEST): raise ValueError("another statement")
        p = st["predicate"]
        self.version = {MANIFEST + "1": 1, MANIFEST + "2": 2}.get(st["predicateType"], 0)
        self.log, self.seq, self.sha = p["log"], p.get("seq") or 0, sha(self.payload).hex()
        self.genesis, self.malformed, self.p = p.get("genesis") or "", None, {}
        try: self.version and self.read(st)
        except Exception as why: self.malformed = f"malformed: {why}"
        p = self.p
        self.objects, self.heads, self.tree = p.get("objects") or [], p.get("heads") or [], p.get("tree") or {}
        self.previous, self.rotated, self.rotation, self.next = p.get("previous") or "", p.get("rotated_at"), p.get("kind") == "key_rotation", None
        self.written = instant(p.get("written_at") or NEVER_SAID)
        self.time, self.past = (instant(p[f]) if self.version == 2 and p.get(f) else None for f in ("time", "past_until"))
        self.until = instant((p.get("retention") or {}).get("until") or NEVER_SAID)
        self.sealed = self.written if self.time is None else self.time
        try: self.next = Key(p["next_key"]["public_key"].encode()) if self.rotation else None
        except Exception: pass
        if self.next and self.next.id != p["next_key"]["key_id"]: self.next = None
    def read(self, st):
        shape(st, SHAPE)
        p = self.p = st["predicate"]
        if p.get("kind") not in KINDS: raise ValueError("an unknown kind")
        if [(o.get("key") or "", o.get("sha256") or "") for o in p.get("objects") or []] != \
           [(s.get("name") or "", (s.get("digest") or {}).get("sha256") or "") for s in st.get("subject") or []]: raise ValueError("subject and objects differ")
        if self.version == 2 and (p.get("time") is None or p.get("retention") is None): raise ValueError("no time, or no lock")
    def before(self):
        """The tree that it says was before it; None where it contradicts itself."""
        f = self.tree.get("frontier") or []
        if self.malformed or (self.tree.get("size") or 0) != self.seq or len(f) != bin(self.seq).count("1"): return None
        if not all(re.fullmatch("[0-9a-fA-F]{64}", h or "") for h in f): return None
        tree = Tree(self.seq, map(bytes.fromhex, f))
        return tree if tree.root().hex() == self.tree.get("root") else None
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
    until = instant((lock or {}).get("until") or NEVER_SAID)
    return until <= now or any(not v.get("gone") and rank.get(v.get("mode"), 0) >= rank.get(lock.get("mode"), 0) and v.get("until") and instant(v["until"]) >= until - until % 10**9 for v in versions)

def check_object(c, o, where, now, schema, wrong):
    """Judges one object that a manifest names; returns its number of events."""
    def bad(why): wrong(f"{o['key']}: {why}")
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
    if of_key == "events" and [instant(o.get(f) or NEVER_SAID) for f in ("min_timestamp", "max_timestamp")] != ([min(stamps), max(stamps)] if stamps else [NEVER] * 2): bad("other times")
    try:
        if not sessions_fit(o.get("sessions") or {}, ids): bad("another set of sessions")
    except Exception: bad("no set of sessions")
    return tree.size

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

class Place:
    """A place in a log: what the manifests up to it give for the next one."""
    def __init__(self):
        self.seq, self.sha, self.genesis, self.version, self.tree = -1, "", "", 0, Tree()
        self.clock, self.until, self.rotated, self.key = NEVER, NEVER, None, None  # until: the latest lock so far, where all were signed

    def then(self, m, key):
        """The place of m, which key signed, on this one, whether or not it fits."""
        at = Place()
        at.seq, at.sha, at.version, at.clock, at.key, at.rotated = m.seq, m.sha, m.version, m.sealed, m.next or key, m.seq if m.next else self.rotated
        at.genesis = m.sha if m.seq == 0 else m.genesis if m.version == 2 and (self.version == 1 or not self.genesis) else self.genesis
        at.tree = Tree(self.tree.size, self.tree.frontier)
        at.tree.add(m.payload)
        if m.version == 2 and self.version != 1 and (self.seq < 0 or self.until > NEVER): at.until = max(self.until, m.until)
        return at

    def another(self, m):
        """Whether m says that it is of another log of the name. One that passed from version 1 may not know its genesis."""
        return m.version == 2 and m.genesis != self.genesis and not (self.version == 1 and (not self.genesis or not m.genesis))

    def misfit(self, m):
        """Why m does not continue the log here; None where it does."""
        if m.malformed: return m.malformed
        if m.version < self.version: return "an older version"
        if m.previous != self.sha: return "another manifest before it"
        if (m.tree.get("size") or 0, m.tree.get("root")) != (self.tree.size, self.tree.root().hex()) or not m.before(): return "another tree"
        if m.rotated != self.rotated and (m.version == 2 or m.rotated is not None): return "another rotated_at"
        if m.rotation and not m.next: return "a rotation that names no key"
        if m.version == 1: return None
        if self.another(m): return "another genesis"
        if m.time != max(self.clock, m.written): return "another time"
        if m.past != (self.until if self.until > NEVER else None): return "another past_until"
        if m.past is not None and m.until < m.past: return "a lock that ends before those before it"

def itself(m, key):
    """The places before and of a manifest, for which its own word is taken; None where it contradicts itself."""
    if not (tree := m.before()): return None
    at = Place()
    at.seq, at.sha, at.genesis, at.version, at.tree, at.clock, at.rotated, at.key = m.seq - 1, m.previous, m.genesis, m.version if m.seq else 0, tree, m.sealed, m.rotated, key
    at.until = NEVER if m.past is None else m.past
    return at, at.then(m, key)

class Log:
    """Finds the manifests that count, from the log's beginning to its end."""
    def __init__(self, c, name, keys, kept, now):
        self.c, self.name, self.now, self.kept = c, name, now, [k for k in kept if k.log == name]
        self.named = any(name in k.logs for k in keys)
        self.all = {k.id: k for k in keys}
        self.given = {k.id: k for k in keys if (name in k.logs if self.named else not k.logs)}  # that may begin it, and those that followed
        self.at, self.first, self.ended, self.manifests, self.rivals, self.bad = None, None, {}, [], [], []
        self.dark = self.stuck = self.doubted = self.again = self.two = False
        versions = {}
        for key in c.at:
            if m := re.fullmatch(r"manifests/v1/" + re.escape(name) + r"/(\d{12})\.json", key): versions[int(m[1])] = [(v, self.manifest(b)) for v, b in c.versions(key)]
        self.versions = versions
        for seq in sorted(versions):
            taken = self.place(seq, [(v, m) for v, m in versions[seq] if m and m.log == name and m.seq == seq and any(m.signed_by(k) for k in self.all.values())])
            if self.stuck: break
            self.dark = self.dark or not taken and any(m is None for _, m in versions[seq])
        if self.rivals and not self.stuck: self.doubt(f"several versions of {self.at.seq}, the newest manifest, fit, and which is the oldest only the maker of the copy says")
        if self.dark: self.refused()
        if self.first: self.beginning()
        elif self.first == 0 and not self.vouched() and any(b.version == 2 and modified(w) < self.stored for n in versions if n for w, b in self.strange(n)):
            self.doubt("manifest 0 was stored after a later one, which no given key signed: it may lie in the place of one that has expired")

    def strange(self, seq):
        """What stands at a place, is a manifest for it, and no known key signed."""
        return [(v, m) for v, m in self.versions.get(seq, ()) if m and m.log == self.name and m.seq == seq and not any(m.signed_by(k) for k in self.all.values())]
    def vouched(self): return any(self.roots.get(k.size) == k.root for k in self.kept)
    def manifest(self, body):
        try: return Manifest(body) if body is not None else None
        except Exception: return False  # None: not given by the store
    def wrong(self, seq, why): self.doubted = not self.bad.append((seq, f"log {self.name}, manifest {seq}: {why}"))
    def doubt(self, why, enough=False): self.doubted = not self.c.unknown.append(f"log {self.name}: {why}"); self.stuck = self.stuck or enough
    def settle(self):
        """Says what does not hold: not of what stands before the beginning, nor where it may be of another log of this name."""
        for seq, why in self.bad: (self.c.notes if self.again and seq < self.first else self.c.unknown if self.two else self.c.bad).append(why)
    def refused(self): self.doubt(f"the store did not give all that stands behind manifest {self.at.seq if self.at else -1}", enough=True)

    def may(self, key): return key.id in self.given and (not key.logs or self.name in key.logs)
    def over(self, m): return m.past is not None and m.past <= self.now  # everything before it may be gone
    def expired(self, m): return self.over(m) and m.past >= self.at.until
    def signed(self, m, key): return self.may(key) and m.seq <= self.ended.get(key.id, m.seq) and m.signed_by(key)
    def due(self, m): return self.signed(m, self.at.key)
    def misfit(self, m):
        if m.version == 0: return "a newer version"
        if why := self.at.misfit(m): return why
        if m.next and m.next.id in [self.at.key.id] + [k.id for _, k in self.epochs]: return "a rotation to a key that has signed the log"

    def place(self, seq, found):
        """Judges what stands at a place, oldest version first: (version, manifest of this log and place that a known key signed)."""
        if not found: return False
        if not self.at: return self.begin(seq, found)
        if seq > self.at.seq + 1: return self.gap(seq, found)
        fits = [(v, m) for v, m in found if self.due(m) and not self.misfit(m)]
        if not fits: return self.refuse(found)
        for v, m in found[:[v for v, _ in found].index(fits[0][0])]:  # older than what continues the log
            if not self.due(m): continue
            if self.at.another(m):
                if modified(v) <= self.stored: self.namesake(m)
            elif self.at.version == 2 and self.expired(m) and self.at.seq > 0: return self.restart(v, m, self.at.key)
            else: self.doubt(f"an older manifest {seq} stands beside the one that continues the log", enough=self.at.version == 1)
        if self.stuck: return True
        return self.take([(v, m, self.at, self.at.then(m, self.at.key), self.at.key) for v, m in fits])

    def begin(self, seq, found):
        tips, bad, none = [], None, Place()
        for v, m in found:
            for key in [k for k in self.given.values() if m.signed_by(k)]:
                if m.version == 0: return self.newer(m)
                if seq: why = None if itself(m, key) else m.malformed or "its frontier does not give its root"
                else: why = none.misfit(m) or ("a rotation to the key that signs it" if m.next and m.next.id == key.id else None)
                if why: bad = (why, (v, m, none, none.then(m, key), key))
                else: tips.append((v, m, *(itself(m, key) if seq else (none, none.then(m, key))), key))
        if len({t[4].id for t in tips}) > 1:
            self.two = True
            return self.doubt(f"several keys signed a manifest {seq}: name the log's (LOG=FILE)", enough=True) or True
        if not tips and not bad: return False
        if not tips: self.wrong(seq, f"it does not begin a log ({bad[0]}), though a key that was given signed it")
        return self.refused() or True if self.dark else self.take(tips or [bad[1]])

    def take(self, tips):
        """Goes on to the oldest version of those that fit."""
        v, m, before, self.at, key = tips[0]
        self.rivals = [t[3] for t in tips[1:] if t[1].sha != m.sha and t[1].previous == m.previous and (m.seq == 0 or t[3].genesis == self.at.genesis)]
        if self.first is None:
            self.first, self.past, self.stored, self.epochs, self.roots = m.seq, m.past, modified(v), [(m.seq, key)], {m.seq: before.tree.root()}
            self.older = any(b.sha == m.previous for _, b in self.strange(m.seq - 1))
            self.under = any(modified(w) < self.stored for w, _ in self.strange(m.seq))
        if m.next:
            self.ended.setdefault(key.id, m.seq)
            self.at.key = self.all.setdefault(m.next.id, m.next)
            self.given.setdefault(m.next.id, self.at.key)
            self.epochs.append((m.seq + 1, self.at.key))
        self.roots[m.seq + 1] = self.at.tree.root()
        self.manifests.append((v, m))
        return True

    def resume(self, v, m, key):
        """Goes on behind what is missing."""
        before, at = itself(m, key) or (self.at, self.at.then(m, key))
        return self.take([(v, m, before, at, key)])
    def restart(self, v, m, key):
        """Begins anew at a manifest before which everything may have expired."""
        if itself(m, key): self.first, self.again = None, True
        else: self.wrong(m.seq, "it contradicts itself")
        return self.resume(v, m, key)
    def newer(self, m): return self.doubt(f"manifest {m.seq} is of a newer version than this program knows", enough=True) or True

    def refuse(self, found):
        """A place at which nothing continues the log."""
        for v, m in found:
            if not self.due(m): self.stranger(m); continue
            why = self.misfit(m)
            if m.version == 2 and self.at.version == 1 and (not m.genesis or self.first and (m.past is None or self.over(m))):
                return self.doubt(f"manifest {m.seq} does not continue what is before it, of version 1, which may be of another trail in the place of what has expired", enough=True) or True
            if self.first and self.expired(m): return self.restart(v, m, self.at.key)
            if m.version == 0: return self.newer(m)
            if self.at.another(m): self.namesake(m); continue
            if m.version < self.at.version: continue  # of an older state of a log of this name
            if m.version == 2 and any(not r.misfit(m) for r in self.rivals):
                self.doubt(f"it goes on from a version of manifest {self.at.seq} that is not the oldest: it was forked, or the order in the copy is wrong")
                return self.resume(v, m, self.at.key)
            why = f"it does not continue the log ({why}), which was rewritten or forked"
            if m.version == 1: return self.doubt(f"manifest {m.seq}: {why}, or it is of another of this name", enough=True) or True
            self.wrong(m.seq, why)
            return self.resume(v, m, self.at.key)
        return False

    def gap(self, seq, found):
        """What stands behind places at which nothing counts."""
        for v, m in found:
            other = m.version == 0 and self.at.genesis and m.genesis != self.at.genesis or self.at.another(m)
            after = [k for k in self.given.values() if self.named and m.rotated is not None and m.rotated > self.at.seq and self.signed(m, k)]
            if self.due(m) and not other: key = self.at.key
            elif after and not other: key = after[0]
            else: (self.namesake if self.due(m) else self.stranger)(m); continue
            gone = f"manifests {self.at.seq + 1} to {seq - 1} are gone"
            if self.dark: return self.refused() or True
            if m.version == 0: return self.newer(m)
            if self.expired(m): return self.restart(v, m, key)
            if m.past is not None: self.wrong(self.at.seq + 1, gone + " before their time")
            else: self.doubt(f"{gone}, and nothing tells whether their time was over", enough=m.version == 1)
            return self.stuck or self.resume(v, m, key)
        return False

    def stranger(self, m):
        """What the key that is due did not sign: nothing, unless it speaks of a rotation that is not there, or of another log of this name."""
        ours = not self.at.another(m)
        for k in list(self.all.values()):
            if m.version == 0 or k.id in [e.id for _, e in self.epochs] or m.seq > self.ended.get(k.id, m.seq) or not m.signed_by(k): continue
            if ours and m.rotated is not None and m.rotated > self.at.seq and (not k.logs or self.name in k.logs):
                return self.doubt(f"a key that was given says by manifest {m.seq} that it follows the log's by a rotation that is not there: name the log's keys (LOG=FILE)")
            if (m.version == 1 or self.at.another(m)) and self.may(k): return self.namesake(m)
    def namesake(self, m):
        if self.at.genesis in [k.genesis for k in self.kept]: return
        self.two = True
        self.doubt(f"a key that was given signed manifest {m.seq} of another log of this name")

    def beginning(self):
        gone = f"manifests 0 to {self.first - 1} are gone"
        if self.older: self.doubt(f"the key that signed {self.first - 1} was not given")
        elif self.past is not None and self.past > self.now: self.wrong(self.first, gone + " before their time")
        elif self.vouched(): pass
        elif self.past is None: self.doubt(gone + ", and nothing tells whether their time was over: give a checkpoint")
        elif self.name not in self.epochs[0][1].logs: self.doubt(gone + f", and whether the key that signed {self.first} is the log's must be said: give a checkpoint, or name the key (LOG=FILE)")
        elif self.under: self.doubt(gone + f", and an older manifest {self.first} stands under the one that counts, which no given key signed: give its key")

    def signer(self, k):
        """Whether a checkpoint is signed by the key of its last manifest, or by the next one's."""
        last = k.size - 1
        due = {k.id for n in (last, last + 1) for k in [key for at, key in self.epochs if at <= n][-1:]}
        return any(k.signed_by(self.all[i]) and self.may(self.all[i]) and last <= self.ended.get(i, last) for i in due)
    def follows(self, k):
        """Whether a key that was named for the log signed it for manifests that are not there."""
        return self.named and k.size > self.at.seq + 1 and any(k.signed_by(g) and self.may(g) and k.size - 1 <= self.ended.get(i, k.size) for i, g in self.given.items())
    def judge(self, k, where, kept=False):
        """Holds a checkpoint against the log: one that the auditor keeps, or one that others laid there and that says nothing unless the log's key signed it."""
        other, signed, beyond = bool(k.genesis and self.at.genesis and k.genesis != self.at.genesis), self.signer(k), k.size > self.at.seq + 1
        doubt = beyond and self.at.until <= self.now  # what followed may have expired
        if kept: doubt = doubt or other or not signed or beyond and self.stuck
        elif other or not signed:
            if beyond and not other and not self.stuck and self.follows(k): self.doubt(f"{where}: of manifests that are not there, by a key that was named for the log, and no rotation to it is")
            else: self.c.notes.append(f"{where}: no key of the log signed it: not believed")
            return
        else: doubt = doubt or not k.genesis  # version 1 does not say of which log of this name it is
        if k.size < self.first + (not kept): return (self.doubt if kept else self.c.notes.append)(f"{where}: of {k.size} manifests, and the log begins with {self.first}: not compared")
        if self.roots.get(k.size, b"" if beyond else k.root) == k.root or beyond and self.stuck and not kept: return  # or of a gap, which was told
        why = f"{where} is of {k.size} manifests " + ("that are not there" if beyond else "of another tree")
        self.doubt(why) if doubt else self.wrong(k.size - 1, why)

    def check(self, schema):
        """Objects, checkpoints in the store, and what this log saw of others, which is returned."""
        c, events = self.c, 0
        for v, m in self.manifests:
            where = f"log {self.name}, manifest {m.seq}:"
            locks = [m.p.get("retention") or {"mode": "GOVERNANCE"}] + [o.get("retention") or {} for o in m.objects]
            lock = {"mode": "COMPLIANCE" if any(l.get("mode") == "COMPLIANCE" for l in locks[1:]) else locks[0].get("mode"),
                    "until": max((l.get("until") or NEVER_SAID for l in locks), key=instant)}
            if not held([v], lock, self.now): self.wrong(m.seq, "not locked as was promised")
            for o in m.objects:
                try: events += check_object(c, o, where, self.now, schema, lambda why: self.wrong(m.seq, why)) or 0
                except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as e: self.wrong(m.seq, f"{o.get('key')}: {e!r}")
        for key in c.at:
            for _, b in c.versions(key) if re.fullmatch(r"checkpoints/v1/" + re.escape(self.name) + r"/\d{12}\.txt", key) else ():
                try: k = Checkpoint(b)
                except Exception: k = None
                if k and k.log == self.name: self.judge(k, key)
                else: c.notes.append(f"{key}: no checkpoint of the log: not believed")
        print(f"log {self.name}: {len(self.manifests)} manifests, {events} events" + (f", from manifest {self.first} on" if self.first else ""))
        return [h for _, m in self.manifests for h in m.heads if h]

def modified(v): return instant(v["last_modified"]) if v.get("last_modified") else NEVER

def judge_head(c, logs, by, h):
    log = logs.get(h.get("log"))
    if not log or not log.at: return
    try: k = Checkpoint(h["note"].encode()) if h.get("note") else None
    except Exception: k = None
    seq = h.get("seq") or 0
    if seq < log.first or seq <= log.at.seq and seq + 1 not in log.roots or log.stuck and seq > log.at.seq: return
    if k and k.log == log.name: log.judge(k, f"the checkpoint that log {by} saw")
    if seq > log.at.seq or {m.seq: m.sha for _, m in log.manifests}[seq] != h.get("sha256"):
        c.notes.append(f"log {by} says that it saw another manifest {seq} of log {log.name}: its word alone")

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
        logs = {n: Log(c, n, list(keys.values()), signed, now) for n in names}
        for n in sorted({l for k in keys.values() for l in k.logs} - set(names)): c.unknown.append(f"log {n}: there is no such log")
        heads = [(n, h) for n, log in logs.items() if log.at for h in log.check(schema)]
        for n, h in heads: judge_head(c, logs, n, h)
        for n, log in logs.items():
            if not log.at and not log.doubted: (c.unknown if log.named else c.notes).append(f"log {n}: no key that was given signed any of it: nothing is said of it")
        for file, k in kept:
            log = logs.get(k.log)
            if k in signed or log and log.at and log.signer(k):
                if log and log.at: log.judge(k, file, kept=True)
                else: c.unknown.append(f"{file}: its log {k.log} is not there")
            else: c.unknown.append(f"{file}: no key that was given signed it")
        if not any(l.at for l in logs.values()): c.unknown.append("there is no log that a given key signed")
        for l in logs.values(): l.settle()
        named = {o["key"]: o for l in logs.values() if l.at for _, m in l.manifests for o in m.objects}
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
