"""The first half of docs/PROTOCOL.md: what the bytes are. Written from that document alone.

`Decoder` takes bytes and gives frames; `encode` gives the bytes of a frame; `show` writes one as tests/vectors.txt does.
"""

import struct
from types import SimpleNamespace

from digest import crc32c

PREAMBLE = bytes.fromhex("d7544f570d0a1a0a")
MAX_BODY, MAX_SEGMENT, MAX_ECHO = 65_792, 262_144, 65_536
MAX_FILE, MAX_BLOCKS, MIN_WINDOW = 1 << 47, 65_536, 2_097_152
EXTENT = 1 << 20

CODES = {
    0x1001: "NOT_TOWLINE", 0x1002: "MALFORMED", 0x1003: "CHECKSUM", 0x1004: "TOO_LONG", 0x1005: "UNKNOWN_KIND",
    0x1006: "UNEXPECTED", 0x1007: "CREDIT", 0x1008: "VERSION", 0x1009: "CRITICAL", 0x100A: "HANDSHAKE_TIMEOUT",
    0x100B: "IDLE_TIMEOUT", 0x2001: "NOT_FOUND", 0x2002: "NOT_A_FILE", 0x2003: "NOT_A_FOLDER", 0x2004: "BAD_PATH",
    0x2005: "OUTSIDE", 0x2006: "DENIED", 0x2007: "UNSUPPORTED", 0x2008: "CANCELLED", 0x2009: "SUPERSEDED",
    0x200A: "ROOT_MISMATCH", 0x200B: "NOT_EMPTY", 0x200C: "FILE_TOO_LONG", 0x200D: "BLOCK_DAMAGED", 0x200E: "RANGE", 0x200F: "NOT_ALLOWED", 0x2010: "EXISTS", 0x2012: "LISTING_TOO_LONG", 0x3001: "BUSY",
    0x3002: "TOO_MANY_OPERATIONS", 0x3003: "DRAINING", 0x3004: "CHANGED", 0x3005: "LOST", 0x4001: "IO",
    0x4002: "NO_SPACE", 0x4003: "READ_ONLY", 0x4004: "TOO_MANY_FILES",
    0x4005: "QUOTA",
}  # fmt: skip


class WireError(Exception):
    """An error of Frame, Order of checks, under the name that the document gives it."""

    def __init__(self, name, *detail):
        super().__init__(" ".join((name, *map(str, detail))))
        self.name = name


def block_size(length):
    """Blocks: the smallest power of two, at least 65,536, that gives at most 65,536 blocks."""
    size = 65_536
    while size * MAX_BLOCKS < length:
        size *= 2
    return size


def require(condition):
    if not condition:
        raise WireError("Value")


class Reader:
    """Reads the fields of a body in order; what is not whole is a `Length` (Order of checks, 7)."""

    def __init__(self, body):
        self.body, self.at = body, 0

    def left(self):
        return len(self.body) - self.at

    def take(self, count):
        if self.left() < count:
            raise WireError("Length")
        self.at += count
        return self.body[self.at - count : self.at]

    def rest(self):
        return self.take(self.left())

    def unsigned(self, size):
        return int.from_bytes(self.take(size), "little")

    def short(self, limit):
        """Conventions: a `u16` length and that many bytes. Its limit is checked before the bytes are there."""
        size = self.unsigned(2)
        if size > limit:
            raise WireError("TooLong", size, limit)
        return self.take(size)


# Every type of field is a pair of functions: read(reader, fields before) and write(value, all fields).


def unsigned(size, check=lambda value, fields: True):
    def read(r, f):
        value = r.unsigned(size)
        require(check(value, f))
        return value

    return read, lambda value, f: value.to_bytes(size, "little")


U16, U32, U64, U128 = unsigned(2), unsigned(4), unsigned(8), unsigned(16)
MODE = unsigned(4, lambda v, f: v <= 0o777)
NANOSECONDS = unsigned(4, lambda v, f: v < 1_000_000_000)
SECONDS = (
    lambda r, f: int.from_bytes(r.take(8), "little", signed=True),
    lambda v, f: v.to_bytes(8, "little", signed=True),
)
HASH = (lambda r, f: r.take(32), lambda v, f: v)


