"""The server of the page: its files, and one question that it can ask; the standard library's, on 127.0.0.1 alone."""

import errno
import json
import logging
import socket
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

from downstream.app.desk import BusyError, Desk
from downstream.app.guard import HEADERS, LOOPBACK, refusal
from downstream.app.uploads import MAX_BYTES
from dwsfusion.errors import InputError

CHOICES, LOOK = "/choices", "/look"
_SHARED = ("style.css", "dom.js", "theme.js", "stage.js")
_OWN = ("index.html", "app.css", "views.js", "app.js")
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
_WAIT_S = 30
"""For the next bytes of a request."""
_LINGER_S = 30
"""For a browser to end, once it was answered."""
_SILENCE_S = 2
"""The same, for one that sends nothing more."""
_log = logging.getLogger(__name__)


class AppServer(ThreadingHTTPServer):
    """Answers browsers on this machine.

    Args:
        port: of 127.0.0.1; 0 for any that is free.
        desk: who does the work.

    Raises:
        InputError: the port is taken, or not ours to take.
    """

    daemon_threads = True

    def __init__(self, port: int, desk: Desk) -> None:
        self.desk = desk
        self.page = _page()
        try:
            super().__init__((LOOPBACK, port), Handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            raise InputError(f"cannot serve port {port} of {LOOPBACK}: {error.strerror}: choose another with --port, "
                             "or 0 for any that is free") from error  # fmt: skip

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://{LOOPBACK}:{self.server_port}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that goes away in the middle is none of our business; anything else is told in the log."""
        _log.debug("a request ended early", exc_info=True)


class Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: AppServer
    timeout = _WAIT_S
    protocol_version = "HTTP/1.0"  # a connection a request: nothing is left over for the next one

    def finish(self) -> None:
        """Reads on after the answer: to a browser that still sends, a closed connection is an error and no answer."""
        super().finish()
        until = monotonic() + _LINGER_S
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(_SILENCE_S)
            while monotonic() < until and self.connection.recv(1 << 20):
                pass

    def do_GET(self) -> None:
        """Gives a file of the page, or what can be chosen."""
        if reason := refusal(dict(self.headers), self.server.server_port, posts=False):
            return self._refuse(HTTPStatus.FORBIDDEN, reason)
        path = urlsplit(self.path).path
        if path == CHOICES:
            return self._tell(HTTPStatus.OK, self.server.desk.choices())
        kind, content = self.server.page.get(path, ("", b""))
        if not kind:
            return self._refuse(HTTPStatus.NOT_FOUND, "there is no such page: open /")
        return self._send(HTTPStatus.OK, kind, content)

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        """Takes two pictures, or the number of a sample scene, and tells what is seen."""
        if reason := refusal(dict(self.headers), self.server.server_port, posts=True):
            return self._refuse(HTTPStatus.FORBIDDEN, reason)
        parts = urlsplit(self.path)
        if parts.path != LOOK:
            return self._refuse(HTTPStatus.NOT_FOUND, f"expected pictures for {LOOK}")
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdecimal() or len(length) > 18:
            return self._refuse(HTTPStatus.LENGTH_REQUIRED, "expected Content-Length, the number of bytes sent")
        if int(length) > 2 * MAX_BYTES:
            most = f"at most {MAX_BYTES >> 20} MiB a picture are taken: save them smaller"
            return self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{int(length) >> 20} MiB: {most}")
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        return self._answer(query, int(length))

    def _answer(self, query: dict[str, str], length: int) -> None:
        try:
            told = self.server.desk.look(query, lambda: self._body(length))
        except BusyError as error:
            return self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, str(error))
        except InputError as error:
            return self._refuse(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
        except Exception:  # noqa: BLE001 - the other requests go on, and this one's traceback is told
            _log.exception("a request failed, by a fault of ours")
            return self._refuse(HTTPStatus.INTERNAL_SERVER_ERROR, "a fault of ours: its traceback is in the terminal")
        return self._tell(HTTPStatus.OK, told)

    def _body(self, length: int) -> bytes:
        try:
            body = self.rfile.read(length)
        except OSError:  # it took too long, or the browser went away
            body = b""
        if len(body) != length:
            raise InputError(f"expected {length} bytes, found {len(body)}: send the pictures again")
        return body

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        _log.debug("%d: %s", status, reason)
        self._tell(status, {"error": reason})

    def _tell(self, status: HTTPStatus, value: Any) -> None:
        self._send(status, "application/json", json.dumps(value, allow_nan=False).encode())

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def end_headers(self) -> None:
        """Every answer says what the page may do."""
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def version_string(self) -> str:
        """Names no versions."""
        return "dwsfusion"

    def log_message(self, format: str, *args: Any) -> None:
        """Into the log, not to the terminal."""
        _log.debug(format, *args)


def _page() -> dict[str, tuple[str, bytes]]:
    """The files of the page by their address, with their kinds; nothing else on disk can be asked for."""
    shared, own = files("downstream.report") / "page", files("downstream.app") / "page"
    found = {name: (folder / name).read_bytes() for folder, names in ((shared, _SHARED), (own, _OWN)) for name in names}
    page = {f"/{name}": (_KINDS[name.rpartition(".")[2]], content) for name, content in found.items()}
    return {**page, "/": page["/index.html"]}
