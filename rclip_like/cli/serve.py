"""`clipfind serve`: look at pictures and search them on a page in the browser."""

import errno
import ipaddress
import os
import socket
import sys
from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.cli.options import NOTHING_GIVEN, Given, Offline, open_library
from rclip_like.cli.paths import Sources, named_paths
from rclip_like.cli.remedies import said_on_page
from rclip_like.errors import ConfigError, UsageError
from rclip_like.output.stream import Talk, write_lines
from rclip_like.settings import (
    MOST_THUMBNAIL_MEGABYTES,
    Argument,
    EncoderSettings,
    IndexSettings,
    LibraryChoice,
    LibrarySettings,
    Option,
    ReadSettings,
    Setting,
    ThumbnailCacheSize,
    WalkSettings,
    data_folder,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rclip_like.library import Library
    from rclip_like.page.safety import Access
    from rclip_like.page.service import ServiceSettings
    from rclip_like.page.sessions import SessionFile

USUAL_PORT = 8417
"""Always the same if it is free, so that bookmarks stay good."""


class ServeOptions(NamedTuple):
    """What `serve` takes."""

    paths: Annotated[
        tuple[str, ...],
        Argument("[PATH]...", help="Folders or pictures to show; none: everything indexed."),
    ] = ()
    no_index: Annotated[
        bool, Option("--no-index -n", help="Use the index as it is, without updating it.")
    ] = False
    no_open: Annotated[
        bool, Option("--no-open", help="Print the page's address, and open no browser.")
    ] = False
    port: Annotated[
        int | None,
        Setting(
            "--port",
            metavar="N",
            min=0,
            max=65535,
            help=f"The port to listen on; 0: any that is free. Default: {USUAL_PORT}, or any if "
            "that is taken.",
        ),
    ] = None
    # No setting: whether others may connect is typed each time.
    host: Annotated[
        str,
        Option(
            "--host",
            metavar="ADDRESS",
            help="The address of this machine to listen on. With any other than the default, other "
            "machines can connect, unencrypted; see SERVING in the manual.",
        ),
    ] = "127.0.0.1"
    sign_out: Annotated[
        bool,
        Option(
            "--sign-out",
            help="Let in no browser that was let in before: each needs the new address.",
        ),
    ] = False
    cache_megabytes: ThumbnailCacheSize = MOST_THUMBNAIL_MEGABYTES
    walk: Annotated[WalkSettings, "Which pictures"] = WalkSettings()
    read: Annotated[ReadSettings, "Reading pictures"] = ReadSettings()
    library: LibraryChoice = LibraryChoice()
    encoder: EncoderSettings = EncoderSettings()
    offline: Offline = False
    talk: Talk = Talk()
    given: Given = NOTHING_GIVEN


def run(options: ServeOptions) -> int:
    """Serve until a signal comes, and return the exit status that says which."""
    talk = options.talk
    host = _address_of(options.host)
    paths = named_paths(options.paths, Sources(), talk)
    from rclip_like.library.reach import named_roots

    with open_library(options.library, options.encoder, options.read) as library:
        roots = named_roots(paths) if paths else None
        if roots is None and not library.walked_folders():
            raise UsageError("nothing is indexed yet; name a folder to show: clipfind serve FOLDER")
        bound = _bind(host, options.port)
        from rclip_like.page.app import make_app
        from rclip_like.page.safety import Access, own_names
        from rclip_like.page.server import serve
        from rclip_like.page.service import Service

        port = bound.getsockname()[1]
        user = os.getuid() if hasattr(os, "getuid") else None
        access = Access(port, own_names(host), user, _kept_sessions(options, library, port))
        service = Service(library, roots, _settings(options, library))
        app = make_app(service, access, _report_fault)

        def begin() -> None:
            _announce(options, host, access)
            service.start()

        try:
            number = serve(app, bound, begin)
        finally:
            service.stop()
    talk.note("stopped")
    return 128 + number


def _kept_sessions(options: ServeOptions, library: "Library", port: int) -> "SessionFile | None":
    """Return the file of the browsers that were let in before; None if none are to be let in.

    So it is for a user without a home, and over ssh, where the browser may run elsewhere.
    """
    from rclip_like.page.sessions import SessionFile

    try:
        path = data_folder() / "browsers.json"
    except ConfigError:
        return None
    kept = SessionFile(path, os.path.realpath(library.database), port)
    if options.sign_out:
        try:
            kept.clear()
        except OSError as error:
            raise UsageError(f"{path}: cannot be deleted: {error.strerror}") from error
    return None if os.environ.get("SSH_CONNECTION") else kept


def _settings(options: ServeOptions, library: "Library") -> "ServiceSettings":
    from rclip_like.cli.command_line import (
        command_line,
        copies_script,
        page_search,
        saved_arguments,
    )
    from rclip_like.page.saved import SavedForms
    from rclip_like.page.service import ServiceSettings
    from rclip_like.settings.configuration import configured

    # As `search` would take them, so that its command line finds the same.
    settings = configured(LibrarySettings)
    searching = settings.searching._replace(walk=options.walk)
    indexing = IndexSettings(walk=options.walk, tiles=settings.indexing.tiles)
    model = options.library.model and library.specification.name
    choice = options.library._replace(model=model)
    return ServiceSettings(
        searching=searching,
        read=options.read,
        indexing=None if options.no_index else indexing,
        cache_bytes=options.cache_megabytes * 1_000_000,
        spell=lambda search: command_line(search, choice, searching, updates=not options.no_index),
        spell_copies=lambda paths: copies_script(
            paths, choice, options.walk, updates=not options.no_index
        ),
        say=said_on_page,
        saved=SavedForms(saved_arguments, page_search),
    )


def _address_of(host: str) -> str:
    """Return the address to listen on. Raises UsageError for a name, which would be looked up."""
    if host == "localhost":
        return "127.0.0.1"
    try:
        return str(ipaddress.ip_address(host))
    except ValueError as error:
        raise UsageError(
            f"--host takes an address of this machine, such as 192.168.1.5 or ::1, not {host!r}"
        ) from error


def _bind(host: str, port: int | None) -> socket.socket:
    """Return a socket that listens, on the usual port if none is typed and that is free."""
    from rclip_like.page.server import bind

    try:
        if port is not None:
            return bind(host, port)
        try:
            return bind(host, USUAL_PORT)
        except OSError:
            return bind(host, 0)
    except OSError as error:
        if port is None or not error.errno == errno.EADDRINUSE:
            raise UsageError(f"cannot listen on {host}: {error.strerror}") from error
        raise UsageError(
            f"port {port} is in use, perhaps by another clipfind serve; leave out --port to take "
            "one that is free"
        ) from error


def _announce(options: ServeOptions, host: str, access: "Access") -> None:
    """Print the address, warn if others can connect, and open the browser."""
    address = ipaddress.ip_address(host)
    if not address.is_loopback:
        options.talk.error(
            f"everyone who can reach {host} and has the address sees these pictures, and nothing "
            "is encrypted on the way; safer: leave out --host, and see SERVING in the manual"
        )
    shown = "127.0.0.1" if address.is_unspecified else f"[{host}]" if address.version == 6 else host
    page = f"http://{shown}:{access.port}/"
    write_lines([f"{page}?token={access.token}"])
    if address.is_unspecified:
        family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
        pages = (f"http://{each}:{access.port}/" for each in _addresses_for_others(family))
        write_lines(f"{each}?token={access.token}" for each in pages)
    if not options.no_open:
        from rclip_like.cli.opening import open_browser

        open_browser(f"{page}?token={access.first_token()}")
    if os.environ.get("SSH_CONNECTION") and address.is_loopback:
        tunnel = f"ssh -L {access.port}:{shown}:{access.port} {socket.gethostname()}"
        options.talk.note(f"to open it where you sit, type there: {tunnel}")
    options.talk.note("Ctrl-C ends the page")


def _addresses_for_others(family: socket.AddressFamily) -> "Iterator[str]":
    """Yield the addresses of this machine that lead to other networks, as they stand in a URL.

    Those of IPv4, and with that family of IPv6. They are where packets to an address reserved for
    examples would start from; none is sent.
    """
    examples = {socket.AF_INET: "192.0.2.1", socket.AF_INET6: "2001:db8::1"}
    for each, example in examples.items():
        if each not in (socket.AF_INET, family):
            continue
        try:
            with socket.socket(each, socket.SOCK_DGRAM) as probe:
                probe.connect((example, 9))
                own = ipaddress.ip_address(probe.getsockname()[0])
        except (OSError, ValueError):  # no such network, or an address with a zone
            continue
        if not own.is_loopback:
            yield f"[{own}]" if own.version == 6 else str(own)


def _report_fault(error: Exception) -> None:
    if "--debug" in sys.argv:
        import traceback

        traceback.print_exception(error)
    Talk().error(
        f"a request failed: unexpected {type(error).__name__}: {error}; this is a fault of "
        "clipfind; please report it with what --debug shows"
    )
