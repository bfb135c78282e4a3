"""Downloads by huggingface_hub from a real HTTP server that stands in for the hub."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from fresh_user import modes_below
from huggingface_hub import constants, scan_cache_dir
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stand_in_hub import COMMIT, Hub, digest_of, entry_of

from rclip_like.errors import DownloadError, ModelError, ModelMissing
from rclip_like.models.hub.client import lock
from rclip_like.models.hub.download import DownloadProgress, download
from rclip_like.models.hub.registry import list_models, remove
from rclip_like.models.names import downloaded_folder, draft_folder, is_whole
from rclip_like.models.specification import resolve
from rclip_like.settings import cache_folder

NAME = "hf-hub:museum/tiny"
WEIGHTS = "open_clip_model.safetensors"
CONFIGURATION = "open_clip_config.json"


def cached(repository: str = "museum/tiny") -> Path:
    """Return a repository's folder in huggingface_hub's cache."""
    return Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"


def cached_file(name: str = WEIGHTS) -> Path:
    return cached() / "snapshots" / COMMIT / name


def fill_cache(folder: Path, *names: str) -> None:
    """Put files of museum/tiny into the cache, laid out as huggingface_hub lays it out."""
    for name in names:
        content = (folder / name).read_bytes()
        blob = cached() / "blobs" / digest_of(content)
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        cached_file(name).parent.mkdir(parents=True, exist_ok=True)
        cached_file(name).symlink_to(f"../../blobs/{blob.name}")
    (cached() / "refs").mkdir(exist_ok=True)
    (cached() / "refs" / "main").write_text(COMMIT)


def parts() -> list[Path]:
    return list(cached().glob("blobs/*.incomplete"))


def flip_a_byte(place: Path) -> None:
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 255
    place.write_bytes(content)


def assert_equals_the_hubs(tiny_model: Path) -> None:
    assert resolve(NAME).fingerprint == resolve(str(tiny_model)).fingerprint


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
    assert len(set(done)) > 5
    assert done[-1] == seen[-1].total_bytes == len(hub.files[f"museum/tiny/{WEIGHTS}"])


def test_progress_grows_to_the_whole_with_files_from_the_cache(hub: Hub, tiny_model: Path) -> None:
    fill_cache(tiny_model, WEIGHTS)
    seen: list[DownloadProgress] = []
    download(NAME, on_progress=seen.append)
    assert seen[-1].done_bytes == seen[-1].total_bytes == len(hub.files[f"museum/tiny/{WEIGHTS}"])


def test_files_in_the_cache_are_used_and_not_fetched_again(hub: Hub, tiny_model: Path) -> None:
    fill_cache(tiny_model, WEIGHTS, CONFIGURATION)
    download(NAME)
    assert [(request.method, request.path) for request in hub.requests] == [
        ("GET", "/api/models/museum/tiny?blobs=true")
    ]
    assert_equals_the_hubs(tiny_model)


def test_content_in_the_cache_from_an_earlier_commit_is_used(hub: Hub, tiny_model: Path) -> None:
    fill_cache(tiny_model, WEIGHTS)
    (cached() / "snapshots" / COMMIT).rename(cached() / "snapshots" / ("d" * 40))
    download(NAME)
    assert not hub.ranges()
    assert_equals_the_hubs(tiny_model)


def test_what_was_fetched_lies_in_the_cache_for_other_programs(hub: Hub, tiny_model: Path) -> None:
    download(NAME)
    code = "from huggingface_hub import hf_hub_download as find; print(find('museum/tiny', 'X'))"
    code = code.replace("X", WEIGHTS)
    home = Path(constants.HF_HUB_CACHE).parent
    environment = os.environ | {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    found = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert Path(found.stdout.strip()).read_bytes() == (tiny_model / WEIGHTS).read_bytes()
    scanned = scan_cache_dir(constants.HF_HUB_CACHE)
    assert not scanned.warnings
    (revision,) = next(iter(scanned.repos)).revisions
    assert (revision.commit_hash, revision.refs) == (COMMIT, {"main"})
    assert {file.file_name for file in revision.files} == {WEIGHTS, CONFIGURATION}
    assert cached_file().readlink().parts[:3] == ("..", "..", "blobs")


def test_files_of_a_later_commit_are_entered_beside_those_of_an_earlier_one(
    hub: Hub, tiny_model: Path
) -> None:
    fill_cache(tiny_model, WEIGHTS)
    earlier = cached() / "snapshots" / ("d" * 40)
    (cached() / "snapshots" / COMMIT).rename(earlier)
    (cached() / "refs" / "main").write_text(earlier.name)
    download(NAME)
    assert (cached() / "refs" / "main").read_text() == COMMIT
    assert cached_file(CONFIGURATION).read_bytes() == (tiny_model / CONFIGURATION).read_bytes()
    assert (earlier / WEIGHTS).is_file()


def test_weights_take_no_room_beside_the_cache(hub: Hub) -> None:
    folder = download(NAME)
    assert (folder / WEIGHTS).samefile(cached_file())
    shutil.rmtree(cached())
    resolve(NAME)


def refuse_links(monkeypatch: pytest.MonkeyPatch, *kinds: str) -> None:
    def refuse(*places: object) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    for kind in kinds:
        monkeypatch.setattr(f"rclip_like.models.hub.download.os.{kind}", refuse)


def test_weights_on_another_disk_are_referred_to(
    hub: Hub, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_links(monkeypatch, "link")
    folder = download(NAME)
    assert (folder / WEIGHTS).is_symlink()
    assert_equals_the_hubs(tiny_model)


def test_weights_gone_from_the_cache_are_told_and_fetched_again(
    hub: Hub, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refuse_links(monkeypatch, "link")
    download(NAME)
    shutil.rmtree(cached())
    with pytest.raises(ModelMissing, match=f"have gone .* fetch the model {NAME}"):
        resolve(NAME)
    assert [m.state for m in list_models() if m.name == NAME] == ["can be downloaded"]
    download(NAME)
    assert_equals_the_hubs(tiny_model)


def test_without_links_of_any_kind_the_weights_are_copied(
    hub: Hub, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)
    refuse_links(monkeypatch, "link", "symlink")
    folder = download(NAME)
    assert (folder / WEIGHTS).stat().st_nlink == 1
    assert not cached_file().is_symlink()
    assert not list((cached() / "blobs").iterdir())
    assert_equals_the_hubs(tiny_model)


def keep_as_earlier_versions_did(hub: Hub, tiny_model: Path) -> Path:
    """Write the model folder that clipfind wrote before huggingface_hub fetched for it."""
    folder = downloaded_folder(NAME)
    folder.mkdir(parents=True)
    shutil.copyfile(tiny_model / WEIGHTS, folder / WEIGHTS)
    described = json.loads((tiny_model / CONFIGURATION).read_bytes())
    (folder / CONFIGURATION).write_text(json.dumps(described, indent=2))
    digest = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    url = f"{hub.address}/museum/tiny/resolve/main/{WEIGHTS}"
    source = {"name": NAME, "files": [{"name": WEIGHTS, "url": url, "digest": digest}]}
    (folder / "source.json").write_text(json.dumps(source, indent=2))
    return folder


def test_models_of_earlier_versions_are_found_and_nothing_is_fetched(
    hub: Hub, tiny_model: Path
) -> None:
    folder = keep_as_earlier_versions_did(hub, tiny_model)
    before = sorted((path.name, path.read_bytes()) for path in folder.iterdir())
    assert download(NAME) == folder
    assert download(NAME, offline=True) == folder
    assert not hub.requests
    assert not Path(constants.HF_HUB_CACHE).exists()
    assert sorted((path.name, path.read_bytes()) for path in folder.iterdir()) == before
    assert_equals_the_hubs(tiny_model)
    assert [m.state for m in list_models() if m.name == NAME] == ["downloaded"]
    freed = remove(NAME)
    assert freed.freed_bytes == sum(len(content) for _, content in before)
    assert not freed.cached_bytes


def test_removing_a_model_leaves_the_cache_to_other_programs(hub: Hub) -> None:
    folder = download(NAME)
    weights_bytes = (folder / WEIGHTS).stat().st_size
    freed = remove(NAME)
    assert not folder.exists()
    assert cached_file().is_file()
    assert freed.freed_bytes < 10_000
    assert list(freed.cached_bytes) == [cached()]
    assert freed.cached_bytes[cached()] >= weights_bytes


def test_removing_a_model_whose_cache_is_gone_frees_its_bytes(hub: Hub) -> None:
    folder = download(NAME)
    shutil.rmtree(cached())
    weights_bytes = (folder / WEIGHTS).stat().st_size
    freed = remove(NAME)
    assert freed.freed_bytes >= weights_bytes
    assert not freed.cached_bytes


def test_connection_cut_half_way_is_taken_up_by_range(hub: Hub, tiny_model: Path) -> None:
    hub.cut_after = [3_000_000]
    seen: list[DownloadProgress] = []
    download(NAME, on_progress=seen.append)
    assert hub.ranges() == [None, "bytes=3000000-"]
    assert seen[-1].done_bytes == seen[-1].total_bytes
    assert_equals_the_hubs(tiny_model)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let huggingface_hub not wait between its attempts."""
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)


