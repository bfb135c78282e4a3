"""Downloads from a real HTTP server that stands in for the hub."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rclip_like.errors import DownloadError, ModelError
from rclip_like.models.download import DownloadProgress, download, draft_folder
from rclip_like.models.specification import downloaded_folder, resolve

NAME = "hf-hub:museum/tiny"
WEIGHTS = "open_clip_model.safetensors"


@dataclass
class Hub:
    """A stand-in for the hub: files by `owner/name/path`, faults to play, requests seen."""

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    cut_after: list[int] = field(default_factory=list)
    damaged: str = ""
    knows_ranges: bool = True
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def add(self, repository: str, folder: Path, *names: str) -> None:
        for name in names:
            self.files[f"{repository}/{name}"] = (folder / name).read_bytes()

    def tree(self, repository: str) -> bytes:
        inside = {
            path.removeprefix(f"{repository}/"): content
            for path, content in self.files.items()
            if path.startswith(f"{repository}/")
        }
        return json.dumps([self.entry(path, content) for path, content in inside.items()]).encode()

    def entry(self, path: str, content: bytes) -> dict[str, object]:
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        entry = {"type": "file", "path": path, "size": len(content), "oid": blob}
        if len(content) > 10_000:
            digest = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 134}
        return entry

    def ranges(self) -> list[str | None]:
        """Return the Range header of each request for a large file, at the address sent on to."""
        return [wanted for path, wanted in self.requests if path.startswith("/store/")]


def make_server(hub: Hub) -> ThreadingHTTPServer:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hub.requests.append((self.path, self.headers.get("Range")))
            if self.path.startswith("/api/models/"):
                repository = self.path.removeprefix("/api/models/").removesuffix("/tree/main")
                self.answer(hub.tree(repository), 0)
                return
            path = self.path.removeprefix("/store").lstrip("/").replace("/resolve/main", "")
            content = hub.files.get(path)
            if content is not None and len(content) > 10_000 and "/resolve/" in self.path:
                self.send_response(302)
                self.send_header("Location", f"/store/{path}")
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                wanted = self.headers.get("Range") if hub.knows_ranges else None
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                self.answer(content, start, faulty=True)

        def answer(self, content: bytes | None, start: int, faulty: bool = False) -> None:
            if content is None:
                self.send_error(404)
                return
            if hub.damaged and self.path.endswith(hub.damaged):
                content = bytes([content[0] ^ 255]) + content[1:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            large = faulty and len(content) > 10_000
            stop = start + hub.cut_after.pop(0) if large and hub.cut_after else len(content)
            self.wfile.write(content[start:stop])
            if stop < len(content):
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return ThreadingHTTPServer(("127.0.0.1", 0), Answer)


@pytest.fixture
def hub(
    tiny_model: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Hub]:
    hub = Hub()
    hub.add("museum/tiny", tiny_model, WEIGHTS, "open_clip_config.json")
    server = make_server(hub)
    hub.address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv("HF_ENDPOINT", hub.address)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield hub
    server.shutdown()
    thread.join()
    server.server_close()


def test_downloaded_model_equals_the_one_on_the_hub(hub: Hub, tiny_model: Path) -> None:
    folder = download(NAME)
    assert folder == downloaded_folder(NAME)
    assert resolve(NAME).fingerprint == resolve(str(tiny_model)).fingerprint
    assert not draft_folder(NAME).exists()


def test_model_already_here_asks_nobody(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    download(NAME)
    seen = len(hub.requests)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    download(NAME)
    assert len(hub.requests) == seen


def test_progress_grows_to_the_whole(hub: Hub) -> None:
    seen: list[DownloadProgress] = []
    download(NAME, on_progress=seen.append)
    done = [progress.done_bytes for progress in seen]
    assert done == sorted(done)
    assert done[-1] == seen[-1].total_bytes == len(hub.files[f"museum/tiny/{WEIGHTS}"])


def test_connection_cut_half_way_is_taken_up_by_range(hub: Hub, tiny_model: Path) -> None:
    hub.cut_after = [3_000_000, 1_000_000]
    seen: list[DownloadProgress] = []
    download(NAME, on_progress=seen.append)
    assert hub.ranges() == [None, "bytes=3000000-", "bytes=4000000-"]
    assert seen[-1].done_bytes == seen[-1].total_bytes
    assert resolve(NAME).fingerprint == resolve(str(tiny_model)).fingerprint


def test_download_broken_off_goes_on_in_the_next_run(hub: Hub, tiny_model: Path) -> None:
    hub.cut_after = [3_000_000, 0]
    with pytest.raises(DownloadError, match=r"cannot be reached .* what was fetched is kept"):
        download(NAME)
    (part,) = draft_folder(NAME).glob("*.part")
    assert part.stat().st_size == 3_000_000
    assert not downloaded_folder(NAME).exists()
    hub.requests.clear()
    seen: list[DownloadProgress] = []
    download(NAME, on_progress=seen.append)
    assert hub.ranges() == ["bytes=3000000-"]
    assert seen[0].done_bytes == 3_000_000
    assert resolve(NAME).fingerprint == resolve(str(tiny_model)).fingerprint


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file sizes")
@pytest.mark.parametrize("room", [1_000_000, 1 << 20])
def test_a_full_disk_is_not_blamed_on_the_network(hub: Hub, tiny_model: Path, room: int) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(DownloadError, match=r"\.part: cannot be written .*make room"):
            download(NAME)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(hub.ranges()) == 1
    download(NAME)
    assert resolve(NAME).fingerprint == resolve(str(tiny_model)).fingerprint


def test_server_without_ranges_begins_anew(hub: Hub, tiny_model: Path) -> None:
    hub.cut_after = [3_000_000]
    hub.knows_ranges = False
    seen: list[DownloadProgress] = []
    download(NAME, on_progress=seen.append)
    assert seen[-1].done_bytes == seen[-1].total_bytes
    assert resolve(NAME).fingerprint == resolve(str(tiny_model)).fingerprint


def test_damaged_file_is_refused_and_thrown_away(hub: Hub) -> None:
    hub.damaged = WEIGHTS
    with pytest.raises(DownloadError, match=f"{WEIGHTS} came damaged"):
        download(NAME)
    assert not list(draft_folder(NAME).iterdir())
    assert not downloaded_folder(NAME).exists()


def test_part_with_other_bytes_than_the_hubs_is_refused_and_thrown_away(hub: Hub) -> None:
    hub.cut_after = [3_000_000, 0]
    with pytest.raises(DownloadError):
        download(NAME)
    (part,) = draft_folder(NAME).glob("*.part")
    part.write_bytes(b"\0" * 3_000_000)
    with pytest.raises(DownloadError, match=rf"{WEIGHTS} came damaged .* thrown away, try again"):
        download(NAME)
    assert not list(draft_folder(NAME).glob("*.part"))
    assert not downloaded_folder(NAME).exists()
    download(NAME)


def test_tag_of_open_clip_becomes_a_model_folder(hub: Hub, tiny_model: Path) -> None:
    hub.add("laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K", tiny_model, WEIGHTS)
    download("ViT-B-32-256/datacomp_s34b_b86k")
    specification = resolve("ViT-B-32-256/datacomp_s34b_b86k")
    assert specification.preprocessing.size == 256
    assert specification.dimension == 512


def test_tag_keeps_its_own_preprocessing_and_activation(hub: Hub, tiny_model: Path) -> None:
    hub.add("timm/vit_base_patch32_clip_224.openai", tiny_model, WEIGHTS)
    hub.add("timm/PE-Core-T-16-384", tiny_model, WEIGHTS)
    download("ViT-B-32/openai")
    assert resolve("ViT-B-32/openai").config["quick_gelu"] is True
    download("PE-Core-T-16-384/meta")
    assert resolve("PE-Core-T-16-384/meta").preprocessing.resize_mode == "squash"


def test_tokenizer_of_its_own_comes_along(hub: Hub, tiny_model: Path) -> None:
    hub.add("timm/ViT-B-16-SigLIP", tiny_model, WEIGHTS)
    hub.files["timm/ViT-B-16-SigLIP/tokenizer.json"] = b'{"version": "1.0"}'
    hub.files["timm/ViT-B-16-SigLIP/README.md"] = b"not needed"
    folder = download("ViT-B-16-SigLIP/webli")
    assert (folder / "tokenizer.json").read_bytes() == b'{"version": "1.0"}'
    assert not (folder / "README.md").exists()


def test_small_files_are_checked_as_well(hub: Hub, tiny_model: Path) -> None:
    hub.add("timm/ViT-B-16-SigLIP", tiny_model, WEIGHTS)
    hub.files["timm/ViT-B-16-SigLIP/tokenizer.json"] = b'{"version": "1.0"}'
    hub.damaged = "tokenizer.json"
    with pytest.raises(DownloadError, match=r"tokenizer\.json came damaged"):
        download("ViT-B-16-SigLIP/webli")


def test_checkpoint_of_torch_is_kept_as_safetensors(
    hub: Hub, tiny_model: Path, tmp_path: Path
) -> None:
    import torch

    from rclip_like.models.encoder import load_model
    from rclip_like.models.text import supports

    checkpoint = tmp_path / "open_clip_pytorch_model.bin"
    torch.save(load_model(resolve(str(tiny_model))).state_dict(), checkpoint)
    del hub.files[f"museum/tiny/{WEIGHTS}"]
    hub.add("museum/tiny", tmp_path, checkpoint.name)
    folder = download(NAME)
    assert sorted(path.name for path in folder.iterdir()) == [
        "open_clip_config.json",
        WEIGHTS,
        "source.json",
    ]
    assert supports(resolve(NAME))


def test_offline_is_said_at_once_and_nobody_is_asked(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DownloadError, match="cannot be fetched offline"):
        download(NAME, offline=True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE"):
        download(NAME)
    assert not hub.requests


def test_hub_that_does_not_answer_is_named_at_once(hub: Hub) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(DownloadError, match=rf"127\.0\.0\.1:{port} cannot be reached"):
        download(NAME, endpoint=f"http://127.0.0.1:{port}")
    assert time.monotonic() - started < 5


def test_model_unknown_to_the_hub_is_named(hub: Hub) -> None:
    with pytest.raises(DownloadError, match="museum/other"):
        download("hf-hub:museum/other")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ViT-B-32", "ARCH/TAG"),
        ("ViT-B-32-256/nonsense", "there are ViT-B-32-256/datacomp_s34b_b86k"),
        ("nonsense/nonsense", "lists no weights for nonsense/nonsense"),
        ("./folder", "cannot be downloaded"),
        ("builtin", "cannot be downloaded"),
        ("hf-hub:../../etc", "OWNER/NAME"),
    ],
)
def test_names_that_cannot_be_downloaded_are_refused(hub: Hub, name: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        download(name)
    assert not hub.requests


def test_endpoint_that_is_no_web_address_is_refused(hub: Hub) -> None:
    with pytest.raises(DownloadError, match="HF_ENDPOINT wants http"):
        download(NAME, endpoint="file:///etc")


def test_without_a_network_the_answer_comes_before_anything_heavy_is_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = """
import sys
from rclip_like.errors import DownloadError
from rclip_like.models.download import download
try:
    download("ViT-B-32-256/datacomp_s34b_b86k", endpoint="http://nowhere.invalid")
except DownloadError as error:
    print(error, "open_clip" in sys.modules)
"""
    for name in ("HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "nowhere.invalid cannot be reached" in done.stdout, done.stderr
    assert done.stdout.rstrip().endswith("False")
