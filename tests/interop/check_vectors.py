"""tests/vectors.txt against the codec of wire.py: the steps of docs/PROTOCOL.md, Test vectors."""

import pathlib

from wire import Decoder, WireError, encode, show

FILE = pathlib.Path(__file__).parent.parent / "vectors.txt"


def vectors():
    """Each vector: its name, whether it has a preamble, its bytes, and what it is said to be."""
    for paragraph in FILE.read_text().split("\n\n"):
        lines = [line for line in paragraph.splitlines() if not line.startswith("#")]
        if lines:
            (_, name), (form, octets), said = lines[0].split(), lines[1].split(), lines[2]
            yield name, form == "stream", bytes.fromhex(octets), said


def decoded(pieces, preamble):
    """What comes of the bytes, as a line of the file, and the frames."""
    decoder, frames = Decoder(preamble), []
    try:
        for piece in pieces:
            decoder.feed(piece)
            while frame := decoder.next():
                frames.append(frame)
    except WireError as error:
        return f"error {error}", frames
    if frames:
        return "; ".join(f"frame {show(frame)}" for frame in frames), frames
    return ("incomplete" if decoder.buffer or decoder.preamble else "skipped"), frames


def encoded(frame):
    fields = dict(vars(frame))
    return encode(fields.pop("name"), fields.pop("operation"), fields.pop("last"), **fields)


def check_vector(preamble, octets, said):
    """Steps 1 to 3, and the cut of the last byte."""
    result, frames = decoded([octets], preamble)
    assert result == said, f"{result} instead of {said}"
    assert decoded([octets[i : i + 1] for i in range(len(octets))], preamble)[0] == said, "a byte at a time"
    for cut in range(len(octets) + 1):
        assert decoded([octets[:cut], octets[cut:]], preamble)[0] == said, f"cut at {cut}"
    for frame in frames:
        assert encoded(frame) == octets[8 if preamble else 0 :], "encoded again"
        assert decoded([octets[:-1]], preamble)[0] == "incomplete", "without the last byte"


def check_all():
    """Returns how many vectors there are; raises at the first that is not as it should be."""
    count = 0
    for name, preamble, octets, said in vectors():
        try:
            check_vector(preamble, octets, said)
        except AssertionError as error:
            raise AssertionError(f"vector {name}: {error}") from None
        count += 1
    return count