@pytest.mark.usefixtures("impatient")
def test_download_broken_off_goes_on_in_the_next_run(hub: Hub, tiny_model: Path) -> None:
    hub.cut_after = [3_000_000, *[0] * 6]
    with pytest.raises(DownloadError, match=r"cannot be reached .* what was fetched is kept"):
        download(NAME)
    assert [part.stat().st_size for part in parts()] == [3_000_000]
    assert not downloaded_folder(NAME).exists()
    hub.requests.clear()
    hub.cut_after.clear()
    hub.sent_bytes = 0
    seen: list[DownloadProgress] = []
    download(NAME, on_progress=seen.append)
    assert hub.ranges() == ["bytes=3000000-"]
    assert hub.sent_bytes < len(hub.files[f"museum/tiny/{WEIGHTS}"]) - 2_900_000
    assert seen[0].done_bytes == 3_000_000
    assert_equals_the_hubs(tiny_model)
    assert not parts()


def test_a_hub_that_fails_after_the_transfer_is_not_asked_again(hub: Hub, tiny_model: Path) -> None:
    def fail(progress: DownloadProgress) -> None:
        hub.status["HEAD"] = 503

    download(NAME, on_progress=fail)
    assert len(hub.ranges()) == 1
    assert_equals_the_hubs(tiny_model)


