"""Which user of this machine is at the other end of a connection."""

from __future__ import annotations

import ipaddress
import struct

_TABLES = {4: "/proc/net/tcp", 6: "/proc/net/tcp6"}
"""The connections of this machine, by version of the protocol, on Linux."""

Address = tuple[str, int | None]


def user_of_peer(client: Address | None, server: Address | None) -> int | None:
    """Return the number of the user whose program connected from `client` to `server`.

    None where the system does not tell, and for a client on another machine.
    """
    if client is None or server is None:
        return None
    try:
        version = ipaddress.ip_address(client[0]).version
        wanted = [_as_in_table(*client), _as_in_table(*server)]
        with open(_TABLES[version], encoding="ascii") as table:
            for line in table:
                fields = line.split()
                if fields[1:3] == wanted:
                    return int(fields[7])
    except (OSError, ValueError, IndexError):
        return None
    return None


def _as_in_table(host: str, port: int | None) -> str:
    """Return an address as Linux writes it: words of 32 bits in the machine's order, in hex."""
    packed = ipaddress.ip_address(host).packed
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port or 0:04X}"
