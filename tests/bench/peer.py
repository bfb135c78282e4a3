"""rclip 4.0.8 in an environment of its own, with the weights that clipfind loads, built once.

Everything lies in `.bench/` beside the tests (CLIPFIND_BENCH_DIR wins); `make clean` removes it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FOLDER = Path(os.environ.get("CLIPFIND_BENCH_DIR") or Path(__file__).parents[2] / ".bench")
ARCHITECTURE = "ViT-B-32-256"
MODEL = FOLDER / "model"
"""The folder of the randomly initialised model that both tools load; `model()` makes it."""

_VERSION = "4.0.8"
_OLDEST = (3, 12)
_ENVIRONMENT = FOLDER / "peer"
_WEIGHTS = FOLDER / "peer-data"
_EXPORTER = FOLDER / "exporter"
# The exporter of torch needs onnx; a folder for it alone leaves our environment as it is.
_EXPORTER_PACKAGES = ("onnx==1.23.2", "protobuf", "ml_dtypes")
_TRAINER = FOLDER / "trainer"
# What open_clip's training program needs beyond open_clip, likewise.
_TRAINER_PACKAGES = (
    "braceexpand==0.1.7",
    "pandas==3.1.1",
    "python-dateutil==4.0.0",
    "six==1.17.0",
    "webdataset==1.0.2",
)
_ONNX_FOLDER = f"{ARCHITECTURE}-datacomp_s34b_b86k"
_VOCABULARY = "tokenizer/bpe_simple_vocab_16e6.txt.gz"
# The peer looks whether they are there, not what they say.
_LEGAL_FILES = ("LICENSE", "OPENAI-CLIP-MIT.txt", "README.md", "THIRD_PARTY_NOTICES.md")


class PeerMissing(Exception):
    """The peer cannot be built here; the message says why."""


@dataclass(frozen=True)
class Peer:
    """The peer with a data folder of its own: index and links to the weights."""

    data: Path

    @property
    def database(self) -> Path:
        """Its index, an SQLite file."""
        return self.data / "db.sqlite3"

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which it finds index and weights and asks no network."""
        ours = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return ours | {"RCLIP_DATADIR": str(self.data), "HF_HUB_OFFLINE": "1"}

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return _ENVIRONMENT / "bin" / "python"

    def command(self, *arguments: str | bytes | Path) -> tuple[str | bytes | Path, ...]:
        """Return the command line that runs it."""
        return (_ENVIRONMENT / "bin" / "rclip", *arguments)


def peer(data: Path) -> Peer:
    """Return the peer with `data` as its data folder, building what is not there yet.

    Raises PeerMissing.
    """
    _build()
    data.mkdir(parents=True, exist_ok=True)
    for source in _WEIGHTS.iterdir():
        link = data / source.name
        if not link.is_symlink():
            link.symlink_to(source)
    return Peer(data)


def is_here() -> bool:
    """Return whether the peer can be run, building it if need be; says on stderr why not."""
    try:
        _build()
    except PeerMissing as error:
        print(f"rclip {_VERSION} is left out: {error}", file=sys.stderr)
        return False
    return True


def model() -> Path:
    """Return the model folder with random weights, the same in every run; makes it once."""
    if not (MODEL / "open_clip_config.json").exists():
        from reference_clip import save_random_model

        draft = MODEL.with_name("model.part")
        shutil.rmtree(draft, ignore_errors=True)
        save_random_model(ARCHITECTURE, draft)
        draft.replace(MODEL)
    return MODEL


def trainer() -> Path:
    """Return a folder of modules with which open_clip's training program runs; makes it once.

    Raises PeerMissing.
    """
    try:
        _once(_TRAINER, lambda folder: _install_into(folder, _TRAINER_PACKAGES))
    except subprocess.CalledProcessError as error:
        raise _missing(error) from error
    return _TRAINER


@cache
def _build() -> None:
    """Make the environment and the weights, each whole or not at all."""
    if os.name == "nt":
        raise PeerMissing("its environment is laid out here for POSIX systems alone")
    try:
        _once(_ENVIRONMENT, _install)
        _once(_WEIGHTS, _export)
    except subprocess.CalledProcessError as error:
        raise _missing(error) from error


def _missing(error: subprocess.CalledProcessError) -> PeerMissing:
    last = (error.stderr or b"").decode(errors="replace").strip().splitlines()[-1:]
    return PeerMissing(f"{error.cmd[0]} failed: {' '.join(last)}")


def _once(folder: Path, make: Callable[[Path], None]) -> None:
    """Call `make` unless it was done before; a stamp beside the folder says so."""
    stamp = folder.with_name(f"{folder.name}.ready")
    if stamp.exists() and folder.is_dir():
        return
    shutil.rmtree(folder, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    make(folder)
    stamp.touch()


def _install(folder: Path) -> None:
    print(f"building the environment of rclip {_VERSION}", file=sys.stderr)
    _check_run(_python(), "-m", "venv", folder)
    _check_run(folder / "bin" / "python", "-m", "pip", "install", "-q", f"rclip=={_VERSION}")
    # Written now, as ours is, so that the first of its runs is no slower than the others.
    _check_run(folder / "bin" / "python", "-m", "compileall", "-q", folder / "lib")


def _export(folder: Path) -> None:
    print(f"exporting {ARCHITECTURE} for rclip", file=sys.stderr)
    source = model()
    _install_into(_EXPORTER, _EXPORTER_PACKAGES)
    (folder / _ONNX_FOLDER).mkdir(parents=True)
    paths = os.pathsep.join((str(_EXPORTER), str(Path(__file__).parents[1])))
    _check_run(
        *(sys.executable, "-m", "bench.export", source, folder / _ONNX_FOLDER),
        env={**os.environ, "PYTHONPATH": paths},
    )
    _copy_vocabulary(folder / _VOCABULARY)
    for name in _LEGAL_FILES:
        (folder / name).write_text("Only its existence is checked.\n")


def _install_into(folder: Path, packages: Sequence[str]) -> None:
    install = ("-m", "pip", "install", "-q", "--no-deps", "--upgrade", "--target", folder)
    _check_run(sys.executable, *install, *packages)


def _copy_vocabulary(place: Path) -> None:
    from importlib.resources import as_file, files

    place.parent.mkdir()
    with as_file(files("open_clip") / place.name) as vocabulary:
        shutil.copy(vocabulary, place)


def _python() -> str:
    """Return the first interpreter that is new enough for the peer; raises PeerMissing."""
    for candidate in _candidates():
        code = f"import sys, venv; sys.exit(sys.version_info < {_OLDEST})"
        try:
            if subprocess.run([candidate, "-c", code], capture_output=True).returncode == 0:
                return candidate
        except OSError:
            continue
    raise PeerMissing(f"no Python {_OLDEST[0]}.{_OLDEST[1]} or newer is on this machine")


def _candidates() -> Iterator[str]:
    names = ("python3.12", "python3.13", "python3.14", "python3", sys.executable)
    yield from filter(None, map(shutil.which, names))
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob("versions/3.*/bin/python")))


def _check_run(*command: str | Path, env: dict[str, str] | None = None) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=env)