@pytest.mark.usefixtures("impatient")
def test_removing_half_a_download_frees_its_bytes(hub: Hub) -> None:
    hub.cut_after = [3_000_000, *[0] * 6]
    with pytest.raises(DownloadError):
        download(NAME)
    assert remove(NAME).freed_bytes >= 3_000_000
    assert not parts()
    assert not draft_folder(NAME).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file sizes")
def test_a_full_disk_is_not_blamed_on_the_network(hub: Hub, tiny_model: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(
            DownloadError, match=r"hub: cannot be used \(File too large\); make room"
        ):
            download(NAME)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(hub.ranges()) == 1
    download(NAME)
    assert_equals_the_hubs(tiny_model)


def test_a_disk_without_room_is_told_before_the_transfer(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=1_000_000))
    with pytest.raises(DownloadError, match=r"no room for the 0\.0 GB still to come; make room"):
        download(NAME)
    assert not hub.ranges()


def test_server_without_ranges_begins_anew(hub: Hub, tiny_model: Path) -> None:
    hub.cut_after = [3_000_000]
    hub.knows_ranges = False
    seen: list[DownloadProgress] = []
    download(NAME, on_progress=seen.append)
    assert seen[-1].done_bytes == seen[-1].total_bytes
    assert_equals_the_hubs(tiny_model)


def test_damaged_file_is_refused_and_thrown_away(hub: Hub) -> None:
    hub.damaged = WEIGHTS
    with pytest.raises(DownloadError, match=f"{WEIGHTS} came damaged .* thrown away, try again"):
        download(NAME)
    assert not parts()
    assert not cached_file().exists()
    assert not downloaded_folder(NAME).exists()


