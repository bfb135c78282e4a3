"""Labelled and captioned sets of strangers: refused in a sentence, or each fault costs itself."""

from __future__ import annotations

import gzip
import io
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

import pytest
from drawn_pairs import draw_picture, write_shard
from labelled_sets import examples_of, write_classes, write_files

from rclip_like.data.embedding import embed_set
from rclip_like.data.sets import open_set
from rclip_like.errors import DataError
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.settings import EncoderSettings, ReadSettings
from rclip_like.values import Trouble

FP32 = EncoderSettings(precision="fp32", device="cpu")
CLASS_NAMES = "classnames.txt"
TEMPLATES = "zeroshot_classification_templates.txt"
INSERTED = (
    *(b'"', b"\n", b"\0", b"{}", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b",", b"\t", b"9" * 400),
    *(b"../", b"://", b"\\ud800", b"\x85", b"[" * 2000, b"NaN", b"1e999", b"-1"),
)

EMBED = """\
import sys
from pathlib import Path
from rclip_like.data.embedding import embed_set
from rclip_like.data.sets import open_set
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.settings import EncoderSettings, ReadSettings

model = Model(resolve(sys.argv[2]), EncoderSettings(batch_size=2, precision="fp32"))
show = lambda done, total: print(done, flush=True)
embed_set(open_set(Path(sys.argv[1])), model, None, ReadSettings(workers=2), on_progress=show)
"""


def shard_of_all() -> bytes:
    """Return a shard whose pictures have a caption, a label and a class each."""
    members: dict[str, bytes] = {}
    for number in range(4):
        members |= {f"{number}.png": draw_picture(number, 8), f"{number}.txt": b"one\ntwo"}
        members |= {f"{number}.cls": b"%d" % number, f"{number}.json": b'{"label": "dog"}'}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as shard:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            shard.addfile(member, io.BytesIO(content))
    return stream.getvalue()


SHARD = shard_of_all()
WHOLE = {
    "t.csv": b'file,label,text,split\na.png,dog,"a, b",train\nb.png,cat,x,test\nc.png,3,,test\n',
    "t.tsv": 'file\tlabel\ttext\na.png\tdog\t"a\tb"\nb.png\tcat\tx\n'.encode("utf-16"),
    "t.jsonl": b'{"file":"a.png","label":"dog","text":["a"]}\n{"file":"b.png","label":7}\n',
    "0.tar": SHARD,
    "0.tar.gz": gzip.compress(SHARD),
    CLASS_NAMES: b"dog\ncat\nowl\nhare\n",
    TEMPLATES: b"a {c}\nthe {c} x\n",
    "dataset_type.txt": b"retrieval\n",
}


