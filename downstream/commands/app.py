"""A local page: drop an infrared and a visible picture, see them fused and what two networks make of them."""

import os
import sys
import webbrowser

from downstream.app.config import AppConfig as Config
from downstream.app.desk import Desk
from downstream.app.looking import Looker
from downstream.app.server import AppServer
from downstream.command import EXIT_DONE

__all__ = ["Config", "main"]


def main(config: Config) -> int:
    desk = Desk(Looker(config))
    try:
        with AppServer(config.port, desk) as server:
            print(f"{server.address} shows the page; Ctrl-C ends it", flush=True)
            if config.open and _has_desktop():
                webbrowser.open(server.address)
            server.serve_forever()
    except KeyboardInterrupt:
        print(flush=True)
    finally:
        desk.close()
    return EXIT_DONE


def _has_desktop() -> bool:
    """Whether a browser would be a window of its own; in a terminal it would take this one."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
