#!/usr/bin/env python3
"""Verifies a pulled copy of a trail from docs/ledger.md alone: python3 docs/verify.py COPY audit.pub [more.pub ...]

Exit codes: 0 CONFIRMED, 1 NOT CONFIRMED, 2 NO VERDICT. What others did around the
sealed content (foreign versions, orphans) is passed over, as the format asks.
"""
import base64, gzip, hashlib, json, os, sys
from collections import Counter
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

PAYLOAD = "application/vnd.in-toto+json"
bad, unknown = [], set()

def sha(b):
    return hashlib.sha256(b).digest()

class Tree:
    """An RFC 6962 tree as its frontier: [size, hash] from the largest subtree on."""
    def __init__(self):
        self.frontier, self.size = [], 0
    def add(self, leaf):
        node, n = sha(b"\0" + leaf), 1
        while self.frontier and self.frontier[-1][0] == n:
            node, n = sha(b"\1" + self.frontier.pop()[1] + node), 2 * n
        self.frontier.append((n, node))
        self.size += 1
    def root(self):
        node = self.frontier[-1][1] if self.frontier else sha(b"")
        for _, left in reversed(self.frontier[:-1]):
            node = sha(b"\1" + left + node)
        return node.hex()

def strict(text):
    """JSON in which no object has a key twice."""
    def once(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key twice")
        return dict(pairs)
    return json.loads(text, object_pairs_hook=once)

def load_key(pem):
    key = serialization.load_pem_public_key(pem)
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return sha(der).hex(), key

def signed(key, sig, message):
    try:
        key.verify(sig, message, *([] if isinstance(key, ed25519.Ed25519PublicKey) else [ec.ECDSA(hashes.SHA256())]))
        return True
    except InvalidSignature:
        return False

def manifest(text, keys):
    """The payload and the signer of a DSSE envelope, None where no key signed it."""
    try:
        e = strict(text)
        payload = base64.b64decode(e["payload"], validate=True)
        message = b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)
        for s in e["signatures"]:
            for kid, key in keys.items():
                if e["payloadType"] == PAYLOAD and s.get("keyid", kid) == kid and signed(key, base64.b64decode(s["sig"], validate=True), message):
                    return payload, kid
    except (ValueError, KeyError, TypeError):
        pass
    return None, None

def check_object(o, versions, where):
    if o["key"] in unknown and o["key"] not in versions:
        return
    bodies = [b for b in versions.get(o["key"], []) if sha(b).hex() == o["sha256"] and len(b) == o["bytes"]]
    if not bodies:
        return bad.append(f"{where}: no version of {o['key']} is the one that was signed")
    text = gzip.decompress(bodies[0]) if o["key"].endswith(".gz") else bodies[0]
    if o["key"].startswith("blobs/v1/"):  # a text and no lines
        if (f"blobs/v1/{sha(text).hex()}.gz", len(text)) != (o["key"], o["uncompressed_bytes"]):
            bad.append(f"{where}: {o['key']} is not the text of its name")
        return
    lines, tree = text[:-1].split(b"\n"), Tree()
    for line in lines:
        tree.add(line)
    events = [strict(line) for line in lines]
    sessions = {sha(e["session_id"].encode())[:8].hex() for e in events if e.get("session_id")}
    said = o["sessions"]
    have = {"merkle_root": tree.root(), "events": len(events), "uncompressed_bytes": len(text), "count": len(sessions),
            "event_types": Counter(e["event_type"] for e in events), "prefixes": sorted(sessions),
            "missing_fields": Counter(f for e in events for f in e.get("missing_fields", []))}
    if "bloom" in said:
        del have["prefixes"]
    for name in have:
        if have[name] != (said if name in ("count", "prefixes") else o).get(name, []):
            bad.append(f"{where}: {name} of {o['key']} is not what was signed")

def check_log(log, places, versions, keys):
    tree, previous, retired, count = Tree(), "", set(), 0
    keys = dict(keys)
    for seq in sorted(places):
        where = f"manifest {seq} of log {log}"
        for text in places[seq]:  # the oldest that a key signed, and that continues the chain
            payload, kid = manifest(text, keys)
            says = strict(payload)["predicate"] if payload else {}
            if payload and kid not in retired and (says["log"], says["seq"]) == (log, seq):
                break
        else:
            continue  # nothing of the log: the next manifest tells whether one is missing
        if seq and not tree.size:  # the oldest have expired: go on from the frontier
            sizes = [1 << b for b in reversed(range(64)) if seq >> b & 1]
            tree.frontier = list(zip(sizes, map(bytes.fromhex, says["tree"]["frontier"])))
            tree.size, previous = seq, says["previous"]
        if (says["previous"], says["tree"]["size"], says["tree"]["root"]) != (previous, tree.size, tree.root()) or seq != tree.size:
            bad.append(f"{where} does not continue the chain")
        subject = [{"name": o["key"], "digest": {"sha256": o["sha256"]}} for o in says["objects"]]
        if says["tree"]["frontier"] != [h.hex() for _, h in tree.frontier] or strict(payload)["subject"] != subject:
            bad.append(f"{where}: frontier or subject is wrong")
        for o in says["objects"]:
            check_object(o, versions, where)
            count += o["events"]
        if says["kind"] == "key_rotation":
            new, key = load_key(says["next_key"]["public_key"].encode())
            keys[new], retired = key, (retired | {kid}) - {new}
        tree.add(payload)
        previous = sha(payload).hex()
        for text in versions.get(f"checkpoints/v1/{log}/{tree.size:012d}.txt", []):
            origin, size, root = text.decode().split("\n")[:3]
            note, _, sigs = text.partition(b"\n\n")
            sig = base64.b64decode(sigs.split(b"\n")[0].split(b" ")[2])[4:]
            mine = origin == f"agentaudit.dev/{log}" and any(signed(k, sig, note + b"\n") for k in keys.values())
            if mine and (int(size), base64.b64decode(root).hex()) != (tree.size, tree.root()):
                bad.append(f"log {log} is not the one of its checkpoint of size {tree.size}")
    return tree.size, count

def main(copy, *pems):
    keys = dict(load_key(open(p, "rb").read()) for p in pems)
    versions, logs = {}, {}
    for line in open(os.path.join(copy, ".agentaudit", "versions.jsonl"), "rb"):
        v = json.loads(line)  # oldest first; contents of what is neither a marker nor refused
        if v.get("not_pulled"):  # a bounded copy: nothing is known of it
            unknown.add(v["key"])
        if v.get("file"):
            versions.setdefault(v["key"], []).append(open(os.path.join(copy, v["file"]), "rb").read())
    for key, texts in versions.items():
        part = key.split("/")
        if key.startswith("manifests/v1/") and len(part) == 4 and part[3][:12].isdigit():
            logs.setdefault(part[2], {})[int(part[3][:12])] = texts
    for log in sorted(logs):
        size, events = check_log(log, logs[log], versions, keys)
        print(f"log {log}: {size} manifests, {events} events, root checked")
    verdict = "NO VERDICT: no log" if not logs else "NOT CONFIRMED" if bad else "NO VERDICT: the copy is bounded" if unknown else "CONFIRMED"
    print("\n".join(bad[:20] + [verdict]))
    return 2 if not logs else 1 if bad else 2 if unknown else 0

if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(print(__doc__) or 2)
    sys.exit(main(*sys.argv[1:]))
