from __future__ import annotations

import ssl
import tracemalloc
from collections.abc import Callable
from io import BufferedReader, BytesIO, TextIOWrapper
from typing import Any
from urllib.parse import unquote_plus

import pytest
from flask import Flask, Request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.exceptions import ClientDisconnected
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request as WerkzeugRequest

from flask_jwtlib.errors import InvalidRequestError
from flask_jwtlib.extractors import form_values, is_ascii_form, read_body
from flask_jwtlib.log_text import error_text

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"
PARTS = (
    b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    b'--b\r\nContent-Disposition: form-data; name="f"; filename="f.txt"\r\n\r\nupload\r\n--b--\r\n'
)
BODIES = {"form": (FORM, b"a=1&b=2"), "multipart": (MULTIPART, PARTS), "other": ("text/x", b"a=1")}


class Input:
    """A server's input that returns a few bytes at a time, and then ends or fails.

    Attributes:
        handed_out: How many bytes were read from it.
    """

    def __init__(
        self, data: bytes, *, error: BaseException | None = None, at_once: int = 3
    ) -> None:
        self._data = BytesIO(data)
        self._error = error
        self._at_once = at_once
        self.handed_out = 0

    def read(self, size: int = -1) -> bytes:
        data = self._data.read(self._at_once if size < 0 else min(size, self._at_once))
        self.handed_out += len(data)
        if not data and self._error is not None:
            raise self._error
        return data


def request(
    body: Any,
    *,
    length: int | str | None = None,
    content_type: str = FORM,
    terminated: bool = False,
    **environ: Any,
) -> Request:
    """Make a POST request as a server passes it to Flask."""
    made = EnvironBuilder(method="POST", content_type=content_type).get_environ()
    made["wsgi.input"] = BytesIO(body) if isinstance(body, bytes) else body
    if terminated:
        made["wsgi.input_terminated"] = True
    if length is None and isinstance(body, bytes):
        length = len(body)
    made.pop("CONTENT_LENGTH", None)
    if length is not None:
        made["CONTENT_LENGTH"] = str(length)
    return Request({**made, **environ})


VIEWS: dict[str, Callable[[Request], object]] = {
    "form": lambda r: sorted(r.form.items()),
    "files": lambda r: [file.read() for file in r.files.values()],
    "values": lambda r: sorted(r.values.items()),
    "stream": lambda r: r.stream.read(),
    "stream in pieces": lambda r: list(iter(lambda: r.stream.read(2), b"")),
    "stream by line": lambda r: r.stream.readline(),
    "get_data": lambda r: r.get_data(),
    "get_data uncached": lambda r: r.get_data(cache=False),
    "data": lambda r: r.data,
    "get_data, then form": lambda r: (r.get_data(), sorted(r.form.items()), len(r.files)),
    "form, then stream": lambda r: (sorted(r.form.items()), r.stream.read()),
    "another request": lambda r: WerkzeugRequest(r.environ).get_data(),
}


@pytest.mark.parametrize("terminated", [False, True], ids=["bounded", "terminated"])
@pytest.mark.parametrize("max_length", [1000, 2], ids=["read", "not read"])
@pytest.mark.parametrize("kind", BODIES)
@pytest.mark.parametrize("view", VIEWS)
def test_the_view_can_read_the_whole_body(
    view: str, kind: str, max_length: int, terminated: bool
) -> None:
    """However a view reads the body, it gets the same as without the search."""
    content_type, body = BODIES[kind]

    def made() -> Request:
        return request(body, content_type=content_type, terminated=terminated)

    looked_at = made()
    assert read_body(looked_at, max_length=max_length) == (body if max_length == 1000 else None)
    assert VIEWS[view](looked_at) == VIEWS[view](made())


@pytest.mark.parametrize("terminated", [False, True], ids=["bounded", "terminated"])
def test_a_body_can_be_read_again(terminated: bool) -> None:
    """Two extractors may read one body."""
    made = request(b"a=1", terminated=terminated)

    assert [read_body(made, max_length=9) for _ in range(3)] == [b"a=1"] * 3
    assert made.form["a"] == "1"


def test_a_body_may_come_in_pieces() -> None:
    """A server's input may return fewer bytes than requested."""
    for terminated in (False, True):
        made = request(Input(b"a=12345"), length=7, terminated=terminated)
        assert read_body(made, max_length=7) == b"a=12345"


@pytest.mark.parametrize("terminated", [False, True], ids=["bounded", "terminated"])
def test_a_longer_body_is_not_read(terminated: bool) -> None:
    """A body beyond the limit is not read at all."""
    for length in (8, 10**6, 10**300):
        body = Input(b"a=12345x" * 9)
        made = request(body, length=length, terminated=terminated)
        assert read_body(made, max_length=7) is None
        assert body.handed_out == 0


