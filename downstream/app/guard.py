"""Who may ask: the page itself, in a browser on this machine, and no other page.

Any page in the same browser can send requests to 127.0.0.1. Those for another name (DNS rebinding) are told by their
Host, those that another page sends (cross-site request forgery) by their Origin.
"""

from collections.abc import Mapping

LOOPBACK = "127.0.0.1"
_NAMES = (LOOPBACK, "localhost")
BODY_TYPE = "application/octet-stream"
"""Of what is sent to us: a type that browsers let no other page send without asking first."""
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer."""


def refusal(headers: Mapping[str, str], port: int, *, posts: bool) -> str | None:
    """Why a request is not answered; None where it is.

    Args:
        headers: of the request; names in any case.
        port: ours.
        posts: whether it sends something; then it must come from the page.
    """
    given = {name.lower(): value for name, value in headers.items()}
    hosts = [f"{name}:{port}" for name in _NAMES] + (list(_NAMES) if port == 80 else [])
    host = given.get("host", "")
    if host not in hosts:
        return f"expected a request for {hosts[0]}, found one for {host[:80]!r}: open http://{hosts[0]}/"
    if not posts:
        return None
    origin = given.get("origin", "none")
    if origin != f"http://{host}":
        return f"expected a request from the page at http://{host}, found one from {origin[:80]!r}"
    if given.get("sec-fetch-site", "same-origin") != "same-origin":
        return "expected a request from the page itself, found one from another"
    if given.get("content-type", "none") != BODY_TYPE:
        return f"expected pictures as {BODY_TYPE}, found {given.get('content-type', 'none')[:80]!r}"
    return None
