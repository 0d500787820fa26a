"""A local page: drop an infrared and a visible picture, see them fused and what two networks make of them."""

import os
import sys
import webbrowser

from downstream.app.config import AppConfig as Config
from downstream.app.desk import Desk
from downstream.app.looking import Looker
from downstream.app.server import AppServer
from downstream.command import EXIT_DONE
from downstream.console import PlainConsole

__all__ = ["Config", "main"]


def main(config: Config) -> int:
    desk, console = Desk(Looker(config)), PlainConsole()
    try:
        with AppServer(config.port, desk) as server:
            console.print(f"{server.address} shows the page; Ctrl-C ends it", soft_wrap=True)
            if config.open and _has_desktop():
                webbrowser.open(server.address)
            server.serve_forever()
    except KeyboardInterrupt:
        console.print()
    finally:
        desk.close()
    return EXIT_DONE


def _has_desktop() -> bool:
    """Whether a browser would be a window of its own; in a terminal it would take this one."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
