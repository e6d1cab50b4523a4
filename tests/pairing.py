#!/usr/bin/env python3
"""Writes tests/pairing.txt: one whole pairing, computed by a second implementation that was made from docs/PROTOCOL.md alone.

    python3 tests/pairing.py > tests/pairing.txt

What is random is made as the crate makes it (BLAKE3 of a seed), so that its machines can be held to the same bytes.
"""
import hashlib
import hmac
from struct import pack, unpack

# BLAKE3 of at most 1,024 bytes, in its three modes.
IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
QUARTERS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
CHUNK_START, CHUNK_END, ROOT, KEYED, CONTEXT, MATERIAL = 1, 2, 8, 16, 32, 64


def compress(cv, block, length, flags):
    v, m = list(cv) + list(IV[:4]) + [0, 0, length, flags], list(unpack("<16I", block))
    rotate = lambda x, n: (x >> n | x << 32 - n) & 0xFFFFFFFF
    for _ in range(7):
        for i, (a, b, c, d) in enumerate(QUARTERS):
            for word, turn_d, turn_b in ((m[2 * i], 16, 12), (m[2 * i + 1], 8, 7)):
                v[a] = v[a] + v[b] + word & 0xFFFFFFFF
                v[d] = rotate(v[d] ^ v[a], turn_d)
                v[c] = v[c] + v[d] & 0xFFFFFFFF
                v[b] = rotate(v[b] ^ v[c], turn_b)
        m = [m[p] for p in PERMUTATION]
    return [v[i] ^ v[i + 8] for i in range(8)] + [v[i + 8] ^ cv[i] for i in range(8)]


def blake3(data, key=IV, mode=0, length=32):
    blocks = [data[at:at + 64] for at in range(0, len(data), 64)] or [b""]
    cv = key
    for i, block in enumerate(blocks):
        flags = mode | (CHUNK_START if i == 0 else 0) | (CHUNK_END | ROOT if i == len(blocks) - 1 else 0)
        out = compress(cv, block.ljust(64, b"\0"), len(block), flags)
        cv = out[:8]
    return pack("<16I", *out)[:length]


def derive_key(context, material, length=32):
    return blake3(material, unpack("<8I", blake3(context.encode(), IV, CONTEXT)), MATERIAL, length)


def keyed_hash(key, data):
    return blake3(data, unpack("<8I", key), KEYED)


# edwards25519 (RFC 8032, 5.1), affine, since nothing here is in a hurry.
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(one, other):
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2
    return (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P, (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P


def times(scalar, point):
    result = (0, 1)
    for bit in bin(scalar % ORDER)[2:]:
        result = add(result, result)
        if bit == "1":
            result = add(result, point)
    return result


def minus(point):
    return -point[0] % P, point[1]


def encode(point):
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def decode(data):
    number = int.from_bytes(data, "little")
    y, sign = number & (1 << 255) - 1, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert (x * x - square) % P == 0, "no point"
    return (x if x & 1 == sign else P - x), y


B = decode(bytes.fromhex("58" + "66" * 31))
M = decode(bytes.fromhex("15cfd18e385952982b6a8f8c7854963b58e34388c8e6dae891db756481a02312"))
N = decode(bytes.fromhex("f04f2e7eb734b2a8f8b472eaf9c3c632576ac64aea650b496a8a20ff00e583c3"))
sha256 = lambda data: hashlib.sha256(data).digest()


def password_scalar(password):
    prk, out, block = hmac.digest(b"\0" * 32, password, "sha256"), b"", b""
    for counter in (1, 2):
        block = hmac.digest(prk, block + b"SPAKE2 pw" + bytes([counter]), "sha256")
        out += block
    return int.from_bytes(out[:48], "big") % ORDER


ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def shown(values):
    check = 0
    for value in reversed(values):
        check = (check ^ value) << 1
        check ^= 0b100101 if check & 32 else 0
    text = "".join(ALPHABET[value] for value in [*values, check])
    return f"{text[:4]}-{text[4:]}"


def message(kind, body):
    return pack("<BH", kind, len(body)) + body


# A code of these five random bytes, and a session in which all that is told is one byte, repeated.
bits = int.from_bytes(bytes([1, 2, 3, 250, 251]), "big")
values = [bits >> 5 * at & 31 for at in range(7)]
password = "".join(ALPHABET[value] for value in values).encode()
client, server, exporter = b"\xc1" * 32, b"\x55" * 32, b"\x33" * 32
random = lambda seed: int.from_bytes(derive_key("towline 2026-11 pairing: the secret scalar", seed * 32, 64), "little") % ORDER
x, y, w = random(b"\x0a"), random(b"\x0b"), password_scalar(password)

X, Y = add(times(x, B), times(w, M)), add(times(y, B), times(w, N))
K = times(x, add(Y, minus(times(w, N))))
assert K == times(y, add(X, minus(times(w, M))))
key = sha256(sha256(password) + sha256(client) + sha256(server) + encode(X) + encode(Y) + encode(K))

transcript = pack("<HHH", 1, 1, 1) + exporter + client + server + encode(X) + encode(Y)
name, claims = b"anna@laptop", pack("<HBB", 8695, 1 | 4, 0)
client_proof = keyed_hash(derive_key("towline 2026-11 pairing: the client confirms", key), transcript + name)
server_proof = keyed_hash(derive_key("towline 2026-11 pairing: the server confirms", key), transcript + claims)

print("code", shown(values))
print("start", message(1, pack("<HH", 1, 1) + encode(X)).hex())
print("answer", message(2, pack("<H", 1) + encode(Y)).hex())
print("confirm", message(3, client_proof + pack("<H", len(name)) + name).hex())
print("welcome", message(4, server_proof + claims).hex())
print("done", message(5, b"").hex())
print("refused", message(6, pack("<BBHH", 2, 2, 1, 1)).hex())
