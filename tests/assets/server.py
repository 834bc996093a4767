"""A local HTTP server that misbehaves as it is told, path by path."""

import contextlib
import hashlib
import http.server
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

RIGHT = bytes(range(251)) * 400
"""What is to arrive."""

SUM = hashlib.sha256(RIGHT).hexdigest()

Answer = Callable[["Handler", int], None]  # the request and how many there were for its path before


class Handler(http.server.BaseHTTPRequestHandler):
    """Looks its path up in the server's `answers`; notes path and Range header in `asked`."""

    server: "Server"

    def do_GET(self):
        before = sum(path == self.path for path, _ in self.server.asked)
        self.server.asked.append((self.path, self.headers.get("Range")))
        answer = self.server.answers.get(self.path)
        if answer is None:
            self.send_error(404)
        else:
            with contextlib.suppress(ConnectionError):  # the client may have left
                answer(self, before)
        self.close_connection = True

    def start(self, code, headers):
        self.send_response(code)
        for key, value in headers.items():
            self.send_header(key, str(value))
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server on a free port, in a thread."""
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def whole(content, **headers) -> Answer:
    """Serve everything, whatever range is asked for; headers' underscores are dashes."""
    headers = {key.replace("_", "-"): value for key, value in headers.items()}
    return lambda request, _: _send(request, 200, content, {"Content-Length": len(content), **headers})


def ranged(content, drop_after=None, times=1, tag='"one"', stall=0.0, reset=False) -> Answer:
    """Serve ranges as they should be; the first `times` answers end, stall or are reset after `drop_after` bytes."""

    def answer(request, before):
        wanted = request.headers.get("Range")
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        start = start if request.headers.get("If-Range") == tag else 0
        headers = {"ETag": tag, "Content-Length": len(content) - start}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        end = start + drop_after if drop_after and before < times else None
        _send(request, 206 if start else 200, content[start:end], headers)
        if end and stall:
            time.sleep(stall)
        if end and reset:
            time.sleep(0.05)  # what is still under way when a reset comes is lost
            request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.connection.close()

    return answer


def unsized(content) -> Answer:
    """Serve without saying how much it is: a truncation is not visible in the answer."""
    return lambda request, _: _send(request, 200, content, {"ETag": '"one"'})


def busy(code, times, then, **headers) -> Answer:
    """Answer with an error code so many times, then as `then` does."""
    headers = {key.replace("_", "-"): value for key, value in headers.items()}

    def answer(request, before):
        if before < times:
            request.start(code, headers)
        else:
            then(request, before)

    return answer


def _send(request, code, content, headers):
    request.start(code, headers)
    request.wfile.write(content)
    request.wfile.flush()
