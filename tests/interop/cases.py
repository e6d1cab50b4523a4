"""What docs/PROTOCOL.md says, tried against a server: `python3 cases.py PORT FOLDER`, FOLDER being what it serves.

A line for each case.
"""

import os
import pathlib
import random
import socket
import struct
import sys
import time

import check_vectors
import digest
from towline import HELLO, Connection, Ended, Failed, Over
from wire import PREAMBLE, encode, seal

CASES = []
PORT, FOLDER = 0, pathlib.Path()
LENGTHS = (0, 1, 65_536, 65_537, 200_000, 1_200_000)
CONTENT = {length: random.Random(length).randbytes(length) for length in LENGTHS}
SMALL, LARGE = CONTENT[200_000], CONTENT[1_200_000]
BLOCK = 65_536
WRONG = bytes(32)


def case(function):
    CASES.append(function)
    return function


def connect(**hello):
    return Connection(PORT, HELLO | hello)


def stranger():
    """A connection on which nothing has been said."""
    return Connection(PORT, handshake=False)


def must_fail(code, action, kind=Failed):
    try:
        action()
    except kind as error:
        assert type(error) is kind and error.code == code, f"{error} instead of {code}"
        return
    raise AssertionError(f"{code} was expected, and nothing failed")


def must_break(code, connection, listen=None):
    """States of a connection, 5: `Failed` on operation 0, and the end of the stream."""

    def pump_for_ever():
        while True:
            connection.pump()

    must_fail(code, listen or pump_for_ever, Over)
    connection.must_end()


def must_refuse(code, raw):
    """States of a connection, 1: preamble and `Refused`, and the end of the stream."""
    connection = stranger()
    connection.write(raw)
    must_fail(code, connection.handshake, Over)
    connection.must_end()


def hello(**other):
    return encode("Hello", **HELLO | other)


def stands(name, content):
    assert (FOLDER / name).read_bytes() == content, f"{name} is not what was sent"


def stands_not(name):
    assert not (FOLDER / name).exists(), f"{name} is there"


# The first half


@case
def vectors_decode_and_encode():
    check_vectors.check_all()


# A conversation as it should be


@case
def handshake_and_orderly_end():
    connection = connect()
    assert (connection.hello.lowest, connection.hello.highest) == (1, 1)
    assert connection.bye() == []


@case
def handshake_with_a_later_version():
    connect(highest=9).bye()


@case
def ping_and_echo():
    connection = connect()
    connection.ping(2**64 - 1)
    for length in (0, 1, 65_536):
        payload = os.urandom(length)
        assert connection.echo(payload) == payload
    connection.bye()


@case
def a_side_that_sends_hears_that_it_is_heard():
    """States of a connection, 2: in a third of the idle time, by something that changes nothing."""
    connection = connect(idle=300)
    payload = bytes(60_000)
    raw = encode("Echo", next(connection.ids), payload=payload)
    begin = time.monotonic()
    for at in (0, 300):
        connection.write(raw[at : at + 300])
        assert connection.pump().name == "Credit"
    assert time.monotonic() - begin > 0.19, "more often than it must"
    assert connection.granted == connection.hello.window
    connection.write(raw[600:])
    assert connection.expect(1, "EchoReply").payload == payload
    connection.bye()


@case
def a_credit_that_changes_nothing():
    connection = connect()
    for number, total in enumerate((connection.window, connection.window, 0)):
        connection.send("Credit", total=total)
        connection.ping(number)
    connection.bye()


