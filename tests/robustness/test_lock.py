"""Several indexers and searchers at once on one index."""

from __future__ import annotations

from pathlib import Path

from small_index import SmallIndex, make_pictures, start_indexing, wait_for_lines


def test_two_indexers_at_once_do_the_work_once(tmp_path: Path, tiny_model: Path) -> None:
    make_pictures(tmp_path / "album", 30)
    processes = [
        start_indexing(tmp_path / "1.db", tiny_model, tmp_path / "album") for _ in range(2)
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(int(output.split()[1]) for output in outputs) == 30


def test_indexers_of_two_folders_share_one_index(tmp_path: Path, tiny_model: Path) -> None:
    for name in ("a", "b"):
        make_pictures(tmp_path / name, 10)
    processes = [
        start_indexing(tmp_path / "1.db", tiny_model, tmp_path / name) for name in ("a", "b")
    ]
    assert [process.wait() for process in processes] == [0, 0]
    for process in processes:
        process.communicate()
    index = SmallIndex(tmp_path / "1.db", tiny_model)
    assert len(index.names()) == 20
    index.store.close()


def test_a_searcher_sees_committed_states_while_an_indexer_writes(
    tmp_path: Path, tiny_model: Path
) -> None:
    album, log = tmp_path / "album", tmp_path / "log"
    make_pictures(album, 100)
    process = start_indexing(tmp_path / "1.db", tiny_model, album, log=log)
    wait_for_lines(process, log, 2)
    index = SmallIndex(tmp_path / "1.db", tiny_model)
    counts = []
    while process.poll() is None:
        with index.store.snapshot():
            counts.append(len(index.names()))
            assert index.store.count_files() == counts[-1]
    process.communicate()
    assert process.returncode == 0
    assert counts == sorted(counts)
    assert len(set(counts)) > 1, "nothing was written meanwhile"
    assert len(index.names()) == 100
    index.store.close()


def test_a_searcher_caches_a_text_or_drops_it_while_an_indexer_writes(
    tmp_path: Path, tiny_model: Path
) -> None:
    album, log = tmp_path / "album", tmp_path / "log"
    make_pictures(album, 100)
    process = start_indexing(tmp_path / "1.db", tiny_model, album, log=log)
    wait_for_lines(process, log, 1)
    index = SmallIndex(tmp_path / "1.db", tiny_model)
    model_id = index.store.model_id(index.specification.fingerprint)
    assert model_id is not None
    (embedding,) = index.load_encoder().encode_texts(["cat"])
    kept = 0
    while process.poll() is None:
        kept += index.store.cache_text(model_id, f"cat {kept}", embedding)
    output, errors = process.communicate()
    assert process.returncode == 0, errors
    assert output == "encoded 100\n"
    index.store.close()