def read_echo(r, f):
    """Order of checks, 7: the limit of the payload is below that of the frame."""
    if r.left() > MAX_ECHO:
        raise WireError("TooLong", r.left(), MAX_ECHO)
    return r.rest()




def read_text(r, f):
    raw = r.short(1024)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise WireError("Value") from None


def put_short(raw):
    return len(raw).to_bytes(2, "little") + raw


TEXT = (read_text, lambda v, f: put_short(v.encode()))


def component_is_allowed(name):
    """Paths: 1 to 255 bytes, none of them NUL or `/`, and not `.` or `..`."""
    return 1 <= len(name) <= 255 and b"\0" not in name and b"/" not in name and name not in (b".", b"..")


def path(root_allowed):
    """Paths, and in Kinds whether the root may be named."""

    def read(r, f):
        raw = r.short(4096)
        if not raw:
            require(root_allowed)
            return raw
        parts = raw.split(b"/")
        require(len(parts) <= 256 and all(map(component_is_allowed, parts)))
        require(parts[0].lower() != b".towline")
        return raw

    return read, lambda v, f: put_short(v)


def read_tlvs(r, f):
    """Hello: types strictly ascend, at most 32 of at most 1,024 bytes; then versions, window, operations."""
    tlvs = []
    while r.left():
        kind = r.unsigned(2)
        require(len(tlvs) < 32 and (not tlvs or tlvs[-1][0] < kind))
        tlvs.append((kind, r.short(1024)))
    require(1 <= f["lowest"] <= f["highest"])
    require(f["window"] >= MIN_WINDOW)
    require(f["operations"] >= 1)
    return tlvs


def write_tlvs(tlvs, f):
    return b"".join(kind.to_bytes(2, "little") + put_short(value) for kind, value in tlvs)


