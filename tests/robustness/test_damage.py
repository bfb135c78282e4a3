"""Damage of the matrix, a row, a text or a cache gives no wrong result without a word.

Each damage is done to the bytes of a file as a disk does it: no time of the file tells.
"""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from small_clipfind import COMMAND
from small_index import PlainModel, make_pictures

from rclip_like.errors import Remedy
from rclip_like.library import Library
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.reports import Finding
from rclip_like.search.checks import RowCheck
from rclip_like.settings import IndexSettings, SearchSettings
from rclip_like.store import Batch, ContentRow, FileRow, Reading, Store
from rclip_like.store.matrix import stamp
from rclip_like.store.writing import Writer
from rclip_like.values import FileFacts, PictureFacts, SearchReport

COUNT = 12
LONG_AFTER_NS = 1_700_000_000_000_000_000
Change = Callable[[bytes], bytes]


class Album:
    """Pictures 0000.jpg, 0001.jpg, ... of which each is nearer to "cat" than the next."""

    def __init__(self, folder: Path, model: Path) -> None:
        self.paths = make_pictures(folder / "album", COUNT)
        self.database = folder / "index.db"
        self.model = model
        specification = resolve(str(model))
        (query,) = Model(specification).texts(["cat"])
        noise = np.random.default_rng(3).normal(size=(COUNT, len(query)))
        noise -= np.outer(noise @ query, query)
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        cosines = np.linspace(0.9, -0.5, COUNT)[:, np.newaxis]
        self.rows = (cosines * query + np.sqrt(1 - cosines**2) * noise).astype("<f2")
        self.query = query
        with Store.open(self.database, create=True) as store:
            model_id = Writer(store).add_model(
                specification.name,
                specification.fingerprint,
                preprocessing_version="1",
                dimension=len(query),
            )
            Writer(store).commit(model_id, self._batch())
            Writer(store).extend_matrix(model_id)
        self.settle()

    def _batch(self) -> Batch:
        digests = [self._digest(path) for path in self.paths]
        contents = {
            digest: ContentRow(
                Reading(path.stat().st_size, PictureFacts(48, 40)), {0: row.astype(np.float32)}
            )
            for digest, path, row in zip(digests, self.paths, self.rows, strict=True)
        }
        files = [
            FileRow(FileFacts.of(os.fsencode(path), path.stat()), LONG_AFTER_NS, digest)
            for path, digest in zip(self.paths, digests, strict=True)
        ]
        return Batch(contents, files)

    @staticmethod
    def _digest(path: Path) -> bytes:
        from blake3 import blake3

        return blake3(path.read_bytes()).digest()

    def settle(self) -> None:
        """Move the log into the index's own file."""
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def execute(self, statement: str, *values: object) -> list[tuple]:
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            return connection.execute(statement, values).fetchall()

    @property
    def matrix(self) -> Path:
        """The file with the rows of the matrix."""
        (path,) = (path for path in stamp.files_of(self.database) if ".rows-" in path.name)
        return path

    @property
    def order(self) -> Path:
        (path,) = (path for path in stamp.files_of(self.database) if ".order-" in path.name)
        return path

    def spoil(self, file: Path, number: int, change: Change) -> None:
        """Change the embedding of a picture where it lies in a file."""
        overwrite(file, self.rows[number].tobytes(), change(self.rows[number].tobytes()))

    def forget_matrix(self) -> None:
        self.execute("DELETE FROM matrices")
        self.settle()

    def search(self, **settings: object) -> SearchReport:
        chosen = SearchSettings(**{"top": 0, "cache_texts": False} | settings)
        with self.library() as library:
            return library.search("cat", [self.paths[0].parent], chosen, update=None)

    def index(self, **settings: object) -> list[str]:
        """Bring the index up to date and return what is to be told."""
        with self.library() as library:
            report = library.index([self.paths[0].parent], IndexSettings(**settings))
            assert report.finished
            return [trouble.reason for trouble in report.troubles]

    def findings(self, *, repair: bool = False) -> list[Finding]:
        """Return what doctor finds in the index that is not well."""
        with self.library() as library:
            report = library.doctor(repair=repair)
        return [f for f in report.findings if f.check in ("rows", "matrix", "index") and f.remedy]

    def library(self) -> Library:
        library = Library(self.database, model=str(self.model))
        library._model = PlainModel(library.specification, 8)
        return library


