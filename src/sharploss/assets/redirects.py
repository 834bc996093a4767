"""Where a download may be redirected to: never out of https, nor from the internet into the network that we stand in.

A server that asks for `http://169.254.169.254/` or a router's page would make this machine fetch what only it can see
(server-side request forgery). Mirrors on a local network are legitimate, and may redirect as they like within it.
"""

import ipaddress
import socket
from urllib.parse import urlsplit


def refusal(source: str, target: str) -> str:
    """Say why a redirect is not followed; "" when it is.

    Args:
        source: the absolute URL that was asked for.
        target: the absolute URL that its answer leads to.
    """
    before, after = urlsplit(source), urlsplit(target)
    where = f"{before.netloc} redirects to {after.scheme}://{after.netloc}"
    if after.scheme not in {"http", "https"}:
        return f"{where}, which is neither http nor https"
    if before.scheme == "https" and after.scheme != "https":
        return f"{where}, which is not https as the address in the catalogue is"
    if _is_local(after.hostname) and not _is_local(before.hostname):
        return f"{where}, which is an address of the local network"
    return ""


def _is_local(host: str | None) -> bool:
    """Tell whether any address of a host is private, loopback, link-local or otherwise not of the internet."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, ValueError):
        return False  # nobody can connect to it either, but for a proxy, which knows its own networks
    return not all(_is_global(str(address[0])) for *_, address in found)


def _is_global(text: str) -> bool:
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_global
