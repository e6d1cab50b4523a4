"""A client of towline in plain Python, written from docs/PROTOCOL.md alone: the second half, who says what when.

One thread and one blocking socket: whoever waits for a frame of an operation takes in whatever else comes meanwhile.
"""

import collections
import itertools
import socket
import time

import digest
from wire import CODES, EXTENT, MAX_SEGMENT, PREAMBLE, Decoder, WireError, block_size, encode

WINDOW = 4 << 20
HELLO = dict(lowest=1, highest=1, capabilities=0, window=WINDOW, operations=1, idle=0, tlvs=[])
PATIENCE = 10.0


class Failed(Exception):
    """`Failed` of an operation, or (`Over`) of the connection, or `Refused`."""

    def __init__(self, frame):
        self.code = CODES.get(frame.code, f"{frame.code:#06x}")
        self.text = frame.text
        super().__init__(f"{self.code} ({frame.text})")


class Over(Failed):
    """The connection is over: `Failed` on operation 0, or `Refused`."""


class Ended(Exception):
    """The stream ended without a word."""


class Connection:
    """A connection in the state open, after the handshake (States of a connection)."""

    def __init__(self, port, hello=HELLO, handshake=True):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.decoder = Decoder()
        self.window = hello["window"]  # what we granted with Hello
        self.sent = self.received = self.let_go = self.announced = 0
        self.withhold = False  # true: no Credit is granted anew
        self.unanswered, self.owed = 0, None  # bytes heard since we spoke; when the server is owed a word
        self.bears = None  # how long we may say nothing to a server that sends, in seconds
        self.inbox = collections.defaultdict(collections.deque)
        self.ids = itertools.count(1)
        self.pongs, self.log = [], []
        if handshake:
            self.write(PREAMBLE + encode("Hello", **hello))
            self.hello = self.handshake()

    def handshake(self):
        """States of a connection, 1."""
        frame = self.read()
        if frame.name == "Refused":
            raise Over(frame)
        assert frame.name == "Hello", frame
        self.granted = frame.window
        if frame.idle:
            self.bears = max(frame.idle / 3000, 0.05)
        return frame

    def write(self, raw):
        self.socket.sendall(raw)
        self.unanswered, self.owed = 0, None

    def send(self, name, operation=0, last=False, **fields):
        self.write(encode(name, operation, last, **fields))

    def read(self):
        """The next frame, whatever it is."""
        while not (frame := self.decoder.next()):
            piece = self.receive()
            if not piece:
                raise Ended(f"the stream ended with {len(self.decoder.buffer)} bytes of a frame")
            self.decoder.feed(piece)
        self.log.append((frame.name, frame.operation))
        return frame

    def receive(self):
        """States of a connection, 2: a server that sends is told that it is heard, by a `Credit` that changes nothing."""
        until = time.monotonic() + PATIENCE
        while (now := time.monotonic()) < until:
            if self.owed and now >= self.owed:
                self.send("Credit", total=self.window + self.announced)
            self.socket.settimeout(max(min(self.owed or until, until) - now, 0.001))
            try:
                piece = self.socket.recv(1 << 16)
            except TimeoutError:
                continue
            finally:
                self.socket.settimeout(PATIENCE)
            self.unanswered += len(piece)
            if self.bears and not self.owed and self.unanswered >= 256:
                self.owed = time.monotonic() + self.bears
            return piece
        raise TimeoutError("nothing came")

    def pump(self):
        """Takes in one frame: those of the connection are acted upon, the others kept for their operation."""
        frame = self.read()
        if frame.name == "Ping":
            self.send("Pong", number=frame.number)
        elif frame.name == "Pong":
            self.pongs.append(frame.number)
        elif frame.name == "Credit":
            self.granted = max(self.granted, frame.total)
        elif frame.name == "Failed" and frame.operation == 0:
            raise Over(frame)
        else:
            if frame.name in ("Data", "EchoReply"):
                self.count(len(frame.payload))
            self.inbox[frame.operation].append(frame)
        return frame

    def count(self, size):
        """Credit: what comes is counted, let go at once, and granted anew when a quarter of the window was let go."""
        self.received += size
        assert self.received <= self.window + self.announced, "the server sent more than it was granted"
        self.let_go += size
        if not self.withhold and self.let_go - self.announced >= self.window // 4:
            self.grant()

    def grant(self):
        self.announced = self.let_go
        self.send("Credit", total=self.window + self.announced)

    def next(self, operation):
        """The next frame of an operation; its `Failed` is raised."""
        while not self.inbox[operation]:
            self.pump()
        frame = self.inbox[operation].popleft()
        if frame.name == "Failed":
            raise Failed(frame)
        return frame

    def expect(self, operation, name):
        frame = self.next(operation)
        assert frame.name == name, f"{frame.name} instead of {name}"
        return frame

    def begin(self, name, **fields):
        """Operations: the client begins one under an id that is higher than all before."""
        operation = next(self.ids)
        self.send(name, operation, **fields)
        return operation

    def spend(self, size):
        """Credit: waits until `size` data bytes may be sent."""
        while self.sent + size > self.granted:
            self.pump()
        self.sent += size

    # Small operations

    def ping(self, number):
        self.send("Ping", number=number)
        while number not in self.pongs:
            self.pump()

    def echo(self, payload):
        self.spend(len(payload))
        return self.expect(self.begin("Echo", payload=payload), "EchoReply").payload

    def stat(self, path):
        return self.expect(self.begin("Stat", path=path), "Metadata")

    def remove(self, path, request=0):
        return self.expect(self.begin("Remove", path=path, request=request), "Done")

    def make_folder(self, path, mode, modified=None):
        time, (seconds, nanoseconds) = int(modified is not None), modified or (0, 0)
        fields = dict(path=path, mode=mode, time=time, seconds=seconds, nanoseconds=nanoseconds)
        return self.expect(self.begin("MakeFolder", **fields), "Done")

    def make_link(self, path, target):
        return self.expect(self.begin("MakeLink", path=path, target=target), "Done")

    def read_link(self, path):
        return self.expect(self.begin("ReadLink", path=path), "LinkTarget").target

    def resolve(self, path):
        return self.expect(self.begin("Resolve", path=path), "Resolved")

    def list(self, path):
        """Operations: `Page` without `LAST` is answered by `Next`. Returns the pages, each with its entries."""
        operation, pages = self.begin("List", path=path), []
        while True:
            page = self.expect(operation, "Page")
            pages.append(page.entries)
            if page.last:
                return pages
            self.send("Next", operation)

    # An upload

    def offer(self, path, length, **other):
        fields = dict(mode=0o644, seconds=1_700_000_000, nanoseconds=5, version=0, request=0, attempt=0, start=0) | other
        return self.begin("Offer", path=path, length=length, block=block_size(length), **fields)

    def send_segment(self, operation, offset, payload, cv=None):
        self.spend(len(payload))
        self.send("Data", operation, last=cv is not None, offset=offset, cv=cv, payload=payload)

    def send_block(self, operation, data, index, segment=MAX_SEGMENT, cv=None):
        """A transfer, 3: the segments of one block, the last with `LAST` and the CV (another one if `cv` is given)."""
        size = block_size(len(data))
        block = data[index * size : (index + 1) * size]
        cv = cv or digest.tree(data, size)[0][index]
        for at in range(0, len(block), segment):
            end = at + segment >= len(block)
            self.send_segment(operation, index * size + at, block[at : at + segment], cv if end else None)

    def commit(self, operation, data, root=None):
        root = root or digest.tree(data, block_size(len(data)))[1]
        self.send("Commit", operation, root=root)

    def have(self, operation, name="Have"):
        """A transfer, 2: the pages of `Have`, in order. Returns the CVs that the receiver holds."""
        cvs = []
        while True:
            page = self.expect(operation, name)
            assert page.first == len(cvs), "the pages of Have follow on each other"
            cvs += page.cvs
            if page.last:
                return cvs

    def finish(self, operation, data, segment=MAX_SEGMENT):
        """A transfer, 6: sends what the receiver wants until it has committed; returns the rounds that took."""
        for rounds in itertools.count():
            frame = self.next(operation)
            while frame.name == "Have":
                frame = self.next(operation)
            if frame.name == "Committed":
                assert frame.root == digest.tree(data, block_size(len(data)))[1]
                return rounds
            assert frame.name == "Want", frame.name
            for first, count in frame.ranges:
                for index in range(first, first + count):
                    self.send_block(operation, data, index, segment)
            self.commit(operation, data)

    def blocks(self, data):
        return range(-(-len(data) // block_size(len(data))))

    def put(self, path, data, one_breath=None, request=0, segment=MAX_SEGMENT, order=iter):
        """An upload; in one breath where the document says so, unless told otherwise."""
        operation, held = self.offer(path, len(data), request=request), []
        if one_breath is None:
            one_breath = len(data) <= EXTENT
        if not one_breath:
            held = self.have(operation)
        ours = digest.tree(data, block_size(len(data)))[0]
        for index in order(self.blocks(data)):
            if index >= len(held) or held[index] != ours[index]:
                self.send_block(operation, data, index, segment)
        self.commit(operation, data)
        return self.finish(operation, data, segment)

    # A download

    def get(self, path, held=None, version=0, again=()):
        """A download. `held` is an older content, of which blocks are not fetched again; the blocks of `again` are
        asked for a second time with `Want`. Returns the content and the blocks that were sent."""
        operation = self.begin("Get", path=path, version=version)
        offer = self.expect(operation, "Offer")
        assert offer.path == path and offer.block == block_size(offer.length)
        content, cvs, sent = bytearray(offer.length), {}, []
        ours = digest.tree(held, offer.block)[0] if held else []
        if held:
            assert len(held) == offer.length <= 1024 * offer.block, "one page of Have is enough for what is tested"
            content[:] = held
            cvs.update(enumerate(ours))
        self.send("Have", operation, last=True, upload=0, first=0, cvs=ours)
        while (frame := self.next(operation)).name == "Data":
            self.store(frame, offer, content, cvs, sent)
        root = self.check(frame, offer, content, cvs)
        if again:
            self.send("Want", operation, ranges=[(index, 1) for index in again])
            while (frame := self.next(operation)).name == "Data":
                self.store(frame, offer, content, cvs, sent)
            assert self.check(frame, offer, content, cvs) == root
        self.send("Committed", operation, root=root)
        self.expect(operation, "Done")
        return bytes(content), sent

    @staticmethod
    def store(frame, offer, content, cvs, sent):
        """A transfer, 4: what comes is stored, and a block's CV compared with the one that was sent."""
        content[frame.offset : frame.offset + len(frame.payload)] = frame.payload
        index = frame.offset // offer.block
        end = frame.offset + len(frame.payload)
        assert frame.last == (end % offer.block == 0 or end == offer.length), "LAST stands at the end of a block"
        assert (end - 1) // offer.block == index, "a segment does not cross the end of a block"
        if frame.last:
            sent.append(index)
            block = bytes(content[index * offer.block : (index + 1) * offer.block])
            alone = offer.length <= offer.block
            cv = digest.subtree(block, index * offer.block // digest.CHUNK, digest.ROOT if alone else 0)
            assert cv == frame.cv, "the CV of the block"
            cvs[index] = cv

    @staticmethod
    def check(frame, offer, content, cvs):
        """A transfer, 5: the root is the merge of the blocks' CVs."""
        assert frame.name == "Commit", frame.name
        blocks = -(-offer.length // offer.block)
        assert sorted(cvs) == list(range(blocks)), "every block was sent"
        if blocks > 1:
            assert digest.merge([cvs[i] for i in range(blocks)], digest.ROOT) == frame.root
        assert digest.tree(bytes(content), offer.block)[1] == frame.root
        return frame.root

    def parts(self, path, form, first=0, to=0, version=0):
        """Parts of files: the offer, where the first block begins, the bytes of the blocks, and the last frame."""
        operation = self.begin("Read", path=path, version=version, form=form, first=first, to=to)
        offer, content, begin = self.expect(operation, "Offer"), bytearray(), None
        while (frame := self.next(operation)).name == "Data":
            begin = frame.offset if begin is None else begin
            assert frame.offset == begin + len(content), "in order"
            content += frame.payload
            end = frame.offset + len(frame.payload)
            assert frame.last == (end % EXTENT == 0 or end == offer.length), "LAST stands at the end of a block"
            if frame.last:
                start = (end - 1) // EXTENT * EXTENT
                alone = digest.ROOT if offer.length <= EXTENT else 0
                block = bytes(content[start - begin :])
                assert frame.cv == digest.subtree(block, start // digest.CHUNK, alone), "the CV of the block"
        return offer, begin, bytes(content), frame

    def stream(self, path, data, segment=MAX_SEGMENT, root=None):
        """Streams of unknown length."""
        fields = dict(mode=0o644, seconds=1_700_000_000, nanoseconds=5, request=0, attempt=1)
        operation = self.begin("Stream", path=path, **fields)
        for start in range(0, len(data), EXTENT):
            block = data[start : start + EXTENT]
            cv = digest.subtree(block, start // digest.CHUNK, 0)
            for at in range(0, len(block), segment):
                end = at + segment >= len(block)
                self.send_segment(operation, start + at, block[at : at + segment], cv if end else None)
        root = root or digest.tree(data, block_size(len(data)))[1]
        self.send("End", operation, length=len(data), root=root)
        assert self.expect(operation, "Committed").root == root

    def sum(self, path):
        """Comparisons: what the file is, its blocks' CVs page by page, its root."""
        operation = self.begin("Sum", path=path)
        offer, cvs, last = self.expect(operation, "Offer"), [], False
        while not last:
            page = self.expect(operation, "Have")
            assert page.first == len(cvs) and None not in page.cvs, "pages of all blocks, in order"
            cvs, last = cvs + page.cvs, page.last
        return offer, cvs, self.expect(operation, "Committed").root

    def cancel(self, operation):
        self.send("Cancel", operation)

    # The end

    def bye(self):
        """States of a connection, 4: the orderly end. Returns the frames that came before the server's `Bye`."""
        self.send("Bye")
        self.bears = self.owed = None  # nothing more may be said
        self.socket.shutdown(socket.SHUT_WR)
        frames = []
        while (frame := self.read()).name != "Bye":
            frames.append(frame)
        self.must_end()
        return frames

    def must_end(self):
        """Nothing comes any more, and the stream ends."""
        try:
            frame = self.read()
        except Ended:
            self.socket.close()
            assert not self.decoder.buffer, "the stream ended within a frame"
            return
        raise AssertionError(f"{frame.name} where the stream should end")


__all__ = ["Connection", "Ended", "Failed", "Over", "WireError", "HELLO"]