@pytest.mark.usefixtures("impatient")
def test_part_with_other_bytes_than_the_hubs_is_refused_and_thrown_away(hub: Hub) -> None:
    hub.cut_after = [3_000_000, *[0] * 6]
    with pytest.raises(DownloadError):
        download(NAME)
    (part,) = parts()
    part.write_bytes(b"\0" * 3_000_000)
    hub.cut_after.clear()
    with pytest.raises(DownloadError, match=rf"{WEIGHTS} came damaged .* thrown away, try again"):
        download(NAME)
    assert not parts()
    assert not downloaded_folder(NAME).exists()
    download(NAME)


def test_damaged_file_in_the_cache_is_told_and_fetched_again(hub: Hub, tiny_model: Path) -> None:
    fill_cache(tiny_model, WEIGHTS, CONFIGURATION)
    flip_a_byte(cached_file())
    notes: list[str] = []
    download(NAME, on_note=notes.append)
    assert notes == [f"{cached_file()} is damaged; it is thrown away and fetched again"]
    assert len(hub.ranges()) == 1
    assert cached_file().read_bytes() == (tiny_model / WEIGHTS).read_bytes()
    assert_equals_the_hubs(tiny_model)


def test_file_damaged_in_the_cache_and_on_the_way_is_refused(hub: Hub, tiny_model: Path) -> None:
    fill_cache(tiny_model, WEIGHTS)
    flip_a_byte(cached_file())
    hub.damaged = WEIGHTS
    with pytest.raises(DownloadError, match="came damaged"):
        download(NAME)
    assert len(hub.ranges()) == 1
    assert not cached_file().exists()
    assert not is_whole(downloaded_folder(NAME))


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

    from rclip_like.models.towers.tensors import Weights
    from rclip_like.models.towers.text_tower import supports
    from rclip_like.models.towers.torch_model import load_model

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
    kept = resolve(NAME)
    assert supports(kept, Weights(kept.weights).header)