@case
def put_get_stat_and_remove_in_both_forms():
    connection = connect()
    for length, content in CONTENT.items():
        name = f"file-{length}"
        for one_breath in (True, False) if length <= 1 << 20 else (False,):
            assert connection.put(name.encode(), content, one_breath=one_breath) == 0
            stands(name, content)
        assert connection.get(name.encode()) == (content, list(range(-(-length // BLOCK))))
        metadata = connection.stat(name.encode())
        assert (metadata.file_kind, metadata.length, metadata.mode) == (1, length, 0o644)
        assert (metadata.seconds, metadata.nanoseconds) == (1_700_000_000, 5)
        connection.remove(name.encode())
        stands_not(name)
    connection.bye()


@case
def blocks_in_many_segments():
    connection = connect()
    assert connection.put(b"segments", SMALL, segment=10_007) == 0
    stands("segments", SMALL)
    connection.bye()


@case
def blocks_in_any_order():
    connection = connect()
    assert connection.put(b"any-order", LARGE, order=reversed) == 0
    stands("any-order", LARGE)
    connection.bye()


@case
def a_folder_page_by_page():
    folder = FOLDER / "many"
    folder.mkdir()
    names = {f"{index:03}".ljust(200, "x").encode() for index in range(300)}
    for name in names:
        (folder / name.decode()).touch()
    connection = connect()
    pages = connection.list(b"many")
    assert len(pages) > 1 and sorted(names) == sorted(entry["name"] for page in pages for entry in page)
    assert [entry["file_kind"] for entry in connection.list(b"")[0] if entry["name"] == b"many"] == [2]
    connection.bye()


@case
def parts_of_a_file_come_in_order():
    connection = connect()
    stands_at = FOLDER / "parts"
    for content in (SMALL, LARGE):
        stands_at.write_bytes(content)
        length, root = len(content), digest.tree(content, BLOCK)[1]
        offer, begin, got, end = connection.parts(b"parts", 3)
        assert (begin, got, end.name, end.root) == (0, content, "Committed", root)
        for form, first, to, start, stop in (
            (1, 10, 19, 10, 20),
            (1, length - 1, 2**64 - 1, length - 1, length),
            (2, 0, 5, length - 5, length),
            (2, 0, 2**64 - 1, 0, length),
        ):
            _, begin, got, end = connection.parts(b"parts", form, first, to, offer.version)
            assert got[start - begin : stop - begin] == content[start:stop] and end.name == "Done"
        *_, begin, got, end = connection.parts(b"parts", 3, length)
        assert (begin, got, end.root) == (None, b"", root)
        must_fail("RANGE", lambda: connection.parts(b"parts", 1, length, length))
        must_fail("CHANGED", lambda: connection.parts(b"parts", 3, version=offer.version ^ 1))
    connection.bye()


@case
def streams_of_unknown_length():
    connection = connect()
    for length, content in CONTENT.items():
        connection.stream(b"stream", content)
        stands("stream", content)
    connection.stream(b"stream", LARGE, segment=70_000)
    must_fail("ROOT_MISMATCH", lambda: connection.stream(b"stream", SMALL, root=WRONG))
    stands("stream", LARGE)
    connection.bye()


@case
def a_file_is_told_by_its_blocks():
    connection = connect()
    for length, content in CONTENT.items():
        (FOLDER / "told").write_bytes(content)
        offer, cvs, root = connection.sum(b"told")
        assert (offer.path, offer.length, offer.block) == (b"told", length, BLOCK) and offer.version
        assert (cvs, root) == tuple(digest.tree(content, BLOCK))
    connection.bye()


@case
def a_download_sends_only_what_is_not_held():
    (FOLDER / "partly").write_bytes(LARGE)
    other = LARGE[: 3 * BLOCK] + bytes(BLOCK) + LARGE[4 * BLOCK :]
    connection = connect()
    assert connection.get(b"partly", held=other) == (LARGE, [3])
    connection.bye()


@case
def a_download_sends_again_what_is_wanted():
    (FOLDER / "again").write_bytes(SMALL)
    connection = connect()
    assert connection.get(b"again", again=(0, 2)) == (SMALL, [0, 1, 2, 3, 0, 2])
    connection.bye()


@case
def a_download_in_one_breath_needs_no_have():
    (FOLDER / "breath").write_bytes(SMALL)
    connection = connect()
    operation = connection.begin("Get", path=b"breath", version=0)
    root = commit_of(connection, operation)
    connection.send("Committed", operation, root=root)
    connection.expect(operation, "Done")
    connection.bye()


@case
def credit_holds_back_a_download():
    """Credit: the server sends no more than the window; a grant lets it go on."""
    (FOLDER / "credit").write_bytes(bytes(3 << 20))
    connection = connect(window=2 << 20)
    connection.window = 2 << 20
    connection.withhold = True
    operation = connection.begin("Get", path=b"credit", version=0)
    connection.send("Have", operation, last=True, upload=0, first=0, cvs=[])
    while connection.received < 2 << 20:
        connection.pump()
    connection.ping(1)  # answered, while the transfer waits
    assert connection.received == 2 << 20
    connection.grant()
    while connection.received < 3 << 20:
        connection.pump()
    connection.cancel(operation)
    connection.ping(2)
    connection.bye()


@case
def credit_is_given_back():
    """More is sent than the window holds, and no more than the grants allow: `spend` waits for them."""
    connection = connect()
    for _ in range(3 * connection.hello.window // (2 * 65_536)):
        connection.echo(bytes(65_536))
    assert connection.granted > connection.hello.window
    connection.bye()


@case
def a_request_is_carried_out_once():
    """A transfer, 7."""
    connection = connect()
    connection.put(b"once", SMALL, request=77)
    connection.remove(b"once", request=78)
    connection.remove(b"once", request=78)
    connection.put(b"once", SMALL, request=77)  # Committed, and nothing happens
    stands_not("once")
    connection.bye()


@case
def failures_are_about_their_operation():
    (FOLDER / "plain").write_bytes(SMALL)
    connection = connect()
    must_fail("NOT_FOUND", lambda: connection.get(b"nowhere"))
    must_fail("NOT_A_FILE", lambda: connection.get(b"many"))
    must_fail("NOT_A_FOLDER", lambda: connection.list(b"plain"))
    must_fail("NOT_EMPTY", lambda: connection.remove(b"many"))
    must_fail("CHANGED", lambda: connection.get(b"plain", version=5))
    connection.bye()


@case
def folders_and_links():
    connection = connect()
    for mode in (0o700, 0o755, 0o755):
        connection.make_folder(b"tree/deep", mode, (1_600_000_000, 123_456_789))
    made = connection.stat(b"tree/deep")
    assert (made.file_kind, made.mode) == (2, 0o755)
    assert (made.seconds, made.nanoseconds) == (1_600_000_000, 123_456_789)
    for target in (b"/etc", b"deep", b"deep"):
        connection.make_link(b"tree/link", target)
        assert connection.read_link(b"tree/link") == target
    behind, folder = connection.resolve(b"tree/link"), connection.resolve(b"tree/deep")
    assert (behind.identity, behind.file_kind) == (folder.identity, 2) and behind.identity
    assert connection.resolve(b"tree").identity != folder.identity
    must_fail("NOT_A_FILE", lambda: connection.make_link(b"tree/deep", b"x"))
    must_fail("NOT_A_FILE", lambda: connection.read_link(b"tree/deep"))
    must_fail("OUTSIDE", lambda: connection.make_folder(b"tree/link/below", 0o755))
    must_fail("OUTSIDE", lambda: connection.make_folder(b"tree/link", 0o755))
    connection.make_link(b"tree/out", b"/etc/hostname")
    must_fail("OUTSIDE", lambda: connection.resolve(b"tree/out"))
    must_fail("NOT_FOUND", lambda: connection.resolve(b"tree/none"))
    (FOLDER / "tree" / "file").write_bytes(b"")
    must_fail("NOT_A_FOLDER", lambda: connection.make_folder(b"tree/file", 0o755))
    connection.make_link(b"tree/file", b"x")
    for name in (b"link", b"out", b"file", b"deep"):
        connection.remove(b"tree/" + name)
    connection.remove(b"tree")
    connection.bye()


# The handshake, misused


@case
def http_is_refused():
    must_refuse("NOT_TOWLINE", b"GET / HTTP/1.1\r\n\r\n")


@case
def no_version_in_common():
    must_refuse("VERSION", PREAMBLE + hello(lowest=2, highest=3))


@case
def a_critical_extension():
    must_refuse("CRITICAL", PREAMBLE + hello(tlvs=[(1, b"passed over"), (0x8001, b"")]))


@case
def a_version_is_judged_before_an_extension():
    must_refuse("VERSION", PREAMBLE + hello(lowest=2, highest=3, tlvs=[(0x8001, b"")]))


@case
def what_is_not_hello():
    must_refuse("UNEXPECTED", PREAMBLE + encode("Ping", number=1))


@case
def a_hello_that_is_damaged():
    must_refuse("MALFORMED", PREAMBLE + hello(window=5))
    must_refuse("CHECKSUM", PREAMBLE + hello()[:-1] + b"z")
    must_refuse("TOO_LONG", PREAMBLE + struct.pack("<IBBHII", 65_793, 1, 0, 0, 0, 0))
    must_refuse("UNKNOWN_KIND", PREAMBLE + seal(0x7F, 0, b""))


@case
def a_stream_that_ends_in_the_handshake():
    for raw in (b"", b"GET ", PREAMBLE, PREAMBLE + hello()[:20]):
        connection = stranger()
        connection.write(raw)
        connection.socket.shutdown(socket.SHUT_WR)
        connection.must_end()


@case
def hello_twice():
    connection = connect()
    connection.write(hello())
    connection.send("Ping", number=1)
    must_break("UNEXPECTED", connection, lambda: connection.ping(1))


@case
def refused_when_open():
    connection = connect()
    connection.send("Refused", code=0x1008, delay=0, lowest=1, highest=1, text="")
    must_break("UNEXPECTED", connection, lambda: connection.ping(1))


# Frames


@case
def an_unknown_kind():
    connection = connect()
    connection.write(seal(0x7F, 0, b""))
    must_break("UNKNOWN_KIND", connection)


@case
def an_ignorable_kind():
    connection = stranger()
    ignorable = seal(0x80, 77, b"of the future", flags=0xFF)
    connection.write(PREAMBLE + ignorable + hello() + ignorable)  # also in the handshake
    connection.handshake()
    connection.ping(1)
    connection.write(ignorable[:-1] + b"?")
    must_break("CHECKSUM", connection)


@case
def an_echo_that_is_too_long():
    """Order of checks: the payload's limit is not the frame's, so the body is awaited and the checksum comes first."""
    connection = connect()
    connection.write(seal(0x10, 1, bytes(65_537))[:-1] + b"?")
    must_break("CHECKSUM", connection)
    connection = connect()
    connection.write(seal(0x10, 1, bytes(65_537)))
    must_break("TOO_LONG", connection)


@case
def a_path_that_climbs():
    for path, code in (
        (b"a/../b", "MALFORMED"),
        (b"/a", "MALFORMED"),
        (b".ToWline", "MALFORMED"),
        (b"a" * 4097, "TOO_LONG"),
    ):
        connection = connect()
        connection.begin("Stat", path=path)
        must_break(code, connection)


@case
def a_stream_that_stops_within_a_frame():
    """The orderly end: a stream that ends without `Bye` is abnormal, and nothing is answered."""
    connection = connect()
    operation = connection.offer(b"stopped", len(SMALL))
    connection.have(operation)
    connection.write(encode("Data", operation, offset=0, cv=None, payload=bytes(1000))[:500])
    connection.socket.shutdown(socket.SHUT_WR)
    connection.must_end()
    stands_not("stopped")


@case
def a_bye_over_an_open_operation():
    connection = connect()
    operation = connection.offer(b"left", len(SMALL))
    connection.have(operation)
    connection.send_block(operation, SMALL, 0)
    assert connection.bye() == []
    stands_not("left")


@case
def failed_is_not_answered():
    connection = connect()
    connection.send("Failed", code=0x1006, delay=0, text="as a test")
    connection.must_end()


# Operations


@case
def an_operation_that_was_not_begun():
    data = dict(offset=0, cv=None, payload=b"x")
    for name, fields in (("Cancel", {}), ("Data", data), ("EchoReply", dict(payload=b""))):
        connection = connect()
        connection.send(name, 9, **fields)
        must_break("UNEXPECTED", connection)


@case
def an_operation_id_that_goes_backwards():
    """Operations: it is not carried out. (Nor is it answered; a server may as well end the connection.)"""
    connection = connect()
    connection.send("Echo", 9, payload=b"nine")
    assert connection.expect(9, "EchoReply").payload == b"nine"
    try:
        for old in (8, 9):
            connection.send("Echo", old, payload=b"again")
        connection.ping(1)
    except Over as error:
        assert error.code == "UNEXPECTED"
    assert not connection.inbox[8] and not connection.inbox[9]


@case
def frames_of_a_dead_operation():
    connection = connect()
    connection.echo(b"x")
    connection.cancel(1)
    connection.send("Next", 1)
    connection.send_segment(1, 0, b"late")
    connection.ping(1)
    connection.bye()


@case
def an_id_that_is_open_already():
    connection = connect()
    operation = connection.offer(b"open", len(SMALL))
    connection.send("Echo", operation, payload=b"")
    must_break("UNEXPECTED", connection)


@case
def more_operations_than_allowed():
    connection = connect()
    most = connection.hello.operations
    for index in range(most):
        connection.offer(b"open-%d" % index, len(SMALL))
    one_more = connection.begin("Echo", payload=b"")
    must_fail("TOO_MANY_OPERATIONS", lambda: connection.next(one_more))
    connection.have(1)
    connection.send_block(1, SMALL, 0)  # the others go on
    connection.cancel(1)
    must_fail("CANCELLED", lambda: connection.next(1))
    assert connection.echo(b"room again") == b"room again"
    connection.bye()


# Credit


@case
def more_than_the_credit():
    """As much as a socket takes, without a look at the grants, and no more than 64 MiB; a server that lets go of it as
    fast as it comes grants as much, and is right."""
    connection = connect()
    operation = connection.offer(b"flood", 64 << 20)
    connection.have(operation)
    frames = b"".join(
        encode("Data", operation, last=True, offset=at, cv=WRONG, payload=bytes(BLOCK))
        for at in range(0, 64 << 20, BLOCK)
    )
    try:
        connection.write(frames)
    except OSError:
        pass  # the server has ended the connection, and does not read all of it
    try:
        while connection.granted < 64 << 20:
            connection.pump()
    except Over as error:
        assert error.code == "CREDIT"
    except ConnectionError:
        pass  # its words were lost to a reset: it reads on for a short time only


# Transfers, misused


def upload(connection, name, wait=True):
    operation = connection.offer(name, len(SMALL))
    if wait:
        connection.have(operation)
    return operation


def send_all(connection, operation, wrong=()):
    for index in range(4):
        connection.send_block(operation, SMALL, index, cv=WRONG if index in wrong else None)


def breach(*segments, name=b"breach"):
    """Segments (begin, end, CV) that the server must answer with `UNEXPECTED`."""
    connection = connect()
    operation = upload(connection, name)
    for begin, end, cv in segments:
        connection.send_segment(operation, begin, bytes(end - begin), cv)
    must_break("UNEXPECTED", connection)
    stands_not(name.decode())


@case
def a_segment_across_the_end_of_a_block():
    breach((0, BLOCK + 1, None))
    breach((0, BLOCK + 1, WRONG))


@case
def a_last_segment_that_is_not_the_last():
    breach((0, 1000, WRONG))


@case
def a_block_that_ends_without_last():
    breach((0, BLOCK, None))


@case
def a_block_that_begins_in_its_middle():
    breach((100, 1000, None))


@case
def a_block_with_a_gap():
    breach((0, 1000, None), (2000, 3000, None))


@case
def another_block_within_a_block():
    breach((0, 1000, None), (BLOCK, 2 * BLOCK, WRONG))


@case
def a_block_begun_again_before_its_end():
    breach((0, 1000, None), (0, 1000, None))


@case
def data_beyond_the_end_of_the_file():
    breach((3 * BLOCK, len(SMALL) + 1, WRONG))
    breach((4 * BLOCK, 5 * BLOCK, WRONG))


@case
def a_commit_within_a_block():
    connection = connect()
    operation = upload(connection, b"within")
    connection.send_segment(operation, 0, bytes(1000))
    connection.commit(operation, SMALL)
    must_break("UNEXPECTED", connection)
    stands_not("within")


@case
def a_second_commit_when_all_is_there():
    connection = connect()
    operation = upload(connection, b"commits")
    send_all(connection, operation)
    connection.write(2 * encode("Commit", operation, root=digest.tree(SMALL, BLOCK)[1]))
    try:
        connection.finish(operation, SMALL)  # where it was published before the second came
    except Over as error:
        assert error.code == "UNEXPECTED"


@case
def a_hole_without_the_capability():
    connection = connect(capabilities=0)
    connection.send("Hole", upload(connection, b"hole"), offset=0, length=BLOCK)
    must_break("UNEXPECTED", connection)


@case
def holes_where_both_sides_have_them():
    connection = connect(capabilities=1)
    operation = upload(connection, b"hole")
    connection.send("Hole", operation, offset=0, length=len(SMALL))
    connection.commit(operation, bytes(len(SMALL)))
    assert connection.finish(operation, bytes(len(SMALL))) == 0
    stands("hole", bytes(len(SMALL)))
    connection.send("Hole", upload(connection, b"hole"), offset=0, length=1000)
    must_break("UNEXPECTED", connection)


@case
def a_block_that_was_verified_and_comes_again_is_dropped():
    """A transfer, 3. That it is verified is known from a `Want` that does not name it."""
    connection = connect()
    operation = upload(connection, b"held")
    connection.send_block(operation, SMALL, 0)
    connection.commit(operation, SMALL)
    assert connection.expect(operation, "Want").ranges == [(1, 3)]
    for index in (3, 0, 2, 1):
        connection.send_block(operation, SMALL, index)
    connection.commit(operation, SMALL)
    assert connection.finish(operation, SMALL) == 0
    stands("held", SMALL)
    connection.bye()


@case
def a_block_sent_twice_is_refused_and_nothing_is_published():
    """A transfer, 3: UNEXPECTED, however far the first copy is by then."""
    for attempt in range(10):
        connection = connect()
        operation = upload(connection, b"twice")
        connection.send_block(operation, SMALL, 0)
        for _ in range(attempt):
            connection.ping(attempt)
        connection.send_segment(operation, 0, bytes(BLOCK), WRONG)
        must_break("UNEXPECTED", connection)
        assert not (FOLDER / "twice").exists()


@case
def what_only_a_server_says():
    """Operations: Failed under an operation, and GoAway."""
    connection = connect()
    operation = upload(connection, b"said")
    connection.send("Failed", operation, code=0x2008, delay=0, text="")
    must_break("UNEXPECTED", connection)
    connection = connect()
    connection.send("GoAway", last_operation=7)
    must_break("UNEXPECTED", connection)


@case
def one_breath_in_any_order():
    for _ in range(20):
        connection = connect()
        assert connection.put(b"backwards", SMALL, order=reversed) == 0
        stands("backwards", SMALL)
        connection.bye()


@case
def one_breath_with_a_hole():
    content = SMALL[:BLOCK] + bytes(BLOCK) + SMALL[2 * BLOCK :]
    for _ in range(20):
        connection = connect(capabilities=1)
        operation = connection.offer(b"holed", len(content))
        connection.send_block(operation, content, 0)
        connection.send("Hole", operation, offset=BLOCK, length=BLOCK)
        connection.send_block(operation, content, 2)
        connection.send_block(operation, content, 3)
        connection.commit(operation, content)
        assert connection.finish(operation, content) == 0
        connection.bye()


@case
def a_wrong_chaining_value_is_wanted_again():
    for wait in (True, False):
        connection = connect()
        operation = upload(connection, b"damaged", wait)
        send_all(connection, operation, wrong=(0, 2, 3))
        connection.commit(operation, SMALL)
        if not wait:
            connection.have(operation)
        want = connection.expect(operation, "Want")
        assert want.ranges == [(0, 1), (2, 2)]
        connection.inbox[operation].appendleft(want)
        assert connection.finish(operation, SMALL) == 1
        stands("damaged", SMALL)
        connection.bye()


@case
def a_block_that_is_always_damaged():
    connection = connect()
    operation = upload(connection, b"always")
    send_all(connection, operation, wrong=(1,))
    for _ in range(2):
        connection.commit(operation, SMALL)
        assert connection.expect(operation, "Want").ranges == [(1, 1)]
        connection.send_block(operation, SMALL, 1, cv=WRONG)
    connection.commit(operation, SMALL)
    must_fail("BLOCK_DAMAGED", lambda: connection.next(operation))
    stands_not("always")
    connection.bye()


@case
def a_wrong_root():
    connection = connect()
    for content in (b"", SMALL):
        operation = connection.offer(b"root", len(content))
        connection.have(operation)
        for index in connection.blocks(content):
            connection.send_block(operation, content, index)
        connection.commit(operation, content, root=WRONG)
        must_fail("ROOT_MISMATCH", lambda: connection.next(operation))
        stands_not("root")
    connection.bye()


def commit_of(connection, operation):
    """Passes over a download up to the server's `Commit`."""
    while (frame := connection.next(operation)).name in ("Offer", "Data"):
        pass
    assert frame.name == "Commit"
    return frame.root


def download(connection, have=True):
    (FOLDER / "source").write_bytes(LARGE if have else SMALL)
    operation = connection.begin("Get", path=b"source", version=0)
    connection.expect(operation, "Offer")
    if have:
        connection.send("Have", operation, last=True, upload=0, first=0, cvs=[])
    return operation


@case
def committed_with_another_root():
    connection = connect()
    operation = download(connection)
    commit_of(connection, operation)
    connection.send("Committed", operation, root=WRONG)
    must_break("UNEXPECTED", connection)


@case
def a_want_beyond_the_file():
    connection = connect()
    operation = download(connection)
    commit_of(connection, operation)
    connection.send("Want", operation, ranges=[(60_000, 1)])
    must_break("UNEXPECTED", connection)


@case
def a_have_that_begins_elsewhere():
    connection = connect()
    operation = download(connection, have=False)
    connection.send("Have", operation, last=True, upload=0, first=1, cvs=[])
    must_break("UNEXPECTED", connection)


@case
def a_sender_gives_up_after_some_rounds():
    connection = connect()
    operation = download(connection)
    for _ in range(17):
        commit_of(connection, operation)
        connection.send("Want", operation, ranges=[(18, 1)])
    must_fail("BLOCK_DAMAGED", lambda: connection.next(operation))
    connection.bye()


# Cancel, in each stage


def must_be_cancelled(connection, operation, also=None):
    """Operations: one terminal reply, `Failed` (`CANCELLED`) or, where that may be, `also`. The connection goes on."""
    while True:
        try:
            frame = connection.next(operation)
        except Failed as error:
            assert type(error) is Failed and error.code == "CANCELLED", error
            outcome = "CANCELLED"
            break
        if frame.name == also and (also != "Page" or frame.last):
            outcome = also
            break
        assert frame.name in ("Have", "Offer", "Data", "Commit", "Page"), frame.name
    assert connection.echo(b"alive") == b"alive" and not connection.inbox[operation]
    connection.bye()
    return outcome


@case
def cancel_an_upload_in_each_stage():
    def offered(connection, operation):
        pass

    def within_a_block(connection, operation):
        connection.have(operation)
        connection.send_segment(operation, 0, SMALL[:1000])

    def before_commit(connection, operation):
        connection.have(operation)
        send_all(connection, operation)

    def wanted(connection, operation):
        connection.have(operation)
        connection.commit(operation, SMALL)
        connection.expect(operation, "Want")

    for stage in (offered, within_a_block, before_commit, wanted):
        connection = connect()
        operation = connection.offer(b"cancelled", len(SMALL))
        stage(connection, operation)
        connection.cancel(operation)
        connection.send_segment(operation, 0, SMALL[:10])  # sent before the reply was known: ignored
        must_be_cancelled(connection, operation)
        stands_not("cancelled")


@case
def cancel_an_upload_after_commit():
    connection = connect()
    operation = upload(connection, b"late")
    send_all(connection, operation)
    connection.commit(operation, SMALL)
    connection.cancel(operation)
    if must_be_cancelled(connection, operation, also="Committed") == "Committed":
        stands("late", SMALL)
    else:
        stands_not("late")


@case
def cancel_a_download_in_each_stage():
    def begun(connection):
        (FOLDER / "source").write_bytes(LARGE)
        return connection.begin("Get", path=b"source", version=0)

    def offered(connection):
        return download(connection, have=False)

    def sending(connection):
        operation = download(connection)
        connection.expect(operation, "Data")
        return operation

    def committed(connection):
        operation = download(connection)
        commit_of(connection, operation)
        return operation

    for stage in (begun, offered, sending, committed):
        connection = connect()
        operation = stage(connection)
        connection.cancel(operation)
        must_be_cancelled(connection, operation)


@case
def cancel_a_listing_between_pages():
    connection = connect()
    operation = connection.begin("List", path=b"many")
    assert not connection.expect(operation, "Page").last
    connection.cancel(operation)
    must_be_cancelled(connection, operation)


@case
def cancel_where_it_may_come_too_late():
    (FOLDER / "doomed").write_bytes(b"")
    for begun, reply in (
        (("Echo", dict(payload=b"x")), "EchoReply"),
        (("Stat", dict(path=b"")), "Metadata"),
        (("List", dict(path=b"")), "Page"),
        (("Remove", dict(path=b"doomed", request=0)), "Done"),
    ):
        connection = connect()
        operation = connection.begin(begun[0], **begun[1])
        connection.cancel(operation)
        must_be_cancelled(connection, operation, also=reply)


def run(function):
    """Runs a case and says how it went; False where it failed."""
    try:
        function()
    except (AssertionError, Failed, Ended, OSError) as error:
        print(f"FAILED   {function.__name__}: {type(error).__name__}: {error}")
        return False
    print(f"ok       {function.__name__}")
    return True


def main():
    global PORT, FOLDER
    PORT, FOLDER = int(sys.argv[1]), pathlib.Path(sys.argv[2])
    results = [run(function) for function in CASES]
    print(f"{sum(results)} of {len(results)} cases, against 127.0.0.1:{PORT}")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
