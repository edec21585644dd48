"""Which addresses are of this machine alone."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether only this machine is reached by the address, or reaches from it.

    Example:
        >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
        (True, True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
