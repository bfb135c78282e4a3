"""Files of the hub, by huggingface_hub: found in its cache or fetched into it, and checked."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import urlsplit

from huggingface_hub import ModelInfo, constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import WeakFileLock, build_hf_headers, httpx, validate_repo_id

from rclip_like import __version__
from rclip_like.errors import DownloadError, Remedy
from rclip_like.files import FILE_MODE, make_folder
from rclip_like.models.hub.cache import DIGEST, RemoteFile, cached_files, make_cache_folder
from rclip_like.models.hub.limits import WrongAnswer, ask_in_time, cut_refusals, fetch_list

TIMEOUT_SECONDS = 10.0
"""The limit on requests before a transfer; without a network they fail at once."""

_HEADERS = {"user-agent": f"clipfind/{__version__}", "accept-encoding": "identity"}
_CHUNK_BYTES = 1 << 20
_MALFORMED = (TypeError, KeyError, AttributeError, ValueError, RecursionError)


class Hub:
    """A model hub at an address; its wrong answers are raised as DownloadError.

    Offline it knows only what the cache holds.
    """

    def __init__(self, address: str, *, offline: bool, on_note: Callable[[str], None]) -> None:
        self.is_offline = offline
        self._address = address
        self._on_note = on_note

    @property
    def is_empty(self) -> bool:
        """Whether nothing can be had: offline, with no model in the cache."""
        return self.is_offline and not any(Path(constants.HF_HUB_CACHE).glob("models--*"))

    def list_files(self, repository: str) -> dict[str, RemoteFile]:
        """Return the files of a repository by their names there."""
        with self._sentences(repository):
            if self.is_offline:
                files = cached_files(repository)
            else:
                validate_repo_id(repository)
                url = f"{self._address}/api/models/{repository}"
                described = ask_in_time(lambda: fetch_list(url, _HEADERS, TIMEOUT_SECONDS))
                info = ModelInfo(**described)  # type: ignore[no-untyped-call]
                files = [_listed(repository, info.sha, item) for item in info.siblings or []]
        return {file.name: file for file in files}

    def url(self, file: RemoteFile) -> str:
        """Return the address of a file, in its commit: what is listed, whatever comes later."""
        found = hf_hub_url(file.repository, file.name, revision=file.commit, endpoint=self._address)
        return str(found)

    def take(self, file: RemoteFile, on_bytes: Callable[[int], None]) -> Path:
        """Return where a file lies in the cache, fetched unless it is there, its digest checked.

        on_bytes is called with the number of bytes that are there, at last with all of them. A
        damaged file in the cache is thrown away and fetched again, and noted. Raises DownloadError.
        """
        with self._sentences(file.repository, file.name):
            path = file.find()
            if path is not None and _digest(path, file.digest) != file.digest:
                if self.is_offline:
                    raise DownloadError(f"{path} is damaged", Remedy.GO_ONLINE)
                self._on_note(f"{path} is damaged; it is thrown away and fetched again")
                path.unlink()
                file.blob.unlink(missing_ok=True)
                path = None
            path = path or self._fetch(file, on_bytes)
        on_bytes(file.size_bytes)
        return path

    def require_room(self, files: Iterable[RemoteFile]) -> None:
        """Raise DownloadError if the cache's disk has no room for what is still to come."""
        cache = Path(constants.HF_HUB_CACHE)
        make_cache_folder(cache)
        missing_bytes = sum(file.missing_bytes() for file in files)
        if shutil.disk_usage(cache).free < missing_bytes:
            raise DownloadError(
                f"{cache} has no room for the {missing_bytes / 1e9:.1f} GB still to come; make "
                "room there, or name another folder with HF_HOME"
            )

    def _fetch(self, file: RemoteFile, on_bytes: Callable[[int], None]) -> Path:
        """Fill the cache's blob, and enter it under its name.

        The library's own download begins anew in each run (its issue 4196), checks no content, and
        writes where the ETag of an answer leads.
        """
        url = self.url(file)
        metadata = ask_in_time(
            lambda: get_hf_file_metadata(url, headers=_HEADERS, timeout=TIMEOUT_SECONDS)
        )
        if metadata.etag != file.digest or metadata.commit_hash != file.commit:
            raise WrongAnswer("it is another file than in the list, or of another commit")
        cut_refusals()
        _fill(file, url, on_bytes)
        found = _digest(file.part, file.digest)
        if found != file.digest:
            file.part.unlink()
            raise DownloadError(
                f"{file.name} came damaged from {url} (its digest is {found[:12]}..., not "
                f"{file.digest[:12]}...); it was thrown away, try again"
            )
        os.replace(file.part, file.blob)
        return file.enter()

    def require_name(self) -> None:
        """Raise DownloadError if the hub's host has no address: the surest sign of no network.

        Offline and behind a proxy, which alone may know the name, nothing is asked.
        """
        if self.is_offline:
            return
        parts = urlsplit(self._address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            reason = f"{self._address} is not the address of a model hub"
            raise DownloadError(f"{reason}; HF_ENDPOINT wants http or https")
        if urllib.request.getproxies():
            return
        try:
            socket.getaddrinfo(parts.hostname, None)
        except (OSError, UnicodeError) as error:
            raise DownloadError(self._unreachable(error)) from error

    @contextmanager
    def _sentences(self, repository: str, name: str = "") -> Iterator[None]:
        """Say as DownloadError what goes wrong within when a repository or file is asked for."""
        asked = f"{name} of {repository}" if name else repository
        try:
            yield
        except HFValidationError as error:
            raise DownloadError(
                f"{repository!r} is not the name of a repository on a hub; write OWNER/NAME"
            ) from error
        except HfHubHTTPError as error:
            why = self._refusal(repository, error.response.status_code)
            raise DownloadError(f"{self._address} refuses {asked}: {why}") from error
        except OfflineModeIsEnabled as error:
            raise DownloadError(
                f"{asked} cannot be fetched offline; unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE"
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DownloadError(self._unreachable(error)) from error
        except MemoryError as error:
            raise DownloadError(
                f"not enough memory for what {self._address} answers, asked for {asked}; "
                "close other programs and try again"
            ) from error
        except (OSError, *_MALFORMED) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise DownloadError(
                    f"{error.filename or constants.HF_HUB_CACHE}: cannot be used "
                    f"({error.strerror}); make room there, or name another folder with HF_HOME, "
                    "and try again"
                ) from error
            why = f": {error}" if isinstance(error, WrongAnswer) else ""
            raise DownloadError(
                f"{self._address}, asked for {asked}, does not answer like a model hub{why}; is "
                "HF_ENDPOINT right?"
            ) from error

    def _refusal(self, repository: str, status: int) -> str:
        """Return why a hub refuses something, and what to do about it."""
        log_in = "log in with 'hf auth login' or set HF_TOKEN"
        page = f"{self._address}/{repository}"
        return {
            401: f"it is not there or needs an account; check the name, or {log_in}",
            403: f"it asks for agreement; agree on its page, {page}, and {log_in}",
            404: "it is not there; check the name",
            429: "it was asked too often; wait some minutes and try again",
        }.get(status, f"the server answers {status}; try again later")

    def _unreachable(self, error: BaseException) -> str:
        lines = str(error).strip().splitlines()
        reason = lines[0][:200] if lines else type(error).__name__
        return (
            f"{urlsplit(self._address).netloc} cannot be reached ({reason}); what was "
            "fetched is kept, and the same command goes on when there is a network"
        )


@contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold a lock file, which stays, and wait for another process that holds it."""
    make_folder(path.parent)
    with suppress(FileExistsError):  # the library would make it its group's to write, too
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))
    with WeakFileLock(path):
        yield


def _listed(repository: str, commit: Any, item: Any) -> RemoteFile:
    """Return a file as a hub's list has it; raises WrongAnswer where that cannot be right."""
    name, size_bytes = item.rfilename, item.lfs.size if item.lfs else item.size
    digest = item.lfs.sha256 if item.lfs else item.blob_id
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or PureWindowsPath(name).as_posix() != name:
        raise WrongAnswer(f"it lists a file {name!r}, outside of the repository")
    if type(size_bytes) is not int or size_bytes < 0:
        raise WrongAnswer(f"it gives {name!r} a size of {size_bytes!r}")
    if not DIGEST.fullmatch(digest) or not DIGEST.fullmatch(commit):
        raise WrongAnswer(f"it states no digest of {name!r}")
    return RemoteFile(repository, commit, name, size_bytes, digest)


def _fill(file: RemoteFile, url: str, on_bytes: Callable[[int], None]) -> None:
    """Append to a part what it lacks, as long as each connection brings bytes."""

    class Count:
        """A progress bar as the library wants one."""

        def __init__(self, *, initial: int = 0, **described: object) -> None:
            self._done_bytes = initial

        def __enter__(self) -> Count:
            return self

        def __exit__(self, *raised: object) -> None:
            pass

        def update(self, count: int) -> None:
            self._done_bytes += count
            if self._done_bytes > file.size_bytes:
                raise WrongAnswer(f"{file.name} is larger than its list of files says")
            on_bytes(self._done_bytes)

    with file.open_part() as output:
        if output.tell() > file.size_bytes:
            output.truncate(0)
        while output.tell() < file.size_bytes:
            before = output.tell()
            on_bytes(before)
            try:
                http_get(
                    url,
                    output,
                    resume_size=before,
                    headers=build_hf_headers(headers=_HEADERS),
                    expected_size=file.size_bytes,
                    tqdm_class=Count,
                )
            except httpx.ReadError:  # a connection that was reset; the rest the library takes up
                if output.tell() <= before:
                    raise


def _digest(path: Path, like: str) -> str:
    """Return the digest of a file's content, of the kind of another one."""
    if len(like) == 64:
        digest = hashlib.sha256()
    else:
        size_bytes = path.stat().st_size
        digest = hashlib.sha1(b"blob %d\0" % size_bytes, usedforsecurity=False)
    with path.open("rb") as content:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