def read_cvs(r, f):
    """Have: count, bitmap, CVs."""
    count = r.unsigned(2)
    if count > 1024:
        raise WireError("TooLong", count, 1024)
    require(f["first"] + count <= MAX_BLOCKS and (count or f["last"]))
    bitmap = int.from_bytes(r.take(-(-count // 8)), "little")
    require(bitmap >> count == 0)
    return [r.take(32) if bitmap >> i & 1 else None for i in range(count)]


def write_cvs(cvs, f):
    bitmap = sum(1 << i for i, cv in enumerate(cvs) if cv)
    return (
        len(cvs).to_bytes(2, "little")
        + bitmap.to_bytes(-(-len(cvs) // 8), "little")
        + b"".join(cv for cv in cvs if cv)
    )


DATA_CV = (lambda r, f: r.take(32) if f["last"] else None, lambda v, f: v or b"")


def read_payload(r, f):
    """Data: offset + payload at most 2^47."""
    require(f["offset"] + r.left() <= MAX_FILE)
    return r.rest()


def read_hole(r, f):
    length = r.unsigned(8)
    require(length >= 1 and f["offset"] + length <= MAX_FILE)
    return length


def read_ranges(r, f):
    """Want: the number of ranges is checked before they are read; they ascend and do not touch."""
    require(1 <= r.left() // 8 <= 1024)
    ranges, end = [], -1
    while r.left():
        first, count = r.unsigned(4), r.unsigned(4)
        require(count >= 1 and first + count <= MAX_BLOCKS and first > end)
        end = first + count
        ranges.append((first, count))
    return ranges


def write_ranges(ranges, f):
    return b"".join(struct.pack("<II", *pair) for pair in ranges)


METADATA = (
    ("file_kind", unsigned(1, lambda v, f: 1 <= v <= 4)),
    ("length", unsigned(8, lambda v, f: v == 0 or f["file_kind"] == 1)),
    ("mode", MODE),
    ("seconds", SECONDS),
    ("nanoseconds", NANOSECONDS),
)


def read_fields(layout, r, fields):
    for name, (read, _) in layout:
        fields[name] = read(r, fields)
    return fields


def write_fields(layout, fields):
    return b"".join(write(fields[name], fields) for name, (_, write) in layout)


def read_entries(r, f):
    """Page: entries to the end of the body."""
    entries = []
    require(r.left() or f["last"])
    while r.left():
        name = r.short(255)
        require(component_is_allowed(name))
        entries.append(read_fields(METADATA, r, {"name": name}))
    return entries


def write_entries(entries, f):
    return b"".join(put_short(e["name"]) + write_fields(METADATA, e) for e in entries)


# Read: what the second number of a span may be, by its form.
TO = unsigned(8, lambda v, f: (f["first"] <= v, f["first"] == 0 and v >= 1, v == 0)[f["form"] - 1])

OFFER = (
    ("length", unsigned(8, lambda v, f: v <= MAX_FILE)),
    ("block", unsigned(4, lambda v, f: v == block_size(f["length"]))),
    ("mode", MODE),
    ("seconds", SECONDS),
    ("nanoseconds", NANOSECONDS),
    ("version", U128),
    ("request", U128),
    ("attempt", U32),
    ("start", unsigned(1, lambda v, f: v <= 1)),
    ("path", path(root_allowed=False)),
)



def read_target(r, f):
    """MakeLink and LinkTarget: where a link leads."""
    raw = r.short(4095)
    require(len(raw) >= 1 and b"\0" not in raw)
    return raw


TARGET = (read_target, lambda v, f: put_short(v))
MAKE_FOLDER = (
    ("mode", MODE),
    ("time", unsigned(1, lambda v, f: v <= 1)),
    ("seconds", SECONDS),
    ("nanoseconds", (lambda r, f: left_alone(NANOSECONDS[0](r, f), f), NANOSECONDS[1])),
    ("path", path(root_allowed=False)),
)


def left_alone(nanoseconds, f):
    """MakeFolder: a time that is not set is all zeros."""
    require(f["time"] == 1 or (f["seconds"] == 0 and nanoseconds == 0))
    return nanoseconds


# kind: name, where it belongs (0 the connection, 1 an operation, None either), fields
KINDS = {
    0x01: ("Hello", 0, (("lowest", U16), ("highest", U16), ("capabilities", U64), ("window", U64),
                        ("operations", U32), ("idle", U32), ("tlvs", (read_tlvs, write_tlvs)))),
    0x02: ("Refused", 0, (("code", U16), ("delay", U32), ("lowest", U16), ("highest", U16), ("text", TEXT))),
    0x03: ("Ping", 0, (("number", U64),)),
    0x04: ("Pong", 0, (("number", U64),)),
    0x05: ("Credit", 0, (("total", U64),)),
    0x06: ("GoAway", 0, (("last_operation", U32),)),
    0x07: ("Bye", 0, ()),
    0x10: ("Echo", 1, (("payload", (read_echo, lambda v, f: v)),)),
    0x11: ("EchoReply", 1, (("payload", (read_echo, lambda v, f: v)),)),
    0x12: ("Cancel", 1, ()),
    0x13: ("Failed", None, (("code", U16), ("delay", U32), ("text", TEXT))),
    0x14: ("Done", 1, ()),
    0x20: ("Offer", 1, OFFER),
    0x21: ("Get", 1, (("version", U128), ("path", path(root_allowed=False)))),
    0x22: ("Have", 1, (("upload", U64), ("first", U32), ("cvs", (read_cvs, write_cvs)))),
    0x23: ("Data", 1, (("offset", U64), ("cv", DATA_CV), ("payload", (read_payload, lambda v, f: v)))),
    0x24: ("Hole", 1, (("offset", U64), ("length", (read_hole, U64[1])))),
    0x25: ("Want", 1, (("ranges", (read_ranges, write_ranges)),)),
    0x26: ("Commit", 1, (("root", HASH),)),
    0x27: ("Committed", 1, (("root", HASH),)),
    0x28: ("Pull", 1, (("version", unsigned(16, lambda v, f: v > 0)), ("path", path(root_allowed=False)))),
    0x29: ("Push", 1, (("upload", unsigned(8, lambda v, f: v > 0)), ("length", unsigned(8, lambda v, f: v <= MAX_FILE)), ("path", path(root_allowed=False)))),
    0x2D: ("Read", 1, (("version", U128), ("form", unsigned(1, lambda v, f: 1 <= v <= 3)), ("first", U64), ("to", TO), ("path", path(root_allowed=False)))),
    0x2E: ("Stream", 1, (("mode", MODE), ("seconds", SECONDS), ("nanoseconds", NANOSECONDS), ("request", U128), ("attempt", U32), ("path", path(root_allowed=False)))),
    0x2F: ("End", 1, (("length", unsigned(8, lambda v, f: v <= MAX_FILE)), ("root", HASH))),
    0x2C: ("Sum", 1, (("path", path(root_allowed=False)),)),
    0x30: ("List", 1, (("path", path(root_allowed=True)),)),
    0x31: ("Next", 1, ()),
    0x32: ("Page", 1, (("entries", (read_entries, write_entries)),)),
    0x33: ("Stat", 1, (("path", path(root_allowed=True)),)),
    0x34: ("Metadata", 1, METADATA),
    0x35: ("Remove", 1, (("request", U128), ("path", path(root_allowed=False)))),
    0x40: ("MakeFolder", 1, MAKE_FOLDER),
    0x41: ("MakeLink", 1, (("target", TARGET), ("path", path(root_allowed=False)))),
    0x42: ("ReadLink", 1, (("path", path(root_allowed=False)),)),
    0x43: ("LinkTarget", 1, (("target", TARGET),)),
    0x44: ("Resolve", 1, (("path", path(root_allowed=True)),)),
    0x45: ("Resolved", 1, (("identity", U128), *METADATA)),
}  # fmt: skip
NUMBERS = {name: number for number, (name, _, _) in KINDS.items()}
WITH_LAST = ("Data", "Have", "Page")


class Frame(SimpleNamespace):
    """A frame: `name` of its kind, `operation`, `last` where the kind has it, and the fields of its body."""


def seal(kind, operation, body, flags=0, reserved=0):
    """Any frame, also one that is not allowed, with a checksum that is right (Frame, Checksum)."""
    head = struct.pack("<IBBHI", len(body), kind, flags, reserved, operation)
    covered = body[:8] if kind == NUMBERS["Data"] else body
    return head + struct.pack("<I", crc32c(head + covered)) + body


def encode(name, operation=0, last=False, **fields):
    """The bytes of a frame."""
    kind = NUMBERS[name]
    return seal(kind, operation, write_fields(KINDS[kind][2], fields), int(last))


class Decoder:
    """Bytes in, frames out, in the order of checks that Frame states."""

    def __init__(self, preamble=True):
        self.buffer = bytearray()
        self.preamble = preamble

    def feed(self, data):
        self.buffer += data

    def next(self):
        """The next frame, or None where more bytes are needed. Ignorable frames leave no trace."""
        if self.preamble:
            if len(self.buffer) < 8:
                return None
            if self.buffer[:8] != PREAMBLE:
                raise WireError("Preamble", self.buffer[:8].hex())
            del self.buffer[:8]
            self.preamble = False
        while len(self.buffer) >= 16:
            length, kind, flags, reserved, operation, checksum = struct.unpack("<IBBHII", self.buffer[:16])
            self.check_header(length, kind, flags, reserved, operation)
            if len(self.buffer) < 16 + length:
                return None
            head, body = bytes(self.buffer[:12]), bytes(self.buffer[16 : 16 + length])
            del self.buffer[: 16 + length]
            if crc32c(head + (body[:8] if kind == NUMBERS["Data"] else body)) != checksum:
                raise WireError("Checksum")
            if kind < 0x80:
                return self.read_body(kind, flags, operation, body)
        return None

    @staticmethod
    def check_header(length, kind, flags, reserved, operation):
        """Order of checks, 1 to 5."""
        if reserved:
            raise WireError("Reserved")
        limit = MAX_BODY
        if kind not in KINDS:
            if kind < 0x80:
                raise WireError("Kind", f"{kind:#04x}")
        else:
            name, belongs, _ = KINDS[kind]
            if belongs is not None and bool(operation) != bool(belongs):
                raise WireError("Operation", f"{kind:#04x}")
            if flags & ~1 or (flags and name not in WITH_LAST):
                raise WireError("Reserved")
            if name == "Data":
                shortest = 40 if flags else 8
                limit = MAX_SEGMENT + shortest
                if length <= shortest:
                    raise WireError("Length")
        if length > limit:
            raise WireError("TooLong", length, limit)

    @staticmethod
    def read_body(kind, flags, operation, body):
        """Order of checks, 7."""
        name, _, layout = KINDS[kind]
        reader, fields = Reader(body), {"last": bool(flags)}
        read_fields(layout, reader, fields)
        if reader.left():
            raise WireError("Length")
        return Frame(name=name, operation=operation, **fields)


def show_bytes(raw):
    escaped = "".join(chr(b) if 0x20 <= b < 0x7F and b not in b'"\\' else f"\\x{b:02x}" for b in raw)
    return f'"{escaped}"'


def show_metadata(f):
    kind = ("File", "Folder", "Link", "Other")[f.file_kind - 1]
    return f"{kind} length={f.length} mode={f.mode:o} modified={f.seconds}.{f.nanoseconds:09}"


def show(f):
    """A frame as tests/vectors.txt writes it."""
    hexed = lambda raw: raw.hex() if raw is not None else "-"
    body = {
        "Hello": lambda: f"versions={f.lowest}..{f.highest} capabilities={f.capabilities:#x} window={f.window} "
        f"operations={f.operations} idle_ms={f.idle} "
        f"tlvs=[{' '.join(f'{kind:#06x}:{value.hex()}' for kind, value in f.tlvs)}]",
        "Refused": lambda: f'code={f.code:#06x} delay_ms={f.delay} versions={f.lowest}..{f.highest} text="{f.text}"',
        "Ping": lambda: f"number={f.number}",
        "Pong": lambda: f"number={f.number}",
        "Credit": lambda: f"total={f.total}",
        "GoAway": lambda: f"last=#{f.last_operation}",
        "Echo": lambda: f"payload={f.payload.hex()}",
        "EchoReply": lambda: f"payload={f.payload.hex()}",
        "Failed": lambda: f'code={f.code:#06x} delay_ms={f.delay} text="{f.text}"',
        "Offer": lambda: f"path={show_bytes(f.path)} length={f.length} block={f.block} mode={f.mode:o} "
        f"modified={f.seconds}.{f.nanoseconds:09} version={f.version:#x} "
        f"request={f.request:#x} attempt={f.attempt} start={f.start}",
        "Get": lambda: f"path={show_bytes(f.path)} version={f.version:#x}",
        "Pull": lambda: f"path={show_bytes(f.path)} version={f.version:#x}",
        "Push": lambda: f"path={show_bytes(f.path)} upload={f.upload} length={f.length}",
        "Have": lambda: f"upload={f.upload} first={f.first} last={str(f.last).lower()} "
        f"cvs=[{' '.join(map(hexed, f.cvs))}]",
        "Data": lambda: f"offset={f.offset} cv={hexed(f.cv)} payload={f.payload.hex()}",
        "Hole": lambda: f"offset={f.offset} length={f.length}",
        "Want": lambda: f"ranges=[{' '.join(f'{first}+{count}' for first, count in f.ranges)}]",
        "Commit": lambda: f"root={f.root.hex()}",
        "Committed": lambda: f"root={f.root.hex()}",
        "Read": lambda: f"path={show_bytes(f.path)} version={f.version:#x} "
        + (f"range={f.first}..={f.to}", f"last={f.to}", f"rest={f.first}")[f.form - 1],
        "Stream": lambda: f"path={show_bytes(f.path)} mode={f.mode:o} modified={f.seconds}.{f.nanoseconds:09} "
        f"request={f.request:#x} attempt={f.attempt}",
        "End": lambda: f"length={f.length} root={f.root.hex()}",
        "Sum": lambda: f"path={show_bytes(f.path)}",
        "List": lambda: f"path={show_bytes(f.path)}",
        "Stat": lambda: f"path={show_bytes(f.path)}",
        "Page": lambda: f"last={str(f.last).lower()} entries=["
        + "; ".join(f"{show_bytes(e['name'])} {show_metadata(SimpleNamespace(**e))}" for e in f.entries)
        + "]",
        "Metadata": lambda: show_metadata(f),
        "Remove": lambda: f"path={show_bytes(f.path)} request={f.request:#x}",
        "MakeFolder": lambda: f"path={show_bytes(f.path)} mode={f.mode:o} modified="
        + (f"{f.seconds}.{f.nanoseconds:09}" if f.time else "-"),
        "MakeLink": lambda: f"path={show_bytes(f.path)} target={show_bytes(f.target)}",
        "ReadLink": lambda: f"path={show_bytes(f.path)}",
        "LinkTarget": lambda: f"target={show_bytes(f.target)}",
        "Resolve": lambda: f"path={show_bytes(f.path)}",
        "Resolved": lambda: f"identity={f.identity:#x} {show_metadata(f)}",
    }.get(f.name)
    return f"{f.name} #{f.operation}" + (f" {body()}" if body else "")
