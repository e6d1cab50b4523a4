#!/usr/bin/env python3
"""Writes tests/vectors.txt: a second implementation of the encoding, made from docs/PROTOCOL.md alone.

    python3 tests/vectors.py > tests/vectors.txt
"""
from struct import pack

PREAMBLE = bytes.fromhex("d7544f570d0a1a0a")
ROOT, CV = bytes(range(32)), bytes(range(32, 64))


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def frame(kind, operation, body=b"", flags=0, covered=None, reserved=0, length=None):
    head = pack("<IBBHI", len(body) if length is None else length, kind, flags, reserved, operation)
    return head + pack("<I", crc32c(head + (body if covered is None else body[:covered]))) + body


def short(data):
    return pack("<H", len(data)) + data


def hello(lowest=1, highest=1, capabilities=1, window=2 << 20, operations=64, idle=30000, tlvs=b""):
    return frame(1, 0, pack("<HHQQII", lowest, highest, capabilities, window, operations, idle) + tlvs)


def metadata(kind, length, mode, seconds, nanoseconds):
    return pack("<BQIqI", kind, length, mode, seconds, nanoseconds)


def offer(length, block, path=b"a/b", mode=0o644, seconds=1700000000, nanoseconds=5, version=0, request=0, attempt=0, start=0):
    return (pack("<QIIqI", length, block, mode, seconds, nanoseconds) + version.to_bytes(16, "little")
            + request.to_bytes(16, "little") + pack("<IB", attempt, start) + short(path))


def stream(mode=0o644, nanoseconds=5, path=b"a/b"):
    return pack("<IqI", mode, 1700000000, nanoseconds) + REQUEST + pack("<I", 3) + short(path)


def have(first, bits, count, cvs):
    return pack("<QIH", 9, first, count) + bits + cvs


def make_folder(mode, time, seconds, nanoseconds, path):
    return pack("<IBqI", mode, time, seconds, nanoseconds) + short(path)