def overwrite(file: Path, before: bytes, after: bytes) -> None:
    content = file.read_bytes()
    assert content.count(before) == 1
    assert before != after
    times = file.stat()
    with open(file, "r+b") as opened:
        opened.seek(content.index(before))
        opened.write(after)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def order_of(report: SearchReport) -> list[int]:
    return [int(os.path.basename(match.path)[:4]) for match in report.matches]


def told(report: SearchReport) -> bool:
    return any(Remedy.REPAIR in note for note in report.notes)


IN_ORDER = list(range(COUNT))


@pytest.fixture
def album(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Album:
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 2)
    album = Album(tmp_path, tiny_model)
    assert order_of(album.search()) == IN_ORDER
    return album


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let a search believe all that it is told, until the patch is undone."""
    with monkeypatch.context() as patch:
        patch.setattr(RowCheck, "look_at", lambda self, stored, value: "sound")
        yield patch


def flipped(bit: int, place: int) -> Change:
    """Return what flips one bit of the number at a place."""

    def change(row: bytes) -> bytes:
        numbers = np.frombuffer(row, "<u2").copy()
        numbers[place] ^= np.uint16(1 << bit)
        return numbers.tobytes()

    return change


def first_by_one_bit(album: Album, number: int) -> Change:
    """Return the flip of one bit that makes a picture rank first."""
    for place in range(len(album.query)):
        change = flipped(14, place)  # the largest of the exponent: times or over 65,536
        row = np.frombuffer(change(album.rows[number].tobytes()), "<f2").astype(np.float32)
        if np.isfinite(row).all() and row @ album.query > 1:
            return change
    raise AssertionError("no such bit")


# The matrix.


@pytest.mark.parametrize("kind", ["bit", "row"])
def test_what_ranks_first_by_a_damaged_matrix_alone_is_not_believed(
    album: Album, kind: str, unchecked: pytest.MonkeyPatch
) -> None:
    change = first_by_one_bit(album, 9) if kind == "bit" else lambda _: album.rows[0].tobytes()
    album.spoil(album.matrix, 9, change)
    assert 9 in order_of(album.search(top=2))
    unchecked.undo()
    for top in (2, 0):
        report = album.search(top=top)
        assert order_of(report) == IN_ORDER[: top or None]
        assert told(report)
        assert report.damaged == 0


def test_a_zeroed_page_of_the_matrix_is_found_by_doctor_and_mended(album: Album) -> None:
    album.spoil(album.matrix, 0, lambda row: bytes(len(row)))
    assert order_of(album.search(top=2)) == [1, 2]  # what no search can see
    (finding,) = album.findings()
    assert (finding.check, finding.state) == ("matrix", "problem")
    assert Remedy.REPAIR in finding.remedies
    assert album.findings(repair=True) == []
    assert order_of(album.search()) == IN_ORDER
    assert not told(album.search())


@pytest.mark.parametrize("settings", [{"verify": True}, {}])
def test_an_index_run_finds_a_zeroed_page_of_the_matrix_at_once_or_in_a_month(
    album: Album, settings: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    album.spoil(album.matrix, 0, lambda row: bytes(len(row)))
    assert album.index() == []
    assert order_of(album.search(top=1)) == [1]
    if not settings:
        album.execute(
            "UPDATE matrix_blocks SET checked_at_ns = checked_at_ns - ?", 31 * 86400 * 10**9
        )
    (told,) = album.index(**settings)
    assert "matrix" in told
    assert order_of(album.search()) == IN_ORDER
    assert album.index(**settings) == []


def test_the_scores_of_two_pictures_exchanged_in_the_order_are_not_believed(
    album: Album, unchecked: pytest.MonkeyPatch
) -> None:
    slots = np.arange(COUNT, dtype="<i4")
    exchanged = slots.copy()
    exchanged[[0, 11]] = exchanged[[11, 0]]
    content = album.order.read_bytes()
    assert content.count(slots.tobytes()) == 2  # of the files, and of the contents
    times = album.order.stat()
    album.order.write_bytes(content.replace(slots.tobytes(), exchanged.tobytes(), 1))
    os.utime(album.order, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert order_of(album.search())[::11] == [11, 0]
    unchecked.undo()
    report = album.search()
    assert order_of(report) == IN_ORDER
    assert told(report)
    assert [finding.check for finding in album.findings()] == ["matrix"]
    (sentence,) = album.index()  # the order is looked at by each run
    assert "matrix" in sentence
    assert album.findings() == []


def test_a_damaged_order_does_not_become_part_of_the_next_one(album: Album) -> None:
    ids = np.arange(1, COUNT + 1, dtype="<i8")
    content = album.order.read_bytes()
    damaged = ids.copy()
    damaged[0] = 77
    times = album.order.stat()
    album.order.write_bytes(damaged.tobytes().join(content.rsplit(ids.tobytes(), 1)))
    os.utime(album.order, ns=(times.st_atime_ns, times.st_mtime_ns))
    before = album.matrix
    with Store.open(album.database, create=False) as store:
        store.connection.execute("UPDATE matrices SET num_deleted = 1000")
        assert Writer(store).extend_matrix(1)
    assert album.matrix != before
    assert album.findings() == []
    assert order_of(album.search()) == IN_ORDER


def test_numbers_below_zero_in_the_order_are_none(album: Album) -> None:
    slots = np.arange(COUNT, dtype="<i4")
    content = album.order.read_bytes()
    times = album.order.stat()
    album.order.write_bytes(content.replace(slots.tobytes(), (slots - 1000).tobytes()))
    os.utime(album.order, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert order_of(album.search()) == IN_ORDER


# The rows.


def unit_but_other(row: bytes) -> bytes:
    """Return a row of the same length with its numbers in another order."""
    return np.frombuffer(row, "<f2")[::-1].tobytes()


@pytest.mark.parametrize("with_matrix", [False, True])
@pytest.mark.parametrize("kind", ["exchanged", "long", "no numbers"])
def test_a_damaged_row_that_ranks_first_is_left_out_and_counted(
    album: Album, kind: str, with_matrix: bool, unchecked: pytest.MonkeyPatch
) -> None:
    after = {
        "exchanged": (album.query.astype("<f2")).tobytes(),
        "long": (album.query * 3).astype("<f2").tobytes(),
        "no numbers": np.full(len(album.query), np.inf, "<f2").tobytes(),
    }[kind]
    album.spoil(album.database, 9, lambda _: after)
    if with_matrix:
        album.forget_matrix()
        with Store.open(album.database, create=False) as store:
            Writer(store).extend_matrix(1)
    else:
        album.forget_matrix()
    if kind != "no numbers":
        assert order_of(album.search(top=1)) == [9]
    unchecked.undo()
    report = album.search()
    assert order_of(report) == [each for each in IN_ORDER if each != 9]
    assert report.damaged == (0 if with_matrix and kind == "no numbers" else 1)
    assert [match.rank for match in report.matches] == list(range(1, COUNT))


def test_a_damaged_row_is_left_out_where_the_matrix_still_has_it_right(album: Album) -> None:
    album.spoil(album.database, 0, unit_but_other)
    report = album.search(top=3)
    assert order_of(report) == [1, 2, 3]
    assert report.damaged == 1


def test_a_damaged_row_that_ranks_low_is_found_by_doctor_and_encoded_anew(album: Album) -> None:
    album.spoil(album.database, 0, unit_but_other)
    album.forget_matrix()
    assert order_of(album.search(top=1)) == [1]  # what no search can see
    (finding,) = album.findings()
    assert "1 embeddings are damaged" in finding.text
    assert album.findings(repair=True) == []
    assert len(album.search().matches) == COUNT - 1
    with album.library() as library:
        assert library.index([album.paths[0].parent]).encoded == 1
    assert len(album.search().matches) == COUNT


def test_index_verify_finds_a_damaged_row_and_encodes_it_anew(album: Album) -> None:
    album.spoil(album.database, 3, flipped(0, 5))  # the smallest there is
    assert album.index() == []
    with album.library() as library:
        report = library.index([album.paths[0].parent], IndexSettings(verify=True))
    assert (report.encoded, report.verified) == (1, COUNT - 1)
    (trouble,) = report.troubles
    assert "1 damaged embedding dropped" in trouble.reason
    assert album.findings() == []
    assert album.index(verify=True) == []


def test_rows_without_digests_get_them_when_they_were_looked_at(album: Album) -> None:
    album.execute("UPDATE embeddings SET row_digest = NULL")
    assert album.findings() == []
    album.index(verify=True)
    question = "SELECT count(*) FROM embeddings WHERE row_digest IS NULL"
    assert album.execute(question) == [(0,)]
    album.settle()
    album.spoil(album.database, 3, flipped(0, 5))
    assert len(album.findings()) == 1


@pytest.mark.parametrize("number", [0, 9])
def test_of_a_row_without_a_digest_the_matrix_is_a_witness(album: Album, number: int) -> None:
    album.execute("UPDATE embeddings SET row_digest = NULL")
    album.settle()
    album.spoil(album.database, number, unit_but_other)
    assert told(album.search())
    (finding,) = album.findings()
    assert "1 embeddings are damaged" in finding.text
    assert album.findings(repair=True) == []
    with album.library() as library:
        assert library.index([album.paths[0].parent]).encoded == 1


def test_a_damaged_row_is_no_query(album: Album) -> None:
    for is_known in (True, False):
        with album.library() as library:
            assert library.embeddings([album.paths[0]])[1][0] == is_known
        if is_known:
            album.spoil(album.database, 0, unit_but_other)


# The command line.


def run(album: Album, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *arguments, "--db", str(album.database), "--model", str(album.model)]
    environment = {**os.environ, "SMALL_MATRIX": "2"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def refuse(constant: str) -> None:
    raise ValueError(constant)


def test_no_number_that_is_none_is_printed(album: Album) -> None:
    for number, value in ((2, np.nan), (5, np.inf)):
        after = np.full(len(album.query), value, "<f2").tobytes()
        album.spoil(album.database, number, lambda _, after=after: after)
    album.forget_matrix()
    folder = str(album.paths[0].parent)
    found = run(album, "cat", folder, "-n", "-t0", "--json", "--explain")
    rows = [json.loads(line, parse_constant=refuse) for line in found.stdout.splitlines()]
    assert len(rows) == COUNT - 2
    assert "2 pictures left out: damaged in the index" in found.stderr
    assert "clipfind doctor --repair" in found.stderr
    lines = run(album, "cat", folder, "-n", "-t0").stdout.splitlines()
    assert len(lines) == COUNT - 2
    assert not any(line.startswith(("nan", "inf")) for line in lines)


def test_the_command_line_tells_of_a_damaged_matrix_and_mends_it(album: Album) -> None:
    album.spoil(album.matrix, 9, lambda _: album.query.astype("<f2").tobytes())
    folder = str(album.paths[0].parent)
    found = run(album, "cat", folder, "-n", "-f")
    assert [os.path.basename(path) for path in found.stdout.split()] == [
        f"{number:04}.jpg" for number in range(10)
    ]
    assert found.stderr.count("clipfind doctor --repair") == 1
    assert run(album, "doctor").returncode == 2
    mended = run(album, "doctor", "--repair")
    assert "the matrix of" in mended.stdout
    assert run(album, "cat", folder, "-n", "-f").stderr == ""


# Texts.


def test_a_text_that_a_bit_changed_is_made_anew(album: Album) -> None:
    right = album.search(cache_texts=True)
    ((blob,),) = album.execute("SELECT embedding FROM texts")
    album.settle()
    wrong = np.frombuffer(blob, "<f4")[::-1].tobytes()
    overwrite(album.database, blob, wrong)
    assert len(album.findings()) == 1
    assert order_of(album.search(cache_texts=True)) == order_of(right)
    assert album.findings() == []
    assert album.execute("SELECT embedding FROM texts") == [(blob,)]


@pytest.mark.parametrize("tokenizer", [None, "clip-bpe-0 0011223344556677"])
def test_a_text_of_another_tokenizer_is_made_anew(album: Album, tokenizer: str | None) -> None:
    album.search(cache_texts=True)
    ((right, mark),) = album.execute("SELECT embedding, tokenizer FROM texts")
    wrong = np.frombuffer(right, "<f4")[::-1].tobytes()
    album.execute("UPDATE texts SET embedding = ?, tokenizer = ?", wrong, tokenizer)
    assert order_of(album.search(cache_texts=True)) == IN_ORDER
    assert album.execute("SELECT embedding, tokenizer FROM texts") == [(right, mark)]


def test_a_text_under_a_damaged_name_is_not_used(album: Album) -> None:
    album.search(cache_texts=True)
    album.execute("UPDATE texts SET text = 'cab'")
    assert len(album.findings()) == 1
    with Store.open(album.database, create=False) as store:
        assert store.embeddings(1).cached_text("cab", "clip-bpe-1") is None


# Caches.


def test_a_damaged_cache_of_fingerprints_changes_no_model(album: Album, own_folders: Path) -> None:
    place = own_folders / "cache_dir" / "fingerprints.json"
    before = resolve(str(album.model)).fingerprint
    digest = json.loads(place.read_bytes())["value"][
        str(album.model / "open_clip_model.safetensors")
    ][-1]
    other = digest[:-1] + ("0" if digest[-1] != "0" else "1")
    overwrite(place, digest.encode(), other.encode())
    assert resolve(str(album.model)).fingerprint == before
