"""Verifies audit exports of Pointsman with nothing but Python 3.8: verify.py [--key KEY] EXPORT... (zip or directory)"""
import base64, hashlib, json, os, re, sys, zipfile
P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493; D = -121665 * pow(121666, P - 2, P) % P  # Ed25519, RFC 8032
sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
b64 = lambda s: (base64.b64decode(s), need(base64.b64encode(base64.b64decode(s)) == s.encode(), "base64"))[0]
half = lambda n: 1 << (n - 1).bit_length() - 1  # RFC 6962: where a tree of n leaves splits
def need(ok, why):
    if not ok: raise ValueError(why)

def point(b):  # a curve point from its 32 bytes
    y = int.from_bytes(b, "little"); sign = y >> 255; y &= 2**255 - 1
    xx = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P; x = pow(xx, (P + 3) // 8, P)
    if x * x % P != xx: x = x * pow(2, (P - 1) // 4, P) % P
    need(x * x % P == xx and y < P, "not a curve point")
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)
def add(a, b):
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    return ((f - e) * (d - c) % P, (d + c) * (f + e) % P, (d - c) * (d + c) % P, (f - e) * (f + e) % P)
def times(n, q):
    r = (0, 1, 1, 0)
    while n: r, q, n = add(r, q) if n & 1 else r, add(q, q), n >> 1
    return r

def opened(note, key, what):  # the lines of a note signed by key (name+hash+base64)
    text, _, sigs = note.decode().rpartition("\n\n"); text += "\n"; name, tag, pub = key.split("+", 2); pub = b64(pub)
    need(sha(name.encode(), b"\n", pub)[:4].hex() == tag and re.fullmatch("(\u2014 \\S+ \\S+\n)+", sigs), what + " is malformed"); base = point((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    for sig in (b64(s) for n, s in re.findall("^\u2014 (\\S+) (\\S+)$", sigs, re.M) if n == name):
        r, s = sig[4:36], int.from_bytes(sig[36:], "little")
        h = int.from_bytes(hashlib.sha512(r + pub[1:] + text.encode()).digest(), "little") % L
        a, b = times(s, base), add(point(r), times(h, point(pub[1:])))  # s*B == R + h*A
        if sig[:4].hex() == tag and s < L and all((a[i] * b[2] - b[i] * a[2]) % P == 0 for i in (0, 1)): return text.split("\n")
    raise ValueError(what + " is not signed by " + name + "+" + tag)
def tree(h): return h[0] if len(h) == 1 else sha(b"\1", tree(h[:half(len(h))]), tree(h[half(len(h)):]))
def climb(i, n, leaf, proof):  # the root of n leaves, from leaf i and its audit path
    need((n == 1) == (not proof), "not in the signed tree")
    if n == 1: return leaf
    if i < half(n): return sha(b"\1", climb(i, half(n), leaf, proof[:-1]), proof[-1])
    return sha(b"\1", proof[-1], climb(i - half(n), n - half(n), leaf, proof[:-1]))

def verify(read, key):
    key = key or read("key.txt").decode().strip(); name, size, root = opened(read("checkpoint.txt"), key, "checkpoint")[:3]
    listed = opened(read("manifest.txt"), key, "manifest"); seq, prev, leaves = 0, bytes(32), []
    want = (s for a, b in re.findall(r"(\d+)-(\d+)", listed[2]) for s in range(int(a), int(b) + 1))
    for e in map(json.loads, read("rows.jsonl").decode().split("\n")[:-1]):
        at = "entry %d: " % e["seq"]; need(e["seq"] == next(want, 0), at + "another entry is listed here")
        need(e["seq"] != seq + 1 or b64(e["prev"]) == prev, at + "does not continue the entry before")
        seq, prev = e["seq"], sha(b"pointsman/audit/v1\0", e["seq"].to_bytes(8, "big"), b64(e["prev"]), e["body"].encode())
        need(prev == b64(e["hash"]), at + "altered"); leaves.append(sha(b"\0", prev))
        if "proof" in e: need(climb(seq - 1, int(size), leaves.pop(), [b64(h) for h in e["proof"]]) == b64(root), at + "not in the signed tree")
    need(seq and not next(want, 0), "entries are missing at the end")
    need(not leaves or len(leaves) == int(size) and tree(leaves) == b64(root), "the entries are not the tree that was signed")
    for s, name in (l.split("  ") for l in listed[3:] if l): need(sha(read(name)).hex() == s, name + " is not the file that was signed")

key = sys.argv[2] if sys.argv[1:2] == ["--key"] else None; bad = False
for path in sys.argv[3 if key else 1:]:
    try: verify(zipfile.ZipFile(path).read if os.path.isfile(path) else lambda n: open(os.path.join(path, n), "rb").read(), key); print("intact")
    except Exception as e: bad = True; print("touched:", e)
sys.exit(bad)