REQUEST = (1 << 64 | 2).to_bytes(16, "little")
FRAMES = [
    ("hello", hello(), "Hello #0 versions=1..1 capabilities=0x1 window=2097152 operations=64 idle_ms=30000 tlvs=[]"),
    ("hello-extended", hello(1, 7, 2**64 - 1, 2**64 - 1, 2**32 - 1, 0, pack("<H", 1) + short(b"") + pack("<H", 0x8001) + short(b"\x01\x02")),
     "Hello #0 versions=1..7 capabilities=0xffffffffffffffff window=18446744073709551615 operations=4294967295 idle_ms=0 tlvs=[0x0001: 0x8001:0102]"),
    ("refused", frame(2, 0, pack("<HIHH", 0x3001, 1500, 1, 1) + short(b"full")), 'Refused #0 code=0x3001 delay_ms=1500 versions=1..1 text="full"'),
    ("ping", frame(3, 0, pack("<Q", 0)), "Ping #0 number=0"),
    ("pong", frame(4, 0, pack("<Q", 2**64 - 1)), "Pong #0 number=18446744073709551615"),
    ("credit", frame(5, 0, pack("<Q", 4 << 20)), "Credit #0 total=4194304"),
    ("goaway", frame(6, 0, pack("<I", 17)), "GoAway #0 last=#17"),
    ("bye", frame(7, 0), "Bye #0"),
    ("echo", frame(0x10, 1, b"hello"), "Echo #1 payload=68656c6c6f"),
    ("echo-empty", frame(0x10, 2), "Echo #2 payload="),
    ("echo-reply", frame(0x11, 1, b"hello"), "EchoReply #1 payload=68656c6c6f"),
    ("cancel", frame(0x12, 2**32 - 1), "Cancel #4294967295"),
    ("failed", frame(0x13, 3, pack("<HI", 0x2001, 0) + short(b"")), 'Failed #3 code=0x2001 delay_ms=0 text=""'),
    ("failed-connection", frame(0x13, 0, pack("<HI", 0xFFFF, 7) + short(b"of another version")), 'Failed #0 code=0xffff delay_ms=7 text="of another version"'),
    ("done", frame(0x14, 3), "Done #3"),
    ("offer", frame(0x20, 5, offer(70000, 65536)), 'Offer #5 path="a/b" length=70000 block=65536 mode=644 modified=1700000000.000000005 version=0x0 request=0x0 attempt=0 start=0'),
    ("offer-empty", frame(0x20, 5, offer(0, 65536, b"\xff", 0, -1, 999999999, 1 << 127)), 'Offer #5 path="\\xff" length=0 block=65536 mode=0 modified=-1.999999999 version=0x80000000000000000000000000000000 request=0x0 attempt=0 start=0'),
    ("offer-afresh", frame(0x20, 5, offer(1, 65536, request=1 << 64 | 2, attempt=3, start=1)), 'Offer #5 path="a/b" length=1 block=65536 mode=644 modified=1700000000.000000005 version=0x0 request=0x10000000000000002 attempt=3 start=1'),
    ("offer-longest", frame(0x20, 5, offer(1 << 47, 1 << 31)), 'Offer #5 path="a/b" length=140737488355328 block=2147483648 mode=644 modified=1700000000.000000005 version=0x0 request=0x0 attempt=0 start=0'),
    ("get", frame(0x21, 6, (255).to_bytes(16, "little") + short(b"a")), 'Get #6 path="a" version=0xff'),
    ("have", frame(0x22, 7, have(3, b"\x05", 3, ROOT + CV)), f"Have #7 upload=9 first=3 last=false cvs=[{ROOT.hex()} - {CV.hex()}]"),
    ("have-last", frame(0x22, 7, have(65536, b"", 0, b""), 1), "Have #7 upload=9 first=65536 last=true cvs=[]"),
    ("have-nine", frame(0x22, 7, have(0, b"\x00\x01", 9, CV), 1), f"Have #7 upload=9 first=0 last=true cvs=[- - - - - - - - {CV.hex()}]"),
    ("data", frame(0x23, 8, pack("<Q", 65536) + b"abc", covered=8), "Data #8 offset=65536 cv=- payload=616263"),
    ("data-last", frame(0x23, 8, pack("<Q", 0) + CV + b"abc", 1, covered=8), f"Data #8 offset=0 cv={CV.hex()} payload=616263"),
    ("data-end", frame(0x23, 8, pack("<Q", (1 << 47) - 1) + b"z", covered=8), "Data #8 offset=140737488355327 cv=- payload=7a"),
    ("hole", frame(0x24, 8, pack("<QQ", 65536, 131072)), "Hole #8 offset=65536 length=131072"),
    ("want", frame(0x25, 8, pack("<IIII", 0, 1, 2, 65534)), "Want #8 ranges=[0+1 2+65534]"),
    ("commit", frame(0x26, 8, ROOT), f"Commit #8 root={ROOT.hex()}"),
    ("committed", frame(0x27, 8, ROOT), f"Committed #8 root={ROOT.hex()}"),
    ("read-range", frame(0x2D, 8, (7).to_bytes(16, "little") + pack("<BQQ", 1, 5, 2**64 - 1) + short(b"a/b")), 'Read #8 path="a/b" version=0x7 range=5..=18446744073709551615'),
    ("read-last", frame(0x2D, 8, bytes(16) + pack("<BQQ", 2, 0, 1) + short(b"a")), 'Read #8 path="a" version=0x0 last=1'),
    ("read-rest", frame(0x2D, 8, bytes(16) + pack("<BQQ", 3, 0, 0) + short(b"a")), 'Read #8 path="a" version=0x0 rest=0'),
    ("stream", frame(0x2E, 8, stream()), 'Stream #8 path="a/b" mode=644 modified=1700000000.000000005 request=0x10000000000000002 attempt=3'),
    ("end", frame(0x2F, 8, pack("<Q", 1 << 47) + ROOT), f"End #8 length=140737488355328 root={ROOT.hex()}"),
    ("pull", frame(0x28, 8, (255).to_bytes(16, "little") + short(b"a/b")), 'Pull #8 path="a/b" version=0xff'),
    ("push", frame(0x29, 8, pack("<QQ", 9, 1 << 47) + short(b"a/b")), 'Push #8 path="a/b" upload=9 length=140737488355328'),
    ("sum", frame(0x2C, 8, short(b"a/b")), 'Sum #8 path="a/b"'),
    ("list", frame(0x30, 9, short(b"")), 'List #9 path=""'),
    ("next", frame(0x31, 9), "Next #9"),
    ("page", frame(0x32, 9, short(b"a") + metadata(1, 5, 0o777, 0, 0) + short(b"b\x1b") + metadata(2, 0, 0o755, -5, 1)),
     'Page #9 last=false entries=["a" File length=5 mode=777 modified=0.000000000; "b\\x1b" Folder length=0 mode=755 modified=-5.000000001]'),
    ("page-last", frame(0x32, 9, b"", 1), "Page #9 last=true entries=[]"),
    ("stat", frame(0x33, 10, short(b"x/y")), 'Stat #10 path="x/y"'),
    ("metadata", frame(0x34, 10, metadata(3, 0, 0o777, 1, 2)), "Metadata #10 Link length=0 mode=777 modified=1.000000002"),
    ("metadata-other", frame(0x34, 10, metadata(4, 0, 0, -(1 << 63), 0)), "Metadata #10 Other length=0 mode=0 modified=-9223372036854775808.000000000"),
    ("make-folder", frame(0x40, 12, make_folder(0o750, 1, -1, 5, b"a/b")), 'MakeFolder #12 path="a/b" mode=750 modified=-1.000000005'),
    ("make-folder-without-time", frame(0x40, 12, make_folder(0o700, 0, 0, 0, b"a")), 'MakeFolder #12 path="a" mode=700 modified=-'),
    ("make-link", frame(0x41, 12, short(b"../\xff/x") + short(b"a/link")), 'MakeLink #12 path="a/link" target="../\\xff/x"'),
    ("read-link", frame(0x42, 12, short(b"a/link")), 'ReadLink #12 path="a/link"'),
    ("link-target", frame(0x43, 12, short(b"/")), 'LinkTarget #12 target="/"'),
    ("resolve", frame(0x44, 12, short(b"")), 'Resolve #12 path=""'),
    ("resolved", frame(0x45, 12, (255).to_bytes(16, "little") + metadata(2, 0, 0o755, 1, 2)), 'Resolved #12 identity=0xff Folder length=0 mode=755 modified=1.000000002'),
    ("remove", frame(0x35, 11, REQUEST + short(b"x")), 'Remove #11 path="x" request=0x10000000000000002'),
]


