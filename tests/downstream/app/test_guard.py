"""Only the page itself is answered: other names, other pages and other kinds of request are refused."""

import pytest

from downstream.app.guard import BODY_TYPE, HEADERS

REFUSED = {
    "another name, as DNS rebinding has it": {"Host": "evil.example:80"},
    "another name on our port": {"Host": "evil.example:{port}"},
    "our name on another port": {"Host": "127.0.0.1:1"},
    "no port": {"Host": "127.0.0.1"},
    "no name": {"Host": ""},
    "another page": {"Origin": "http://evil.example"},
    "another port's page": {"Origin": "http://127.0.0.1:1"},
    "our page by https": {"Origin": "https://127.0.0.1:{port}"},
    "a page by the other of our names": {"Origin": "http://localhost:{port}"},
    "a page without an origin": {"Origin": "null"},
    "no page at all": {"Origin": None},
    "a form": {"Content-Type": "multipart/form-data; boundary=x"},
    "a simple request": {"Content-Type": "text/plain"},
    "no type": {"Content-Type": None},
    "said to be from elsewhere": {"Sec-Fetch-Site": "cross-site"},
    "said to be from beside us": {"Sec-Fetch-Site": "same-site"},
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_that_is_not_the_pages_is_refused(plain, case):
    port = str(plain.server.server_port)
    headers = {name.replace("-", "_"): v and v.replace("{port}", port) for name, v in REFUSED[case].items()}
    status, _, content = plain.ask("/look?method=max&sample=0", b"", **headers)
    assert status == 403
    assert b"expected" in content


@pytest.mark.parametrize("path", ["/", "/choices", "/app.js"])
def test_pages_are_read_under_our_name_alone(plain, path):
    assert plain.ask(path)[0] == 200
    assert plain.ask(path, Host=f"localhost:{plain.server.server_port}")[0] == 200
    assert plain.ask(path, Host=f"evil.example:{plain.server.server_port}")[0] == 403


def test_the_pages_own_request_is_answered_under_both_names(plain):
    for name in ("127.0.0.1", "localhost"):
        host = f"{name}:{plain.server.server_port}"
        assert plain.ask("/look?method=max&sample=0", b"", Host=host, Origin=f"http://{host}")[0] == 200


def test_every_answer_says_what_the_page_may_do(plain):
    asked = [plain.ask("/"), plain.ask("/nowhere"), plain.ask("/look", b"x", Origin="http://evil.example"),
             plain.ask("/", method="PUT"), plain.ask("/", method="OPTIONS")]  # fmt: skip
    assert [status for status, _, _ in asked] == [200, 404, 403, 501, 501]
    for _, headers, _ in asked:
        assert {name: headers[name] for name in HEADERS} == HEADERS
        assert "Access-Control-Allow-Origin" not in headers
        assert headers["Server"] == "dwsfusion"
    assert "unsafe" not in HEADERS["Content-Security-Policy"]
    assert BODY_TYPE not in ("text/plain", "multipart/form-data", "application/x-www-form-urlencoded")


def test_it_listens_on_this_machine_alone(plain):
    assert plain.server.server_address[0] == "127.0.0.1"


@pytest.mark.parametrize(
    "path",
    ["/../guard.py", "/%2e%2e/guard.py", "/page/app.js", "//etc/passwd", "/look", "/index.html/..", "/app.js%00"],
)
def test_nothing_but_the_page_can_be_read(plain, path):
    assert plain.ask(path)[0] == 404