@pytest.mark.parametrize(
    "encoding", ["chunked", "Chunked", "gzip, chunked", "identity", ""], ids=repr
)
@pytest.mark.parametrize("length", [None, 3])
def test_a_body_of_unknown_length_is_not_read(encoding: str, length: int | None) -> None:
    """Transfer-Encoding hides the length, even beside a Content-Length (RFC 9112 §6.3)."""
    body = Input(b"a=1")
    made = request(body, length=length, terminated=True, HTTP_TRANSFER_ENCODING=encoding)

    assert read_body(made, max_length=1000) is None
    assert body.handed_out == 0


def test_a_body_without_a_length_is_not_read() -> None:
    """Without a Content-Length the body's length is unknown."""
    body = Input(b"a=1")

    assert read_body(request(body, terminated=True), max_length=1000) is None
    assert body.handed_out == 0


def test_the_applications_smaller_limit_applies() -> None:
    """Flask responds 413 to a body beyond MAX_CONTENT_LENGTH, so it isn't read here either."""
    app = Flask("limited")
    app.config["MAX_CONTENT_LENGTH"] = 5
    for body, found in ((b"a=123", b"a=123"), (b"a=1234", None)):
        for terminated in (False, True):
            with app.app_context():
                made = request(body, terminated=terminated)
                assert read_body(made, max_length=1000) == found


def test_the_applications_limit_applies_to_the_unpacked_body() -> None:
    """If a middleware unpacks a body and keeps the packed length, the limit is for the unpacked one."""
    app = Flask("limited")
    app.config["MAX_CONTENT_LENGTH"] = 50
    with app.app_context():
        made = request(b"access_token=t&" + b"a" * 100, length=20, terminated=True)

        assert read_body(made, max_length=200) is None
        assert made.stream.read(50) == b"access_token=t&" + b"a" * 35


def test_a_terminated_input_may_be_longer_than_announced() -> None:
    """If a middleware keeps the packed length, the limit still applies, and no byte is lost."""
    short = request(b"a=1&b=2", length=3, terminated=True)
    assert read_body(short, max_length=7) == b"a=1&b=2"
    assert short.get_data() == b"a=1&b=2"

    body = Input(b"a=1&b=2" * 1000)
    long = request(body, length=3, terminated=True)
    assert read_body(long, max_length=7) is None
    assert body.handed_out == 8
    assert long.get_data() == b"a=1&b=2" * 1000


@pytest.mark.parametrize("length", ["", "x", "-1", "+1", "1.0"], ids=repr)
def test_an_invalid_length_does_not_lift_the_limit(length: str) -> None:
    """Werkzeug reads an invalid length as 0; a terminated input is limited all the same."""
    body = Input(b"a=1" * 1000)
    assert read_body(request(body, length=length), max_length=9) == b""
    assert body.handed_out == 0
    assert read_body(request(body, length=length, terminated=True), max_length=9) is None
    assert body.handed_out == 10


