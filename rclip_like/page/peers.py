"""Which user of this machine is at the other end of a connection."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address

_TABLES = {4: "/proc/net/tcp", 6: "/proc/net/tcp6"}
"""The connections of this machine, by version of the protocol, on Linux."""

_USER, _INODE = 7, 9
"""The columns of a connection's user and of its socket, which no program has any more if 0."""

Address = tuple[str, int | None]


def user_of_peer(client: Address | None, server: Address | None) -> int | None:
    """Return the number of the user whose program connected from `client` to `server`.

    None where the system does not tell, for a client on another machine, and for one that has left:
    Linux then gives root for its user.
    """
    if client is None or server is None:
        return None
    try:
        ends = [_address(client[0]), _address(server[0])]
        wanted = [_as_in_table(*each) for each in zip(ends, (client[1], server[1]), strict=True)]
        with open(_TABLES[ends[0].version], encoding="ascii") as table:
            for line in table:
                fields = line.split()
                if fields[1:3] == wanted and fields[_INODE] != "0":
                    return int(fields[_USER])
    except (OSError, ValueError, IndexError):
        return None
    return None


def _address(host: str) -> IPv4Address | IPv6Address:
    """Return an address, of version 4 where version 6 only stands for it."""
    address = ip_address(host)
    return getattr(address, "ipv4_mapped", None) or address


def _as_in_table(address: IPv4Address | IPv6Address, port: int | None) -> str:
    """Return an address as Linux writes it: words of 32 bits in the machine's order, in hex."""
    words = struct.unpack(f"={len(address.packed) // 4}I", address.packed)
    return "".join(f"{word:08X}" for word in words) + f":{port or 0:04X}"
