"""The page, served from this process, with the detector of the sample scenes and a small segmenter."""

import http.client
import json
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_onnx import export

from downstream.app.config import AppConfig
from downstream.app.desk import Desk
from downstream.app.guard import BODY_TYPE
from downstream.app.looking import Looker
from downstream.app.server import AppServer

SAMPLE_DETECTOR = Path(__file__).parents[3] / "downstream/detection/sample.pt"


@dataclass
class Served:
    """A server with what it takes to ask it."""

    server: AppServer
    looker: Looker
    config: AppConfig

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"

    def ask(self, path, body=None, method=None, **headers):
        """Status, headers and content of an answer; by default asked as the page asks."""
        own = {"Host": self.host}
        if body is not None:
            own |= {"Origin": f"http://{self.host}", "Content-Type": BODY_TYPE, "Sec-Fetch-Site": "same-origin"}
        own |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=120)
        given = {name: value for name, value in own.items() if value is not None}
        connection.request(method or ("GET" if body is None else "POST"), path, body, given)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    def look(self, ir: bytes, vis: bytes, query="method=max", **headers):
        """Status and JSON for a pair of files."""
        status, _, content = self.ask(f"/look?{query}&infrared={len(ir)}", ir + vis, **headers)
        return status, json.loads(content)


def serve(config: AppConfig):
    looker = Looker(config)
    desk = Desk(looker)
    server = AppServer(0, desk)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield Served(server, looker, config)
    server.shutdown()
    server.server_close()
    desk.close()
    thread.join()


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """With a detector and a segmenter."""
    segmenter = tmp_path_factory.mktemp("networks") / "small.onnx"
    export(segmenter, (1, 3, "H", "W"))
    yield from serve(
        AppConfig(0, False, detector=str(SAMPLE_DETECTOR), segmenter=segmenter, image_size=128, device="cpu")
    )


@pytest.fixture(scope="session")
def plain():
    """Without any network."""
    yield from serve(AppConfig(0, False, device="cpu"))