ERRORS = [
    ConnectionResetError(104, "reset"),
    BrokenPipeError(32, "pipe"),
    TimeoutError("timed out"),
    ssl.SSLError(1, "eof"),
    OSError("request data read error"),
    ValueError("I/O operation on closed file"),
    EOFError("gone"),
    ClientDisconnected(),
    RuntimeError("the server's own"),
    None,
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("terminated", [False, True], ids=["bounded", "terminated"])
@pytest.mark.parametrize("sent", [b"", b"a=1&access_token="], ids=["nothing", "a part"])
def test_an_incomplete_body_is_refused(
    error: Exception | None, terminated: bool, sent: bytes
) -> None:
    """If a server's input raises or ends too early, the request is malformed."""
    made = request(Input(sent, error=error), length=400, terminated=terminated)

    for _ in range(2):
        with pytest.raises(InvalidRequestError) as refusal:
            read_body(made, max_length=1000)
        assert refusal.value.description == "The request body is incomplete"
        assert f"after {len(sent)} of 400 bytes" in error_text(refusal.value)
        # The exception's frames hold the request, which keeps the refusal.
        assert refusal.value.__cause__ is refusal.value.__context__ is None


def test_a_broken_body_can_be_read_again() -> None:
    """A view that still runs can read the received bytes from the start."""
    made = request(Input(b"a=1&b=2"), length=400, terminated=True)
    with pytest.raises(InvalidRequestError):
        read_body(made, max_length=1000)

    assert made.form.to_dict() == {"a": "1", "b": "2"}


def test_a_body_that_was_read_can_be_wrapped() -> None:
    """A view may read lines or text from the stream, as it may from a server's input."""
    made = request(Input(b"a=1\nb=2\nc=3\n"), length=5, terminated=True)
    assert read_body(made, max_length=9) is None

    assert list(TextIOWrapper(BufferedReader(made.stream))) == ["a=1\n", "b=2\n", "c=3\n"]  # type: ignore[arg-type]


@pytest.mark.parametrize("stop", [SystemExit, KeyboardInterrupt])
def test_process_exits_propagate(stop: type[BaseException]) -> None:
    """A server that stops a worker during a read stops it."""
    with pytest.raises(stop):
        read_body(request(Input(b"", error=stop()), length=3), max_length=9)


BEFORE: dict[str, Callable[[Request], object]] = {
    "get_data": lambda r: r.get_data(),
    "form": lambda r: r.form,
    "get_data and form": lambda r: (r.get_data(), r.form),
    "stream, not read": lambda r: r.stream,
}


@pytest.mark.parametrize("terminated", [False, True], ids=["bounded", "terminated"])
@pytest.mark.parametrize("limit", [None, 7, 8])
@pytest.mark.parametrize("before", BEFORE)
def test_the_application_may_read_the_body_first(
    before: str, terminated: bool, limit: int | None
) -> None:
    """A body that a function before the request has read stays as it is."""
    app = Flask("first")
    app.config["MAX_CONTENT_LENGTH"] = limit
    with app.app_context():
        made = request(b"a=1&b=2", terminated=terminated)
        untouched = request(b"a=1&b=2", terminated=terminated)
        BEFORE[before](made)
        BEFORE[before](untouched)

        # After parsing, none of the bytes are left.
        assert read_body(made, max_length=9) == (b"" if before == "form" else b"a=1&b=2")
        assert made.form == untouched.form
        if before.startswith("get_data"):
            assert made.get_data() == b"a=1&b=2"


@pytest.mark.parametrize("terminated", [False, True], ids=["bounded", "terminated"])
def test_a_partly_read_stream_continues(terminated: bool) -> None:
    """If the application has begun to read the stream, it continues where it was."""
    made = request(b"a=1&b=2", terminated=terminated)
    assert made.stream.read(4) == b"a=1&"

    assert read_body(made, max_length=9) == b"b=2"
    assert made.stream.read() == b"b=2"


def test_a_custom_stream_is_limited() -> None:
    """The application's own stream may be endless: the limit applies to it, too."""
    made = request(b"", length=6)
    made.stream = endless = Input(b"a=1" * 1000)  # type: ignore[assignment]

    assert read_body(made, max_length=9) is None
    assert endless.handed_out == 10
    assert len(made.stream.read()) == 3000


def test_a_long_body_that_was_kept_holds_no_token() -> None:
    """The limit applies even if the application has read the body already."""
    made = request(b"a=1" * 1000, length=3, terminated=True)
    made.get_data()

    assert read_body(made, max_length=9) is None


def test_a_failing_custom_stream_is_refused() -> None:
    """A failing stream is refused as a server's input is."""
    made = request(b"", length=6)
    made.stream = Input(b"a=1", error=OSError())  # type: ignore[assignment]

    with pytest.raises(InvalidRequestError):
        read_body(made, max_length=9)
    assert made.stream.read(3) == b"a=1"


NAME = "access_token"
spellings = st.lists(
    st.sampled_from(["%s", "%%%02x", "%%%02X"]), min_size=len(NAME), max_size=len(NAME)
).map(
    lambda forms: "".join(
        form % (letter if form == "%s" else ord(letter))
        for form, letter in zip(forms, NAME, strict=True)
    )
)
pieces = st.sampled_from(
    [*"&=%+;", "access_token", "a", "%5F", "%5f", "%26", "%3D", "%", "x.y.z", "%C3%B6", "%FF", "\0"]
)
bodies = st.lists(spellings | pieces | st.text(max_size=2), max_size=12).map("".join)


@given(bodies)
def test_values_equal_werkzeugs(text: str) -> None:
    """ASCII text has the same values as the view's form, in the same order."""
    body = text.encode("utf-8", "replace")
    parsed = request(body).form.getlist(NAME)
    found = form_values(body, NAME)

    assert len(found) == len(parsed)
    for mine, theirs in zip(found, parsed, strict=True):
        assert mine == theirs or not is_ascii_form(body)


@given(st.binary(max_size=40) | bodies.map(str.encode))
def test_an_ascii_form_is_ascii_after_decoding(body: bytes) -> None:
    """Bytes and percent-encoded bytes count alike (RFC 6750 §2.2)."""
    if is_ascii_form(body):
        form = request(body).form
        assert all(text.isascii() for pair in form.items(multi=True) for text in pair)


@pytest.mark.parametrize(
    ("body", "is_ascii"),
    [(b"a=b", True), (b"a=%7F", True), (b"a=%80", False), (b"a=%fF", False), (b"\xf6=1", False)],
)
def test_is_ascii_form(body: bytes, is_ascii: bool) -> None:
    """A byte of 128 or more isn't ASCII, however it is sent."""
    assert is_ascii_form(body) is is_ascii


@given(
    value=st.lists(
        st.sampled_from(["%", "%4", "%41", "%0a", "=", "+", "_", "\n", "\r\n", "a", " "])
    )
)
def test_a_value_is_decoded_as_urllib_does(value: list[str]) -> None:
    """Escapes, lone percent signs, equals signs and line breaks are decoded as by urllib."""
    text = "".join(value)

    assert form_values(f"access_token={text}".encode(), NAME) == [unquote_plus(text)]


def test_escapes_use_little_memory() -> None:
    """A body full of escapes needs only a few times its size in memory."""
    body = b"access_token=" + b"%61" * 5_000
    form_values(body, NAME)
    tracemalloc.start()
    try:
        form_values(body, NAME)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 8 * len(body)