def damaged(data, at, bit):
    return data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1:]


PING = frame(3, 0, pack("<Q", 7))
WRONG = [
    ("pull-of-any-version", frame(0x28, 8, bytes(16) + short(b"a")), "Value"),
    ("push-to-no-upload", frame(0x29, 8, pack("<QQ", 0, 5) + short(b"a")), "Value"),
    ("push-of-too-long-a-file", frame(0x29, 8, pack("<QQ", 9, (1 << 47) + 1) + short(b"a")), "Value"),
    ("push-of-the-root", frame(0x29, 8, pack("<QQ", 9, 5) + short(b"")), "Value"),
    ("reserved-bytes", frame(3, 0, pack("<Q", 7), reserved=1), "Reserved"),
    ("reserved-flag", frame(0x22, 7, have(0, b"", 0, b""), 3), "Reserved"),
    ("last-where-none-may-be", frame(3, 0, pack("<Q", 7), 1), "Reserved"),
    ("checksum-header", damaged(PING, 12, 0), "Checksum"),
    ("checksum-body", damaged(PING, 16, 7), "Checksum"),
    ("checksum-data-offset", damaged(FRAMES[22][1], 17, 0), "Checksum"),
    ("checksum-ignorable", damaged(frame(0x80, 0, b"x"), 16, 0), "Checksum"),
    ("too-long-control", frame(3, 0, length=65793), "TooLong 65793 65792"),
    ("too-long-data", frame(0x23, 1, length=8 + 262144 + 1), "TooLong 262153 262152"),
    ("too-long-data-last", frame(0x23, 1, flags=1, length=40 + 262144 + 1), "TooLong 262185 262184"),
    ("too-long-ignorable", frame(0xFF, 1, length=65793), "TooLong 65793 65792"),
    ("too-long-text", frame(0x13, 1, pack("<HIH", 0x2001, 0, 1025)), "TooLong 1025 1024"),
    ("too-long-path", frame(0x33, 1, pack("<H", 4097)), "TooLong 4097 4096"),
    ("too-long-name", frame(0x32, 1, pack("<H", 256)), "TooLong 256 255"),
    ("too-long-have", frame(0x22, 7, have(0, b"", 1025, b"")), "TooLong 1025 1024"),
    ("body-ends-early", frame(3, 0, pack("<I", 7)), "Length"),
    ("bytes-left-over", frame(7, 0, b"x"), "Length"),
    ("data-without-payload", frame(0x23, 1, pack("<Q", 0)), "Length"),
    ("data-last-without-payload", frame(0x23, 1, pack("<Q", 0) + CV, 1, covered=8), "Length"),
    ("unknown-kind", frame(0x7F, 1), "Kind 0x7f"),
    ("ping-on-an-operation", frame(3, 1, pack("<Q", 7)), "Operation 0x03"),
    ("echo-on-the-connection", frame(0x10, 0), "Operation 0x10"),
    ("hello-version-0", hello(0), "Value"),
    ("hello-versions-reversed", hello(2, 1), "Value"),
    ("hello-small-window", hello(window=(2 << 20) - 1), "Value"),
    ("hello-no-operations", hello(operations=0), "Value"),
    ("hello-tlvs-descend", hello(tlvs=pack("<HHHH", 2, 0, 1, 0)), "Value"),
    ("hello-tlv-twice", hello(tlvs=pack("<HHHH", 1, 0, 1, 0)), "Value"),
    ("text-not-utf8", frame(0x13, 1, pack("<HI", 0x2001, 0) + short(b"\xff")), "Value"),
    ("offer-root", frame(0x20, 5, offer(0, 65536, b"")), "Value"),
    ("offer-block-size", frame(0x20, 5, offer(0, 131072)), "Value"),
    ("offer-too-long", frame(0x20, 5, offer((1 << 47) + 1, 1 << 31)), "Value"),
    ("offer-mode", frame(0x20, 5, offer(0, 65536, mode=0o1000)), "Value"),
    ("offer-start", frame(0x20, 5, offer(0, 65536, start=2)), "Value"),
    ("offer-nanoseconds", frame(0x20, 5, offer(0, 65536, nanoseconds=10**9)), "Value"),
    ("have-empty-not-last", frame(0x22, 7, have(0, b"", 0, b"")), "Value"),
    ("have-bits-beyond-count", frame(0x22, 7, have(0, b"\x02", 1, b""), 1), "Value"),
    ("have-beyond-last-block", frame(0x22, 7, have(65536, b"\x00", 1, b""), 1), "Value"),
    ("data-beyond-end", frame(0x23, 8, pack("<Q", 1 << 47) + b"z", covered=8), "Value"),
    ("hole-empty", frame(0x24, 8, pack("<QQ", 0, 0)), "Value"),
    ("hole-overflow", frame(0x24, 8, pack("<QQ", 2**64 - 1, 2)), "Value"),
    ("want-nothing", frame(0x25, 8), "Value"),
    ("want-touching", frame(0x25, 8, pack("<IIII", 0, 1, 1, 1)), "Value"),
    ("want-beyond-last-block", frame(0x25, 8, pack("<II", 65536, 1)), "Value"),
    ("page-empty-not-last", frame(0x32, 9), "Value"),
    ("page-name-dots", frame(0x32, 9, short(b"..") + metadata(1, 5, 0, 0, 0)), "Value"),
    ("metadata-kind", frame(0x34, 10, metadata(5, 0, 0, 0, 0)), "Value"),
    ("metadata-folder-length", frame(0x34, 10, metadata(2, 1, 0, 0, 0)), "Value"),
    ("path-absolute", frame(0x33, 1, short(b"/a")), "Value"),
    ("path-dots", frame(0x33, 1, short(b"a/../b")), "Value"),
    ("path-empty-component", frame(0x33, 1, short(b"a//b")), "Value"),
    ("path-nul", frame(0x33, 1, short(b"a\0")), "Value"),
    ("path-reserved", frame(0x33, 1, short(b".Towline/a")), "Value"),
    ("make-folder-root", frame(0x40, 1, make_folder(0o755, 0, 0, 0, b"")), "Value"),
    ("make-folder-mode", frame(0x40, 1, make_folder(0o1755, 0, 0, 0, b"a")), "Value"),
    ("make-folder-time", frame(0x40, 1, make_folder(0o755, 2, 0, 0, b"a")), "Value"),
    ("make-folder-time-left-over", frame(0x40, 1, make_folder(0o755, 0, 1, 0, b"a")), "Value"),
    ("make-link-nowhere", frame(0x41, 1, short(b"") + short(b"a")), "Value"),
    ("make-link-nul", frame(0x41, 1, short(b"a\0b") + short(b"a")), "Value"),
    ("make-link-root", frame(0x41, 1, short(b"a") + short(b"")), "Value"),
    ("too-long-target", frame(0x41, 1, pack("<H", 4096)), "TooLong 4096 4095"),
    ("read-link-root", frame(0x42, 1, short(b"")), "Value"),
    ("read-form", frame(0x2D, 8, bytes(16) + pack("<BQQ", 0, 0, 0) + short(b"a")), "Value"),
    ("read-range-reversed", frame(0x2D, 8, bytes(16) + pack("<BQQ", 1, 2, 1) + short(b"a")), "Value"),
    ("read-last-of-none", frame(0x2D, 8, bytes(16) + pack("<BQQ", 2, 0, 0) + short(b"a")), "Value"),
    ("read-last-with-first", frame(0x2D, 8, bytes(16) + pack("<BQQ", 2, 1, 1) + short(b"a")), "Value"),
    ("read-rest-with-last", frame(0x2D, 8, bytes(16) + pack("<BQQ", 3, 1, 1) + short(b"a")), "Value"),
    ("read-root", frame(0x2D, 8, bytes(16) + pack("<BQQ", 3, 0, 0) + short(b"")), "Value"),
    ("stream-mode", frame(0x2E, 8, stream(mode=0o1000)), "Value"),
    ("stream-nanoseconds", frame(0x2E, 8, stream(nanoseconds=10**9)), "Value"),
    ("stream-root", frame(0x2E, 8, stream(path=b"")), "Value"),
    ("end-too-long", frame(0x2F, 8, pack("<Q", (1 << 47) + 1) + ROOT), "Value"),
    ("sum-root", frame(0x2C, 1, short(b"")), "Value"),
    ("remove-root", frame(0x35, 1, REQUEST + short(b"")), "Value"),
]
STREAMS = [
    ("stream-bye", PREAMBLE + frame(7, 0), "frame", "Bye #0"),
    ("stream-http", b"GET / HTTP/1.1\r\n", "error", "Preamble 474554202f204854"),
]