@pytest.mark.parametrize("name", [NAME, "ViT-B-32-256/datacomp_s34b_b86k"])
def test_offline_is_said_at_once_and_nobody_is_asked(
    hub: Hub, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with pytest.raises(DownloadError, match="cannot be fetched offline"):
        download(name, offline=True)
    fill_cache(tiny_model, CONFIGURATION)  # all but the weights
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE"):
        download(name)
    assert not hub.requests


def test_offline_a_model_in_the_cache_can_be_used(hub: Hub, tiny_model: Path) -> None:
    fill_cache(tiny_model, WEIGHTS, CONFIGURATION)
    download(NAME, offline=True)
    assert not hub.requests
    assert_equals_the_hubs(tiny_model)


def test_offline_a_damaged_file_in_the_cache_is_refused(hub: Hub, tiny_model: Path) -> None:
    fill_cache(tiny_model, WEIGHTS, CONFIGURATION)
    flip_a_byte(cached_file())
    with pytest.raises(DownloadError, match=r"is damaged; unset HF_HUB_OFFLINE"):
        download(NAME, offline=True)
    assert cached_file().is_file()
    assert not hub.requests


def test_offline_a_model_with_a_tokenizer_of_its_own_is_not_put_together(
    hub: Hub, tiny_model: Path, tmp_path: Path
) -> None:
    described = json.loads((tiny_model / CONFIGURATION).read_bytes())
    described["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = "museum/tiny"
    (tmp_path / CONFIGURATION).write_text(json.dumps(described))
    fill_cache(tiny_model, WEIGHTS)
    fill_cache(tmp_path, CONFIGURATION)
    with pytest.raises(DownloadError, match="cannot be fetched offline"):
        download(NAME, offline=True)


def test_hub_that_does_not_answer_is_named_at_once(hub: Hub) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(DownloadError, match=rf"127\.0\.0\.1:{port} cannot be reached"):
        download(NAME, endpoint=f"http://127.0.0.1:{port}")
    assert time.monotonic() - started < 5


def test_a_hub_that_falls_silent_is_not_waited_for(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rclip_like.models.hub.client.TIMEOUT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(DownloadError, match=f"{address} cannot be reached .*timed out"):
            download(NAME, endpoint=f"http://{address}")


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("asked", "kind", "told"),
    [
        ("GET /api/models/", "flood", "like a model hub: its list of files is larger than 8 MiB"),
        ("GET /api/models/", "drip", "like a model hub: it takes longer than 1 s"),
        ("GET /api/models/", "headers", "like a model hub: it takes longer than 1 s"),
        ("GET /api/models/", "refusal", "it is not there; check the name"),
        ("GET /api/models/", "refusal in drips", "(it is not there|longer than 1 s)"),
        ("GET /api/models/", "redirect", "it is not there; check the name"),
        ("HEAD /museum/tiny/", "headers", "like a model hub: it takes longer than 1 s"),
        ("GET /museum/tiny/", "refusal", "it is not there; check the name"),
        ("GET /museum/tiny/", "refusal in drips", "it is not there; check the name"),
        ("GET /museum/tiny/", "redirect", "it is not there; check the name"),
    ],
)
def test_an_answer_without_end_is_not_waited_for(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, asked: str, kind: str, told: str
) -> None:
    monkeypatch.setattr("rclip_like.models.hub.limits.ANSWER_SECONDS", 1.0)
    hub.endless[asked] = kind
    with pytest.raises(DownloadError, match=told):
        download(NAME)
    assert hub.sent_bytes < 100_000_000


def test_a_compressed_list_that_nobody_asked_for_is_refused(hub: Hub) -> None:
    hub.listing = gzip.compress(b"[" + b"0," * 10_000_000)
    hub.altered = {"Content-Encoding": "gzip"}
    with pytest.raises(DownloadError, match="comes compressed, which nobody asked for"):
        download(NAME)


def test_a_download_waits_for_another_of_the_same_model(hub: Hub, tiny_model: Path) -> None:
    waiting = threading.Thread(target=download, args=(NAME,))
    with lock(cache_folder() / f"{downloaded_folder(NAME).name}.lock"):
        waiting.start()
        waiting.join(0.5)
        assert waiting.is_alive()
        assert not hub.requests
    waiting.join(60)
    assert_equals_the_hubs(tiny_model)


def test_two_processes_fetch_a_model_once(
    hub: Hub, tiny_model: Path, environment: dict[str, str]
) -> None:
    command = [sys.executable, "-P", "-c", PROGRAM]
    both = [subprocess.Popen(command, env=environment) for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(hub.ranges()) == 1
    assert_equals_the_hubs(tiny_model)


def test_model_unknown_to_the_hub_is_named(hub: Hub) -> None:
    with pytest.raises(DownloadError, match=r"museum/other.* it is not there; check the name"):
        download("hf-hub:museum/other")


@pytest.mark.parametrize("asked", ["GET /api/models/", "HEAD /museum/tiny/", "GET /museum/tiny/"])
@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "needs an account; check the name, or log in with 'hf auth login' or set HF_TOKEN"),
        (403, "agree on its page, http://.*/museum/tiny, and log in with 'hf auth login'"),
        (404, "not there; check the name"),
        (500, "the server answers 500; try again later"),
        (503, "the server answers 503; try again later"),
    ],
)
def test_refusals_of_the_hub_come_with_the_remedy(
    hub: Hub, asked: str, status: int, reason: str
) -> None:
    hub.status[asked] = status
    started = time.monotonic()
    with pytest.raises(DownloadError, match=f"{hub.address} refuses .*museum/tiny: .*{reason}"):
        download(NAME)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("asked", ["GET /api/models/", "HEAD /museum/tiny/"])
def test_a_hub_that_was_asked_too_often_is_not_waited_for(hub: Hub, asked: str) -> None:
    hub.status[asked] = 429
    started = time.monotonic()
    with pytest.raises(DownloadError, match="asked too often; wait"):
        download(NAME)
    assert time.monotonic() - started < 5


def list_with(hub: Hub, **changes: object) -> None:
    """Let the hub list museum/tiny with other facts about its weights."""
    weights = entry_of(WEIGHTS, hub.files[f"museum/tiny/{WEIGHTS}"])
    configuration = entry_of(CONFIGURATION, hub.files[f"museum/tiny/{CONFIGURATION}"])
    large = weights["lfs"] | {key: changes.pop(key) for key in ("sha256",) if key in changes}
    if "size" in changes:
        large["size"] = changes["size"]
    changed = weights | {"lfs": large} | changes
    hub.listing = hub.described("museum/tiny", [changed, configuration])