def altered(content: bytes, chance: random.Random) -> bytes:
    """Return the content with a few bytes changed, inserted, dropped or doubled."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(changed) + 1)
        kind = chance.randrange(4)
        if kind == 0:
            changed[at : at + 1] = bytes([chance.randrange(256)])
        elif kind == 1:
            changed[at:at] = chance.choice(INSERTED)
        elif kind == 2:
            del changed[at : at + chance.randint(1, 30)]
        else:
            changed[at:at] = changed[at : at + chance.randint(1, 200)]
    return bytes(changed)


@pytest.mark.parametrize("name", WHOLE)
def test_an_altered_set_is_refused_in_a_sentence_or_read_in_part(tmp_path: Path, name: str) -> None:
    chance = random.Random(name)
    outcomes, sentences = set(), []
    for _ in range(150):
        if name.startswith(("0.", "t.")):
            path = tmp_path / name
        else:
            path = tmp_path
            (tmp_path / "0.tar").write_bytes(SHARD)
        (tmp_path / name).write_bytes(altered(WHOLE[name], chance))
        try:
            pictures = open_set(path, split=chance.choice(("train", "test")))
        except DataError as error:
            outcomes.add("refused")
            sentences.append(str(error))
            continue
        for example in pictures.examples():
            outcomes.add(type(example))
            if isinstance(example, Trouble):
                assert example.reason
                continue
            assert os.fsencode(example.name)
            assert example.label is None or example.label in pictures.labels
            assert all(caption.encode() for caption in example.captions)
        assert all("dog" in template.format("dog") for template in pictures.templates)
    assert len(outcomes) > 1
    assert not [sentence for sentence in sentences if "\n" in sentence]


@pytest.mark.skipif(os.name == "nt", reason="names of Unix")
def test_members_of_shards_may_have_any_names(tmp_path: Path, tiny_model: Path) -> None:
    names = [os.fsdecode(b"caf\xe9"), "../../up", "/etc/x", "a\nb", "-rf", "x" * 300]
    members: dict[str, bytes] = {}
    for number, name in enumerate(names):
        members |= {f"{name}.png": draw_picture(number), f"{name}.cls": b"1"}
    pictures = open_set(write_shard(tmp_path / "a.tar", members))
    before = sorted(tmp_path.iterdir())
    found = embed_set(
        pictures, Model(resolve(str(tiny_model)), FP32), None, ReadSettings(workers=2)
    )
    assert len(found.names) == len(names)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.name == "nt", reason="devices and holes of Unix")
@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["t.csv", CLASS_NAMES, TEMPLATES, "dataset_type.txt"])
def test_endless_files_are_not_read(tmp_path: Path, name: str) -> None:
    data = write_classes(tmp_path / "data", ["dog", "cat"])
    path = data / name
    for plant in (lambda: path.symlink_to("/dev/zero"), path.touch):
        plant()
        if not path.is_symlink():
            os.truncate(path, 1 << 40)
        with pytest.raises(DataError):
            open_set(path if name == "t.csv" else data)
        path.unlink()


@pytest.mark.skipif(os.name == "nt", reason="devices and pipes of Unix")
@pytest.mark.timeout(60)
def test_pictures_that_a_table_names_are_files_or_cost_themselves(
    tmp_path: Path, tiny_model: Path
) -> None:
    write_files(tmp_path, {"good.png": draw_picture(0), "text.png": "no picture"})
    os.mkfifo(tmp_path / "pipe.png")
    names = [
        "good.png",
        "pipe.png",
        "/dev/zero",
        "/dev/stdin",
        "/etc/passwd",
        ".",
        "text.png",
        "no",
    ]
    lines = ["file,label", *(f"{name},x" for name in names)]
    table = write_files(tmp_path, {"t.csv": "\n".join(lines)}) / "t.csv"
    found = embed_set(
        open_set(table), Model(resolve(str(tiny_model)), FP32), None, ReadSettings(workers=2)
    )
    assert found.names == (str(tmp_path / "good.png"),)
    assert len(found.troubles) == len(names) - 1


@pytest.mark.skipif(not os.path.exists("/proc/self"), reason="processes as Linux shows them")
def test_ctrl_c_ends_the_embedding_of_a_set_and_its_workers(
    tmp_path: Path, tiny_model: Path
) -> None:
    data = write_classes(tmp_path, ["dog", "cat"], 200)
    with subprocess.Popen(
        [sys.executable, "-c", EMBED, data, tiny_model], stdout=subprocess.PIPE, stderr=-1
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
        children = [child for task in tasks for child in task.read_text().split()]
        process.send_signal(signal.SIGINT)
        began = time.monotonic()
        _, errors = process.communicate(timeout=20)
    assert process.returncode in (130, -signal.SIGINT)
    assert b"KeyboardInterrupt" in errors
    assert time.monotonic() - began < 5
    assert children
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def test_a_set_that_changes_while_it_is_read_costs_what_changed(tmp_path: Path) -> None:
    data = write_classes(tmp_path, ["dog", "cat", "owl"])
    pictures = open_set(data)
    examples = pictures.examples()
    next(examples)
    for path in (data / "owl").iterdir():
        path.unlink()
    (data / "owl").rmdir()
    rest = list(examples)
    assert [os.path.basename(os.fsdecode(each.path)) for each in rest if isinstance(each, Trouble)]
    assert len(examples_of(pictures)) == 4