print("""# Test vectors of the wire layer, written by tests/vectors.py and read by tests/wire/vectors.rs.
#
# A vector is three lines and an empty one:
#   name    what it shows
#   hex     the bytes of one frame; `stream` instead: the bytes of a stream from its beginning, preamble included
#   frame   what they decode to; encoding that gives the same bytes; or
#   error   the error, with the bytes, the length and its limit, or the kind where the error names them; or
#   skipped the frame is of an unknown kind that may be ignored, and nothing comes of it
#
# How a frame is written: kind, #operation, fields in the order of docs/PROTOCOL.md or nearly so. Payloads, values and
# hashes are hexadecimal; mode is octal; other numbers are decimal unless 0x stands before them; bytes of paths and
# names that are not printable ASCII are \\xNN. A hash that is not there is -.
""")
rows = [(name, "hex", data, "frame", says) for name, data, says in FRAMES]
rows += [(name, "stream", data, what, says) for name, data, what, says in STREAMS]
rows += [("ignorable", "hex", frame(0x80, 0, b"of the future", 0xFF), "skipped", "")]
rows += [(name, "hex", data, "error", says) for name, data, says in WRONG]
for name, key, data, what, says in rows:
    print(f"name {name}\n{key} {data.hex()}\n{(what + ' ' + says).rstrip()}\n")