@pytest.mark.parametrize(
    "changes",
    [
        {"size": None},
        {"size": -1},
        {"size": "1000"},
        {"size": True},
        {"size": 1.5},
        {"sha256": None},
        {"sha256": "../../../etc/passwd"},
        {"lfs": {}, "blobId": None},
        {"lfs": {"size": 3}},
        {"rfilename": 3},
        {"rfilename": ""},
        {"rfilename": "../open_clip_model.safetensors"},
        {"rfilename": "a/../../open_clip_model.safetensors"},
        {"rfilename": "/etc/passwd"},
        {"rfilename": "..\\open_clip_model.safetensors"},
        {"rfilename": "C:\\open_clip_model.safetensors"},
    ],
)
def test_lists_that_cannot_be_right_are_refused(hub: Hub, changes: dict[str, object]) -> None:
    list_with(hub, **changes)
    with pytest.raises(DownloadError, match=r"museum/tiny.* does not answer like a model hub"):
        download(NAME)
    assert [request.method for request in hub.requests] == ["GET"]


@pytest.mark.parametrize("size", [0, 1000, 10**7])
def test_a_size_that_is_not_the_files_is_refused(hub: Hub, size: int) -> None:
    list_with(hub, size=size)
    with pytest.raises(DownloadError, match=r"like a model hub|came damaged"):
        download(NAME)
    assert not downloaded_folder(NAME).exists()
    assert all(part.stat().st_size <= size for part in parts())


@pytest.mark.parametrize(
    "altered",
    [
        {"X-Repo-Commit": None},
        {"X-Repo-Commit": "d" * 40},
        {"X-Repo-Commit": "../../../../outside"},
        {"ETag": None, "X-Linked-Etag": None},
        {"ETag": "../../outside", "X-Linked-Etag": "../../outside"},
        {"Location": "file:///etc/passwd"},
        {"Location": "http://["},
        {"Location": "/museum/tiny/resolve/main/open_clip_model.safetensors"},
        {"X-Linked-Size": "-1"},
    ],
)
def test_headers_that_cannot_be_right_are_told(hub: Hub, altered: dict[str, str | None]) -> None:
    hub.altered = altered
    if altered == {"X-Linked-Size": "-1"}:  # the list says it, too
        download(NAME)
    else:
        with pytest.raises(DownloadError, match=r"like a model hub|cannot be reached"):
            download(NAME)
        assert not downloaded_folder(NAME).exists()


@pytest.mark.parametrize("outside", ["{home}/run.sh", "../../../../run.sh"])
def test_no_header_names_a_place_to_write_at(hub: Hub, own_folders: Path, outside: str) -> None:
    hub.altered_later = {"ETag": f'"{outside.format(home=own_folders)}"'}
    download(NAME)
    assert not (own_folders / "run.sh").exists()
    assert sorted(path.name for path in (cached() / "blobs").iterdir()) == sorted(
        digest_of(content) for content in hub.files.values()
    )


def test_no_header_names_a_commit_to_enter_files_in(hub: Hub, own_folders: Path) -> None:
    hub.altered_later = {"X-Repo-Commit": "../../../../outside"}
    download(NAME)
    assert not (own_folders / "outside").exists()
    assert [path.name for path in (cached() / "snapshots").iterdir()] == [COMMIT]


