"""The playground's server against everything but its own page, and the page itself as a file."""

import http.client
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import threading
import time
import zipfile

import pytest

import tinynn as nn
from tinynn.teaching.playground.page import page
from tinynn.teaching.playground.server import (
    HOST,
    LARGEST_BODY,
    MOST_CONNECTIONS,
    MOST_PAGES,
    Playground,
)
from tinynn.teaching.playground.site import build_site

TOO_LONG = "the playground takes at most 10,000,000 bytes at once"
ROOT = pathlib.Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def server():
    with Playground() as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def sent(server, method="POST", path=None, body=b'{"do": "choices"}', **headers):
    """Return the status and the text of an answer; headers by their names with `_` for `-`."""
    usual = {
        "Host": f"{HOST}:{server.server_port}", "Content-Type": "application/json",
        "X-Page": "page1", "Content-Length": str(len(body)),
    }  # fmt: skip
    usual.update({name.replace("_", "-"): value for name, value in headers.items()})
    connection = http.client.HTTPConnection(HOST, server.server_port, timeout=20)
    connection.putrequest(method, f"/{server.token}/ask" if path is None else path, skip_host=True)
    for name, value in usual.items():
        if value is not None:
            connection.putheader(name, value)
    connection.endheaders()
    if method == "POST":
        connection.send(body)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, answer.headers


def head(server, length):
    """Return the head of a good request."""
    return (
        f"POST /{server.token}/ask HTTP/1.1\r\nHost: {HOST}:{server.server_port}\r\n"
        f"X-Page: a\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    ).encode()


def works(server):
    status, text, _ = sent(server, X_Page="fresh")
    return status == 200 and "defaults" in json.loads(text)


def test_it_listens_on_this_machine_alone_and_serves_its_page(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{20,}/", server.address)
    status, text, headers = sent(server, "GET", f"/{server.token}/")
    assert status == 200 and text == page()
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer" and headers["Cache-Control"] == "no-store"
    assert works(server)


def test_two_servers_have_two_tokens_and_pages_their_own_sessions(server):
    with Playground() as other:
        assert other.token != server.token
    body = json.dumps({"do": "set up", "settings": {"data": "xor"}}).encode()
    assert sent(server, body=body, X_Page="a")[0] == 200
    epochs = json.loads(sent(server, body=b'{"do": "train"}', X_Page="a")[1])
    fresh = json.loads(sent(server, body=b'{"do": "look"}', X_Page="b")[1])
    assert epochs["epoch"] == 1 and fresh["epoch"] == 0


@pytest.mark.parametrize(
    ("headers", "status", "text"),
    [
        ({"Host": "example.com"}, 403, "the playground answers its own page alone"),
        ({"Host": None}, 403, "the playground answers its own page alone"),
        ({"Host": "127.0.0.1:1"}, 403, "the playground answers its own page alone"),
        ({"Origin": "http://example.com"}, 403, "the playground answers its own page alone"),
        ({"Origin": "null"}, 403, "the playground answers its own page alone"),
        ({"Sec_Fetch_Site": "cross-site"}, 403, "the playground answers its own page alone"),
        ({"Sec_Fetch_Site": "same-site"}, 403, "the playground answers its own page alone"),
        ({"path": "/ask"}, 404, "there is nothing here"),
        ({"path": "/wrong-token/ask"}, 404, "there is nothing here"),
        ({"path": "/../../etc/passwd"}, 404, "there is nothing here"),
        ({"Content_Type": "text/plain"}, 415, "the playground takes JSON"),
        ({"Content_Length": None}, 411, "the playground needs a length"),
        ({"Content_Length": "-1"}, 411, "the playground needs a length"),
        ({"Content_Length": "1e3"}, 411, "the playground needs a length"),
        ({"Content_Length": str(LARGEST_BODY + 1)}, 413, TOO_LONG),
        ({"Content_Length": "9" * 30}, 413, TOO_LONG),
        ({"X_Page": ""}, 400, "the playground needs a page's name"),
        ({"X_Page": "../x"}, 400, "the playground needs a page's name"),
        ({"body": b"{"}, 400, "the playground takes JSON"),
        ({"body": b"\xff\xfe"}, 400, "the playground takes JSON"),
        ({"body": b"[" * 100_000}, 400, "the playground takes JSON"),
        ({"body": b'{"do": 1'}, 400, "the playground takes JSON"),
    ],
)  # fmt: skip
def test_what_does_not_come_from_the_page_is_refused(server, headers, status, text):
    assert sent(server, **headers)[:2] == (status, text)
    assert works(server)


@pytest.mark.parametrize("path", ["/", "/index.html", "/%2e%2e/", "//", "/x/?y"])
def test_other_pages_are_not_there(server, path):
    assert sent(server, "GET", path)[0] == 404


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "HEAD"])
def test_other_methods_are_refused(server, method):
    assert sent(server, method)[0] == 501 and works(server)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0" * 1000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500,
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12", b"A" * 200_000,
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
    ],
)  # fmt: skip
def test_broken_requests_do_not_stop_it(server, data, capfd):
    with socket.create_connection((HOST, server.server_port), timeout=20) as connection:
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        except OSError:
            pass
    assert works(server)
    assert capfd.readouterr().err == ""


