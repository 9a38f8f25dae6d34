"""Verifies audit exports of Pointsman with nothing but Python 3.8: verify.py [--key KEY] EXPORT... (zip or directory)"""
import base64, hashlib, json, os, re, sys, zipfile
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # Ed25519, RFC 8032
D = -121665 * pow(121666, P - 2, P) % P
sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
b64 = lambda s: base64.b64decode(s, validate=True)

def need(ok, why):
    if not ok: raise ValueError(why)

def point(b):  # decompress
    y = int.from_bytes(b, "little"); sign = y >> 255; y &= 2**255 - 1
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if x * x % P != xx: x = x * pow(2, (P - 1) // 4, P) % P
    need(x * x % P == xx and y < P, "not a curve point")
    return (P - x if x & 1 != sign else x, y, 1, (P - x if x & 1 != sign else x) * y % P)

def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    return ((f - e) * (d - c) % P, (d + c) * (f + e) % P, (d - c) * (d + c) % P, (f - e) * (f + e) % P)

def times(n, q):
    r = (0, 1, 1, 0)
    while n: r, q, n = add(r, q) if n & 1 else r, add(q, q), n >> 1
    return r

def opened(note, key, what):  # the text of a note signed by key (name+hash+base64)
    text, _, sigs = note.decode().rpartition("\n\n"); text += "\n"; name, tag, pub = key.split("+", 2)
    pub = b64(pub); need(sha(name.encode(), b"\n", pub)[:4].hex() == tag, "key")
    for sig in (b64(s) for n, s in re.findall("^\u2014 (\\S+) (\\S+)$", sigs, re.M) if n == name):
        r, s = sig[4:36], int.from_bytes(sig[36:], "little")
        h = int.from_bytes(hashlib.sha512(r + pub[1:] + text.encode()).digest(), "little") % L
        a = times(s, point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))); b = add(point(r), times(h, point(pub[1:])))
        if sig[:4].hex() == tag and s < L and all((a[i] * b[2] - b[i] * a[2]) % P == 0 for i in (0, 1)): return text
    raise ValueError(what + " is not signed by " + name + "+" + tag)

def root(i, n, node, proof):  # RFC 6962: the root of n leaves, from leaf i and its audit path
    if n == 1: need(not proof, "proof"); return node
    k = 1 << (n - 1).bit_length() - 1; need(proof, "proof")
    return sha(b"\1", root(i, k, node, proof[:-1]), proof[-1]) if i < k else sha(b"\1", proof[-1], root(i - k, n - k, node, proof[:-1]))

def verify(read, key):
    key = key or read("key.txt").decode().strip(); size, top = opened(read("checkpoint.txt"), key, "checkpoint").split("\n")[1:3]
    listed = opened(read("manifest.txt"), key, "manifest").split("\n"); last, edges = (0, bytes(32)), []
    want = (s for a, b in re.findall(r"(\d+)-(\d+)", listed[2]) for s in range(int(a), int(b) + 1))
    for line in read("rows.jsonl").decode().splitlines():
        e = json.loads(line); at = "entry %d: " % e["seq"]; need(e["seq"] == next(want, 0), at + "not the one that comes next")
        need(sha(b"pointsman/audit/v1\0", e["seq"].to_bytes(8, "big"), b64(e["prev"]), e["body"].encode()) == b64(e["hash"]), at + "altered")
        need(e["seq"] != last[0] + 1 or b64(e["prev"]) == last[1], at + "does not continue the one before")
        last, leaf = (e["seq"], b64(e["hash"])), sha(b"\0", b64(e["hash"]))
        if "proof" in e: need(root(e["seq"] - 1, int(size), leaf, [b64(h) for h in e["proof"]]) == b64(top), at + "not in the signed tree")
        edges.append((1, leaf))
        while len(edges) > 1 and edges[-1][0] == edges[-2][0]: (w, b), (_, a) = edges.pop(), edges.pop(); edges.append((2 * w, sha(b"\1", a, b)))
    while "proof" not in e and len(edges) > 1: (w, b), (v, a) = edges.pop(), edges.pop(); edges.append((v + w, sha(b"\1", a, b)))
    need("proof" in e or edges == [(int(size), b64(top))], "the rows are not the tree that was signed"); need(not next(want, 0), "entries are missing at the end")
    for s, name in (l.split("  ") for l in listed[3:] if l): need(sha(read(name)).hex() == s, name + " is not the file that was signed")

key = sys.argv[2] if sys.argv[1:2] == ["--key"] else None; bad = False
for path in sys.argv[3 if key else 1:]:
    try: verify(zipfile.ZipFile(path).read if os.path.isfile(path) else lambda n: open(os.path.join(path, n), "rb").read(), key); print(path, "intact")
    except Exception as e: bad = True; print(path, "touched:", e)
sys.exit(bad)
