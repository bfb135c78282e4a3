"""Several indexers and searchers at once on one index."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from small_index import SmallIndex, make_pictures, start_indexing, wait_for_lines


def test_two_indexers_at_once_do_the_work_once(tmp_path: Path, tiny_model: Path) -> None:
    make_pictures(tmp_path / "album", 30)
    processes = [
        start_indexing(tmp_path / "1.db", tiny_model, tmp_path / "album") for _ in range(2)
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(int(output.split()[1]) for output in outputs) == 30


def test_a_searcher_sees_committed_states_and_never_waits_while_an_indexer_writes(
    tmp_path: Path, tiny_model: Path
) -> None:
    album, log = tmp_path / "album", tmp_path / "log"
    make_pictures(album, 100)
    process = start_indexing(tmp_path / "1.db", tiny_model, album, log=log)
    wait_for_lines(process, log, 2)
    index = SmallIndex(tmp_path / "1.db", tiny_model)
    model_id = index.store.model_id(index.specification.fingerprint)
    assert model_id is not None
    text, counts = np.ones(32, dtype=np.float32), []
    while process.poll() is None:
        with index.store.snapshot():
            counts.append(len(index.names()))
            assert index.store.count_files() == counts[-1]
        index.store.cache_text(model_id, f"cat {len(counts)}", text)
    output, errors = process.communicate()
    assert (process.returncode, output) == (0, "encoded 100\n"), errors
    assert counts == sorted(counts)
    assert len(set(counts)) > 1, "nothing was written meanwhile"
    assert len(index.names()) == 100
    index.store.close()