def test_two_hundred_at_once(server):
    answers, errors = [], []

    def one(k):
        try:
            answers.append(sent(server, body=b'{"do": "step"}', X_Page=f"page{k % 8}")[0])
        except OSError as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(k,)) for k in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 200 and set(answers) <= {200, 503} and answers.count(200) > 20, errors
    assert len(server.sessions) <= MOST_PAGES and works(server)


def test_a_hundred_megabytes_are_refused_before_they_are_read(server):
    with socket.create_connection((HOST, server.server_port), timeout=20) as connection:
        connection.sendall(head(server, 100_000_000) + b" " * 1000)
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
    assert works(server)


def test_a_thousand_connections_that_say_nothing(server, monkeypatch):
    monkeypatch.setattr("tinynn.teaching.playground.server._Handler.timeout", 0.5)
    before = threading.active_count()
    silent = []
    try:
        for _ in range(1000):
            silent.append(socket.create_connection((HOST, server.server_port), timeout=20))
        assert threading.active_count() - before <= MOST_CONNECTIONS + 1
    finally:
        for connection in silent:
            connection.close()
    for _ in range(100):  # those that were served have to be noticed as gone
        try:
            assert works(server)
            break
        except OSError:
            time.sleep(0.05)
    assert works(server)


def test_a_page_that_leaves_in_the_middle(server):
    for _ in range(20):
        with socket.create_connection((HOST, server.server_port), timeout=20) as connection:
            connection.sendall(head(server, 20) + b"{")
    assert works(server)


def test_a_port_that_is_taken_or_none(server):
    with pytest.raises(nn.SettingError) as found:
        Playground(server.server_port)
    assert str(found.value) == (
        f"playground cannot use port {server.server_port}: Address already in use; leave out "
        "--port for a free one"
    )
    with pytest.raises(nn.SettingError, match="needs port to be at most 65535, got 70000"):
        Playground(70_000)


def test_the_page_is_whole_in_itself():
    text = page()
    assert not re.search(r"""(src|href)\s*=\s*["'](?!data:)""", text.replace("href: url", ""))
    assert (
        "http://" not in text.replace("http://www.w3.org/2000/svg", "") and "https://" not in text
    )
    assert not re.search(r"\beval\(|new Function|document\.write", text)


def test_the_command_serves_until_it_is_interrupted(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "tinynn", "playground", "--no-browser"], cwd=tmp_path, text=True,
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        line = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:(\d+)/([\w-]+)/", line)
        connection = http.client.HTTPConnection(HOST, int(address[1]), timeout=20)
        connection.request("GET", f"/{address[2]}/")
        assert connection.getresponse().status == 200
    finally:
        process.send_signal(2)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0 and errors == "" and list(tmp_path.iterdir()) == []


def test_a_site_is_built_the_same_each_time(tmp_path):
    runtime = tmp_path / "pyodide"
    runtime.mkdir()
    for name in ("pyodide.mjs", "pyodide.asm.wasm", "README.md"):
        (runtime / name).write_text(name)
    sizes = [build_site(str(tmp_path / name), str(runtime)) for name in ("a", "b")]
    files = sorted(
        str(p.relative_to(tmp_path / "a")) for p in (tmp_path / "a").rglob("*") if p.is_file()
    )
    assert files == [
        "index.html",
        "pyodide/pyodide.asm.wasm",
        "pyodide/pyodide.mjs",
        "tinynn.zip",
        "worker.js",
    ]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert sizes[0] == sizes[1] == sum((tmp_path / "a" / name).stat().st_size for name in files)
    inside = zipfile.ZipFile(tmp_path / "a" / "tinynn.zip").namelist()
    assert "tinynn/__init__.py" in inside and "tinynn/teaching/playground/page.html" in inside
    done = subprocess.run(
        [sys.executable, "-c", "import tinynn.teaching.playground.page as p; print(len(p.page()))"],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "a" / "tinynn.zip")}, capture_output=True,
        text=True, cwd=tmp_path,
    )  # fmt: skip
    assert done.stdout.strip() == str(len(page())), done.stderr


def test_a_site_without_a_runtime_says_where_it_comes_from(tmp_path):
    build_site(str(tmp_path / "site"))
    assert "https://cdn.jsdelivr.net/pyodide/" in (tmp_path / "site" / "worker.js").read_text()
    with pytest.raises(nn.DataError) as found:
        build_site(str(tmp_path / "other"), str(tmp_path))
    assert "holds no Pyodide: pyodide.mjs and pyodide.asm.wasm are not in it" in str(found.value)
    assert not (tmp_path / "other").exists()