def test_offline_in_the_librarys_own_words_is_told(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # as TRANSFORMERS_OFFLINE sets it
    with pytest.raises(DownloadError, match="offline; unset HF_HUB_OFFLINE and TRANSFORMERS_OFF"):
        download(NAME)
    assert not hub.requests


def test_a_configuration_of_more_than_sane_size_is_not_read(hub: Hub) -> None:
    hub.files[f"museum/tiny/{CONFIGURATION}"] = b" " * 2_000_000
    with pytest.raises(DownloadError, match="2,000,000 bytes, too many to be a configuration"):
        download(NAME)
    assert len(hub.requests) == 1


def test_a_configuration_that_cannot_be_used_is_told_with_the_models_name(hub: Hub) -> None:
    hub.files[f"museum/tiny/{CONFIGURATION}"] = b'{"model_cfg": {"embed_dim": 32}}'
    with pytest.raises(DownloadError, match=f"{NAME} cannot be used: .*vision_cfg"):
        download(NAME)
    assert not downloaded_folder(NAME).exists()


def test_a_cache_that_cannot_be_made_is_told(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file" / "hub"))
    with pytest.raises(DownloadError, match=rf"{tmp_path / 'file'}.*: cannot be (used|written)"):
        download(NAME)


def test_a_page_of_html_is_not_taken_for_a_list(hub: Hub) -> None:
    hub.listing = b"<!doctype html><title>Log in to the hotel's network</title>"
    with pytest.raises(DownloadError, match="does not answer like a model hub"):
        download(NAME)


@pytest.mark.parametrize(
    "tokenizer", ["../../etc", "/etc", "a/b/c", "\x1b[31m", 7, ["a"], {"b": 1}]
)
def test_a_tokenizer_from_nowhere_is_refused(hub: Hub, tiny_model: Path, tokenizer: object) -> None:
    described = json.loads((tiny_model / CONFIGURATION).read_bytes())
    described["model_cfg"]["text_cfg"]["hf_tokenizer_name"] = tokenizer
    hub.files[f"museum/tiny/{CONFIGURATION}"] = json.dumps(described).encode()
    with pytest.raises(DownloadError, match=r"open_clip_config\.json.*hf_tokenizer_name") as caught:
        download(NAME)
    assert str(caught.value).isprintable()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
KEYS = st.sampled_from(["rfilename", "size", "blobId", "lfs"])
ANSWERS = (
    JSON.map(lambda answer: json.dumps(answer).encode())
    | st.binary(max_size=30)
    | st.fixed_dictionaries(
        {"id": JSON, "sha": JSON | st.just(COMMIT), "siblings": JSON},
        optional={"cardData": JSON, "lastModified": JSON, "safetensors": JSON, "config": JSON},
    ).map(lambda answer: json.dumps(answer).encode())
    | st.lists(st.dictionaries(KEYS, JSON), max_size=3).map(
        lambda siblings: json.dumps({"id": "a", "sha": COMMIT, "siblings": siblings}).encode()
    )
    | st.just(b"[" * 100_000)
)
CONFIGURATIONS = (
    JSON.map(lambda said: json.dumps(said).encode())
    | st.fixed_dictionaries(
        {"model_cfg": JSON},
        optional={"preprocess_cfg": JSON},
    ).map(lambda said: json.dumps(said).encode())
    | st.fixed_dictionaries(
        {"embed_dim": JSON | st.just(32)},
        optional={"vision_cfg": JSON, "text_cfg": JSON, "quick_gelu": JSON},
    ).map(lambda said: json.dumps({"model_cfg": said}).encode())
)


def assert_told(fault: Any) -> None:
    with pytest.raises(ModelError) as caught:
        fault()
    assert "unexpected" not in str(caught.value)
    assert "Traceback" not in str(caught.value)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ANSWERS)
def test_whatever_a_hub_lists_is_told_as_an_error(hub: Hub, answer: bytes) -> None:
    hub.listing = answer
    assert_told(lambda: download(NAME))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(CONFIGURATIONS)
def test_whatever_a_configuration_says_it_is_told_or_a_model(hub: Hub, said: bytes) -> None:
    hub.files[f"museum/tiny/{CONFIGURATION}"] = said
    shutil.rmtree(downloaded_folder(NAME), ignore_errors=True)
    try:
        folder = download(NAME)
    except ModelError:
        return
    assert resolve(NAME).folder == folder


def test_only_what_is_needed_is_asked_for(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    download(NAME)
    asked = [f"{request.method} {request.path}" for request in hub.requests]
    resolved = [
        f"{method} /museum/tiny/resolve/{COMMIT}/{name}"
        for name in (CONFIGURATION, WEIGHTS)
        for method in ("HEAD", "GET")
    ]
    assert asked == [
        "GET /api/models/museum/tiny?blobs=true",
        *resolved,
        f"GET /store/museum/tiny/{WEIGHTS}",
    ]
    agents = {request.headers["user-agent"] for request in hub.requests}
    assert [agent.partition("/")[0] for agent in agents] == ["clipfind"]
    assert not any(word in str(agents) for word in (";", "python", "torch", "agent"))


def test_an_account_is_shown_to_the_hub_alone(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    download(NAME)
    shown = {
        request.path.startswith("/store/"): request.headers.get("authorization")
        for request in hub.requests
    }
    assert shown == {False: "Bearer hf_secret", True: None}


PROGRAM = """
from rclip_like.cli import main
raise SystemExit(main(["models", "download", "hf-hub:museum/tiny"]))
"""


@pytest.fixture
def environment(hub: Hub, own_folders: Path) -> dict[str, str]:
    """The environment of a process of its own, which asks the stand-in hub."""
    return os.environ | {"HF_HOME": str(own_folders / "huggingface")}


def test_a_process_of_its_own_says_nothing_but_the_folder(
    hub: Hub, tiny_model: Path, environment: dict[str, str]
) -> None:
    hub.cut_after = [3_000_000]
    done = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM], env=environment, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{downloaded_folder(NAME)}\n"
    assert not [r.path for r in hub.requests if "telemetry" in r.path or "harness" in r.path]
    assert cached_file().is_file()
    assert_equals_the_hubs(tiny_model)


SHORT_OF_MEMORY = """
import resource
import huggingface_hub.file_download, huggingface_hub.hf_api
import rclip_like.models.hub.download
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 120_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says how much memory is taken")
def test_a_list_for_which_memory_does_not_suffice_is_told(
    hub: Hub, environment: dict[str, str]
) -> None:
    hub.listing = b'{"siblings": [' + b"{}," * 2_700_000 + b"{}]}"
    command = [sys.executable, "-P", "-c", SHORT_OF_MEMORY + PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    told = f"clipfind: not enough memory for what {hub.address} answers, asked for museum/tiny;"
    assert done.stderr.startswith(told)
    assert done.returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no modes")
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077], ids=oct)
def test_nobody_else_can_write_what_a_download_wrote(
    hub: Hub, environment: dict[str, str], umask: int
) -> None:
    command = [sys.executable, "-P", "-c", PROGRAM]
    subprocess.run(command, env=environment, umask=umask, check=True)
    own = modes_below(cache_folder())
    assert {oct(mode) for name, mode in own.items() if name.endswith(".lock")} == {"0o600"}
    assert not [name for name, mode in own.items() if mode & 0o077]
    assert oct(downloaded_folder(NAME).stat().st_mode & 0o777) == "0o700"
    assert oct((downloaded_folder(NAME) / WEIGHTS).stat().st_mode & 0o777) == oct(0o644 & ~umask)
    home = Path(constants.HF_HUB_CACHE).parent
    for name, mode in modes_below(home).items():
        if not (home / name).is_symlink():
            wanted = 0o775 if (home / name).is_dir() else 0o644
            assert oct(mode) == oct(wanted & ~umask), name


@pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps no modes")
def test_what_lies_in_a_shared_cache_keeps_its_modes(hub: Hub, tiny_model: Path) -> None:
    fill_cache(tiny_model, WEIGHTS)
    cached_file().resolve().chmod(0o664)
    (cached() / "blobs").chmod(0o777)
    download(NAME)
    assert cached_file().stat().st_mode & 0o777 == 0o664
    assert (cached() / "blobs").stat().st_mode & 0o777 == 0o777


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_killed_download_goes_on_in_the_next_run(
    hub: Hub, tiny_model: Path, environment: dict[str, str]
) -> None:
    hub.files[f"museum/tiny/{WEIGHTS}"] += bytes(30_000_000)
    hub.stall_after = 25_000_000
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM], env=environment, stderr=subprocess.DEVNULL
    )
    until = time.monotonic() + 60
    while not [part for part in parts() if part.stat().st_size >= 10_000_000]:
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    hub.stall_after = None
    subprocess.run([sys.executable, "-P", "-c", PROGRAM], env=environment, check=True)
    # Not by the bytes sent: the server may still be sending to the one that was killed.
    start = (hub.ranges()[-1] or "").removeprefix("bytes=").removesuffix("-")
    assert int(start or 0) >= 10_000_000
    assert is_whole(downloaded_folder(NAME))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ViT-B-32", "ARCH/TAG"),
        ("ViT-B-32-256/nonsense", "open_clip lists ViT-B-32-256/datacomp_s34b_b86k"),
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
from rclip_like.models.hub.download import download
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
