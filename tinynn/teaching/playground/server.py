"""The playground's server: the standard library's, on this machine alone, for one page.

It answers only requests to its own address that carry the token in their path, and reads and
writes no files but the page. A request that is not well formed is refused in a sentence; it cannot
stop the server.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections import OrderedDict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore, Lock
from typing import Any

from ...checks.settings import integer
from ...errors import SettingError
from .page import page
from .questions import ask
from .session import Session

HOST = "127.0.0.1"
LARGEST_BODY = 10_000_000  # bytes of a request
LONGEST_WAIT = 10.0  # seconds for a request to come in
MOST_AT_ONCE = 32  # requests that are worked on or read
MOST_CONNECTIONS = 256  # at a time; more are closed at once
MOST_PAGES = 12  # whose sessions are kept; the one that was unused for longest goes first

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class Playground(ThreadingHTTPServer):
    """A server for the page at `address`.

    port: 0 for a free one. Raises SettingError if it is no port, or another program has it.
    """

    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # where it would let two servers share a port
    request_queue_size = 256

    def __init__(self, port: int = 0) -> None:
        port = integer("playground", "port", port, least=0)
        if port > 65_535:
            raise SettingError(f"playground needs port to be at most 65535, got {port}")
        try:
            super().__init__((HOST, port), _Handler)
        except OSError as error:
            reason = error.strerror or str(error)
            raise SettingError(
                f"playground cannot use port {port}: {reason}; leave out --port for a free one"
            ) from error
        self.token = secrets.token_urlsafe(16)
        self.hosts = {f"{name}:{self.server_port}" for name in (HOST, "localhost")}
        self.places = BoundedSemaphore(MOST_AT_ONCE)
        self.connections = BoundedSemaphore(MOST_CONNECTIONS)
        self.sessions: OrderedDict[str, tuple[Session, Lock]] = OrderedDict()
        self.sessions_lock = Lock()

    @property
    def address(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.server_port}/{self.token}/"

    def session(self, page_id: str) -> tuple[Session, Lock]:
        """Return the session of a page, and the lock to hold while it is asked."""
        with self.sessions_lock:
            if page_id not in self.sessions:
                while len(self.sessions) >= MOST_PAGES:
                    self.sessions.popitem(last=False)
                self.sessions[page_id] = Session(), Lock()
            self.sessions.move_to_end(page_id)
            return self.sessions[page_id]

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a connection a thread of its own, or close it if there are too many."""
        if self.connections.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection in its thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.connections.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that break off; a page may be closed at any time."""
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Playground
    server_version, sys_version = "tinynn", ""
    protocol_version = "HTTP/1.1"
    timeout = LONGEST_WAIT
    disable_nagle_algorithm = True  # else the body waits 40 ms for the head to be acknowledged

    def do_GET(self) -> None:
        """Send the page."""
        if self._refused():
            return
        if self.path.split("?")[0] != f"/{self.server.token}/":
            self._send(HTTPStatus.NOT_FOUND, "there is nothing here")
            return
        self._send(HTTPStatus.OK, page(), "text/html; charset=utf-8")

    def do_POST(self) -> None:
        """Answer a message of the page."""
        if self._refused():
            return
        if self.path != f"/{self.server.token}/ask":
            self._send(HTTPStatus.NOT_FOUND, "there is nothing here")
            return
        if self.headers.get("Content-Type", "").split(";")[0].strip() != "application/json":
            self._send(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the playground takes JSON")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit():
            self._send(HTTPStatus.LENGTH_REQUIRED, "the playground needs a length")
            return
        if len(length) > 12 or int(length) > LARGEST_BODY:
            self._send(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"the playground takes at most {LARGEST_BODY:,} bytes at once",
            )
            return
        if not self.server.places.acquire(timeout=LONGEST_WAIT):
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, "the playground is busy; try again")
            return
        try:
            self._answer(self.rfile.read(int(length)))
        finally:
            self.server.places.release()

    def _answer(self, body: bytes) -> None:
        page_id = self.headers.get("X-Page", "")
        if not 1 <= len(page_id) <= 64 or not page_id.isascii() or not page_id.isalnum():
            self._send(HTTPStatus.BAD_REQUEST, "the playground needs a page's name")
            return
        try:
            message = json.loads(body.decode("utf-8"))
        except (ValueError, RecursionError):
            self._send(HTTPStatus.BAD_REQUEST, "the playground takes JSON")
            return
        session, lock = self.server.session(page_id)
        with lock:
            answer = ask(session, message)
        self._send(HTTPStatus.OK, json.dumps(answer), "application/json")

    def _refused(self) -> bool:
        """Refuse what does not come from this server's own page; return whether it was refused."""
        host, origin = self.headers.get("Host", ""), self.headers.get("Origin")
        own = host in self.server.hosts and origin in (None, f"http://{host}")
        site = self.headers.get("Sec-Fetch-Site", "none")
        if own and site in ("none", "same-origin"):
            return False
        self._send(HTTPStatus.FORBIDDEN, "the playground answers its own page alone")
        return True

    def _send(self, status: HTTPStatus, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        data = text.encode("utf-8")
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        if status != HTTPStatus.OK:  # a body may not have been read
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the address has the token in it."""
