"""BLAKE3 with chaining values, and CRC-32C, in plain Python: what docs/PROTOCOL.md asks of an implementation.

Chunks are hashed side by side: word i of many chunks stands in one integer, 64 bits apart, so that one addition of
Python's adds all of them.
"""

import functools
import struct

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
QUARTERS = (
    (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
    (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
)  # fmt: skip
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
CHUNK = 1024


def _lanes(words):
    """One integer that holds each of `words` in 64 bits of its own."""
    return int.from_bytes(struct.pack(f"<{len(words)}Q", *words), "little")


def _unlanes(value, count):
    return struct.unpack(f"<{count}Q", value.to_bytes(8 * count, "little"))


def _compress(cv, block, counters, length, flags):
    """The compression function in every lane; as many lanes as there are counters. `block` is 16 integers of lanes."""
    count = len(counters)
    ones = _lanes([1] * count)
    mask = ones * 0xFFFFFFFF
    v = list(cv) + [ones * word for word in IV[:4]]
    v += [_lanes([c & 0xFFFFFFFF for c in counters]), _lanes([c >> 32 for c in counters]), ones * length, ones * flags]

    def rotate(x, n):
        return (x >> n | x << 32 - n) & mask

    for _ in range(7):
        for i, (a, b, c, d) in enumerate(QUARTERS):
            for word, turn_d, turn_b in ((block[2 * i], 16, 12), (block[2 * i + 1], 8, 7)):
                v[a] = v[a] + v[b] + word & mask
                v[d] = rotate(v[d] ^ v[a], turn_d)
                v[c] = v[c] + v[d] & mask
                v[b] = rotate(v[b] ^ v[c], turn_b)
        block = [block[p] for p in PERMUTATION]
    return [v[i] ^ v[i + 8] for i in range(8)]


def _chunks(data, size, first, root):
    """Chaining values of chunks that are all `size` bytes long; the first of them is chunk `first` of the file."""
    count = max(1, len(data) // CHUNK)
    blocks = max(1, -(-size // 64))
    words = struct.unpack(f"<{count * blocks * 16}I", data.ljust(count * blocks * 64, b"\0"))
    counters = range(first, first + count)
    cv = [_lanes([word] * count) for word in IV]
    for i in range(blocks):
        flags = (CHUNK_START if i == 0 else 0) | ((CHUNK_END | root) if i == blocks - 1 else 0)
        block = [_lanes(words[16 * i + j :: 16 * blocks]) for j in range(16)]
        cv = _compress(cv, block, counters, min(64, size - 64 * i), flags)
    columns = [_unlanes(word, count) for word in cv]
    return [struct.pack("<8I", *(column[i] for column in columns)) for i in range(count)]


def merge(cvs, root=0):
    """The chaining value over those of subtrees that follow on each other, all of one size but for the last."""
    if len(cvs) == 1:
        return cvs[0]
    left = 1 << (len(cvs) - 1).bit_length() - 1
    block = struct.unpack("<16I", merge(cvs[:left]) + merge(cvs[left:]))
    return struct.pack("<8I", *_compress(IV, block, (0,), 64, PARENT | root))


def subtree(data, first=0, root=0):
    """The chaining value of `data` that begins at chunk `first` of its file; with ROOT, the hash of a whole file."""
    whole = len(data) // CHUNK
    if len(data) <= CHUNK:
        return _chunks(data, len(data), first, root)[0]
    cvs = _chunks(data[: whole * CHUNK], CHUNK, first, 0)
    if len(data) % CHUNK:
        cvs += _chunks(data[whole * CHUNK :], len(data) % CHUNK, first + whole, 0)
    return merge(cvs, root)


@functools.lru_cache
def tree(data, block_size):
    """The CVs of a file's blocks, and its root (docs/PROTOCOL.md, Conventions and Blocks)."""
    if len(data) <= block_size:
        root = subtree(data, root=ROOT)
        return ([root] if data else []), root
    cvs = [
        subtree(data[at : at + block_size], at // CHUNK)
        for at in range(0, len(data), block_size)
    ]  # fmt: skip
    return cvs, merge(cvs, ROOT)


def _crc_table():
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        yield byte


CRC_TABLE = tuple(_crc_table())


def crc32c(data):
    """CRC-32C as docs/PROTOCOL.md states it in Frame, Checksum."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
