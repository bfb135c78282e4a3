"""Whole training runs of a tiny model on drawn pictures."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import blake3
import numpy as np
import pytest
import torch
from drawn_pairs import draw_picture, write_shard
from safetensors.torch import load_file, save_file

from rclip_like.cli.remedies import said
from rclip_like.data.arrays import held_out
from rclip_like.errors import TrainingError, UsageError
from rclip_like.models.specification import resolve
from rclip_like.models.towers.torch_tower import load_torch_tower
from rclip_like.models.towers.torchvision_cure import import_open_clip
from rclip_like.settings import EncoderSettings
from rclip_like.train.memory import StepMemory
from rclip_like.train.run import train
from rclip_like.train.settings import LoopOptions, TrainSettings
from rclip_like.train.values import TrainProgress, TrainReport

MakeData = Callable[..., Path]
WEIGHTS = "open_clip_model.safetensors"


@pytest.fixture
def settings(captioned: MakeData, tiny_model: Path, tmp_path: Path) -> TrainSettings:
    return TrainSettings(
        data=captioned(24),
        output=tmp_path / "out",
        model=str(tiny_model),
        preset="all",
        unlock_image_tower=True,
        loop=LoopOptions(epochs=3, batch_size=8, lr=1e-3),
        folds=0,
        held_out=0.2,
        alpha=1.0,
    )


def digest(output: Path) -> str:
    return hashlib.sha256((output / WEIGHTS).read_bytes()).hexdigest()


def stop_after(steps: int) -> Callable[[TrainProgress], None]:
    def on_progress(progress: TrainProgress) -> None:
        if progress.stage == "learning" and progress.step > steps:
            raise KeyboardInterrupt

    return on_progress


def interrupt(settings: TrainSettings, steps: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(replace(settings, checkpoint_seconds=0), on_progress=stop_after(steps))
    assert (settings.output / "checkpoint.pt").exists()


def test_pictures_are_not_compared_where_none_is_held_out(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rclip_like.train.run.embed_pictures", None)
    assert train(replace(settings, held_out=0.0)).num_pairs == 24


def test_a_run_writes_a_model_folder_and_tells_what_it_did(settings: TrainSettings) -> None:
    report = train(settings)
    written = {path.name: path for path in settings.output.iterdir()}
    assert set(written) == {WEIGHTS, "open_clip_config.json", "log.jsonl"}
    assert len({path.stat().st_mode for path in written.values()}) == 1
    assert report.num_pairs + report.num_held_out == 24
    assert report.num_held_out > 0
    assert report.num_steps == 3 * -(-report.num_pairs // 8)
    assert set(report.recall_before) == set(report.recall_after) == {1, 5, 10}
    assert report.last_loss is not None
    assert report.first_loss is not None
    assert report.last_loss < report.first_loss


def test_the_folder_loads_in_open_clip_with_the_same_embeddings(settings: TrainSettings) -> None:
    train(settings)
    specification = resolve(str(settings.output))
    tower = load_torch_tower(specification, EncoderSettings(precision="fp32"))
    texts = ["red on the left", "a cat"]
    open_clip = import_open_clip()
    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{settings.output}")
    tokens = open_clip.get_tokenizer(f"local-dir:{settings.output}")(texts)
    theirs = model.eval().encode_text(tokens, normalize=True).detach().numpy()
    assert (tower.texts(texts) * theirs).sum(1).min() > 0.99999
    assert np.abs(tower.texts(texts) - theirs).max() < 1e-5
    assert transform.transforms[0].size == specification.preprocessing.size


def test_a_start_that_is_kept_is_the_starting_model_file_by_file(
    settings: TrainSettings, tiny_model: Path, tmp_path: Path
) -> None:
    half = tmp_path / "half"
    shutil.copytree(tiny_model, half)
    tensors = load_file(half / WEIGHTS)
    save_file({name: value.half() for name, value in tensors.items()}, half / WEIGHTS)
    train(replace(settings, model=str(half), alpha=0.0))
    for name in (WEIGHTS, "open_clip_config.json"):
        assert (settings.output / name).read_bytes() == (half / name).read_bytes()
    assert resolve(str(settings.output)).fingerprint == resolve(str(half)).fingerprint
    import_open_clip().create_model_and_transforms(f"local-dir:{settings.output}")


def test_a_start_from_a_weight_file_that_is_kept_is_a_model_folder(
    settings: TrainSettings, tiny_model: Path, tmp_path: Path
) -> None:
    weights = tmp_path / "tiny.safetensors"
    shutil.copy(tiny_model / WEIGHTS, weights)
    train(replace(settings, weights=weights, alpha=0.0))
    before, after = load_file(weights), load_file(settings.output / WEIGHTS)
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert resolve(str(settings.output)).dimension == resolve(str(tiny_model)).dimension


@pytest.mark.parametrize("lock", [False, True])
def test_an_interrupted_run_goes_on_to_the_same_bits(settings: TrainSettings, lock: bool) -> None:
    settings = replace(settings, lock_image_tower=lock, unlock_image_tower=not lock)
    whole = replace(settings, output=settings.output.with_name("whole"))
    train(whole)
    interrupt(settings, 4)
    report = train(settings)
    assert 0 < report.resumed_at < report.num_steps
    assert digest(settings.output) == digest(whole.output)


def test_a_run_stopped_between_checkpoints_keeps_every_finished_step(
    settings: TrainSettings,
) -> None:
    whole = replace(settings, output=settings.output.with_name("whole"))
    train(whole)
    with pytest.raises(KeyboardInterrupt):
        train(settings, on_progress=stop_after(3))
    report = train(settings)
    assert report.resumed_at == 4
    assert digest(settings.output) == digest(whole.output)


def test_a_run_stopped_within_a_step_goes_on_from_before_it(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half_a_step(optimiser: torch.optim.AdamW) -> None:
        optimiser.param_groups[0]["params"][0].data.add_(1)
        raise KeyboardInterrupt

    interrupt(settings, 3)
    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", half_a_step)
        with pytest.raises(KeyboardInterrupt):
            train(settings)
    whole = replace(settings, output=settings.output.with_name("whole"))
    train(whole)
    assert train(settings).resumed_at > 0
    assert digest(settings.output) == digest(whole.output)


@pytest.mark.parametrize("killed_in", ["save_model_folder", "remove_files"])
def test_a_run_killed_while_it_saves_goes_on(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch, killed_in: str
) -> None:
    def killed(folder: Path, *rest: object) -> None:
        (folder / f"{WEIGHTS}.part").write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(f"rclip_like.train.run.{killed_in}", killed)
        with pytest.raises(KeyboardInterrupt):
            train(settings)
    report = train(settings)
    assert report.resumed_at == report.num_steps
    written = {path.name for path in settings.output.iterdir()}
    assert written == {WEIGHTS, "open_clip_config.json", "log.jsonl"}


def with_dropped_patches(settings: TrainSettings, tiny_model: Path) -> TrainSettings:
    """Return the settings with a model of which training drops half of each picture by chance."""
    folder = shutil.copytree(tiny_model, settings.output.with_name("dropping"))
    place = folder / "open_clip_config.json"
    described = json.loads(place.read_text())
    described["model_cfg"]["vision_cfg"]["patch_dropout"] = 0.5
    place.write_text(json.dumps(described))
    return replace(settings, model=str(folder))


def test_what_a_model_drops_by_chance_is_drawn_from_the_seed(
    settings: TrainSettings, tiny_model: Path
) -> None:
    settings = with_dropped_patches(settings, tiny_model)
    train(settings)
    again = replace(settings, output=settings.output.with_name("again"))
    train(again)
    interrupted = replace(settings, output=settings.output.with_name("interrupted"))
    interrupt(interrupted, 4)
    train(interrupted)
    assert digest(settings.output) == digest(again.output) == digest(interrupted.output)


def test_nothing_is_dropped_when_measuring(settings: TrainSettings, tiny_model: Path) -> None:
    settings = replace(settings, held_out=0.7)
    dropping = with_dropped_patches(settings, tiny_model)
    dropping = replace(dropping, output=settings.output.with_name("other"))
    assert train(dropping).recall_before == train(settings).recall_before


def test_equal_pictures_are_as_right_as_each_other(settings: TrainSettings) -> None:
    digests = [blake3.blake3(draw_picture(number)).digest() for number in range(24)]
    only_measures = held_out(digests, settings.held_out)
    kept, measured = only_measures.argmin(), only_measures.argmax()
    for number, path in enumerate(sorted(settings.data.glob("*.png"))):
        path.write_bytes(draw_picture(int(measured if number % 2 else kept)))
    report = train(settings)
    assert report.num_held_out == 12
    assert report.recall_before == {1: 1.0, 5: 1.0, 10: 1.0}


def test_weights_of_ones_own_are_trained_on(settings: TrainSettings, tmp_path: Path) -> None:
    train(settings)
    begun = settings.output / WEIGHTS
    onward = replace(
        settings,
        weights=begun,
        output=tmp_path / "onward",
        lock_image_tower=True,
        unlock_image_tower=False,
    )
    train(onward)
    before, after = load_file(begun), load_file(onward.output / WEIGHTS)
    assert torch.equal(after["visual.conv1.weight"], before["visual.conv1.weight"])


def test_another_seed_gives_another_model(settings: TrainSettings) -> None:
    train(settings)
    other = replace(settings, output=settings.output.with_name("other"))
    train(replace(other, loop=replace(settings.loop, seed=1)))
    assert digest(settings.output) != digest(other.output)


def test_a_checkpoint_of_another_run_is_refused(settings: TrainSettings) -> None:
    interrupt(settings, 2)
    with pytest.raises(TrainingError, match="another seed"):
        train(replace(settings, loop=replace(settings.loop, seed=1)))
    with pytest.raises(TrainingError, match="another held out share"):
        train(replace(settings, held_out=0.5))


def test_an_option_that_differs_from_the_run_before_is_named_before_a_model_is_loaded(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(settings, 2)
    loop = settings.loop
    others = {
        r"another preset; go on with --preset all": replace(settings, preset="last"),
        r"another number of epochs; go on with --epochs 3": replace(
            settings, loop=replace(loop, epochs=4)
        ),
        r"learning rate; go on with --lr 0\.001": replace(settings, loop=replace(loop, lr=0.1)),
        r"another seed; go on with --seed 0": replace(settings, loop=replace(loop, seed=1)),
        r"another precision; go on with --precision fp32": replace(settings, precision="bf16"),
        r"another way with equal pairs; go on with --positives left": replace(
            settings, positives="positive"
        ),
    }
    with monkeypatch.context() as patch:
        patch.delattr("rclip_like.train.start.load_model")
        for words, other in others.items():
            with pytest.raises(TrainingError) as refused:
                train(other)
            assert re.search(words, said(refused.value))
            assert f"or delete the folder {settings.output} to" in said(refused.value)
    with pytest.raises(TrainingError, match=r"another batch size; set batch_size to 8"):
        train(replace(settings, loop=replace(loop, batch_size=9)))
    with pytest.raises(TrainingError, match=r"another number of folds; set folds to 0"):
        train(replace(settings, folds=2))


def test_a_damaged_checkpoint_is_named(settings: TrainSettings) -> None:
    interrupt(settings, 2)
    checkpoint = settings.output / "checkpoint.pt"
    checkpoint.write_bytes(b"nonsense")
    with pytest.raises(TrainingError, match=r"checkpoint\.pt cannot be read"):
        train(settings)
    torch.save(["of another program"], checkpoint)
    with pytest.raises(TrainingError, match=r"checkpoint\.pt cannot be read"):
        train(settings)


def test_a_folder_with_other_things_is_left_alone(settings: TrainSettings) -> None:
    settings.output.mkdir()
    (settings.output / "letter.txt").write_text("dear")
    with pytest.raises(TrainingError, match=r"not empty .*letter\.txt"):
        train(settings)
    assert [path.name for path in settings.output.iterdir()] == ["letter.txt"]


def test_a_locked_image_tower_keeps_its_bits(settings: TrainSettings) -> None:
    train(replace(settings, lock_image_tower=True, unlock_image_tower=False))
    before = load_file(resolve(settings.model).weights)
    after = load_file(settings.output / WEIGHTS)
    for name, value in after.items():
        is_locked = name.startswith("visual.") and name != "visual.proj"
        assert torch.equal(value, before[name]) == is_locked, name


def test_locked_and_unlocked_towers_measure_the_same_before(settings: TrainSettings) -> None:
    locked = train(replace(settings, lock_image_tower=True, unlock_image_tower=False))
    unlocked = train(replace(settings, output=settings.output.with_name("unlocked")))
    assert locked.recall_before == unlocked.recall_before


def test_bad_pairs_are_skipped_counted_and_named(settings: TrainSettings) -> None:
    (settings.data / "003.png").write_bytes(draw_picture(3)[:-40])
    (settings.data / "004.txt").write_text("\n")
    report = train(settings)
    assert [Path(trouble.path.decode()).name for trouble in report.skipped] == [
        "004.png",
        "003.png",
    ]
    assert report.num_pairs + report.num_held_out == 22


def test_too_many_bad_pairs_stop_the_run(settings: TrainSettings) -> None:
    for index in range(4):
        (settings.data / f"{index:03}.txt").write_text("")
    stopped = "stopped: 4 of 24 pairs cannot be used, and at most {} may be; "
    with pytest.raises(TrainingError, match=stopped.format("one in ten")):
        train(settings)
    assert not settings.output.exists()
    settings.output.mkdir()
    with pytest.raises(TrainingError, match=stopped.format("5%")):
        train(replace(settings, tolerance=0.05))
    assert not [*settings.output.iterdir()]


def test_a_batch_larger_than_the_data_shrinks_and_says_so(settings: TrainSettings) -> None:
    report = train(replace(settings, loop=replace(settings.loop, batch_size=512)))
    assert report.batch_size == report.num_pairs
    assert report.num_steps == 3
    n = report.num_pairs
    assert report.notes == (f"batch size reduced to {n}, because there are only {n} pairs",)


def test_fewer_than_two_pairs_are_an_error(captioned: MakeData, settings: TrainSettings) -> None:
    one = replace(settings, data=captioned(1, "one"), held_out=0.0)
    with pytest.raises(TrainingError, match="at least two pairs"):
        train(one)


def test_a_pair_that_memory_does_not_hold_is_refused_before_the_first_step(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rclip_like.train.memory.memory_bytes", lambda: 1 << 20)
    steps: list[TrainProgress] = []
    with pytest.raises(
        TrainingError, match=r"a step takes about .* GB of memory with 1 pair at a time"
    ) as told:
        train(settings, on_progress=steps.append)
    assert str(told.value).endswith("; set lock_image_tower, which takes less memory")
    assert not [step for step in steps if step.stage == "learning"]
    with pytest.raises(TrainingError, match=r"there are 0\.0 GB$"):
        train(replace(settings, lock_image_tower=True, unlock_image_tower=False))


@pytest.mark.parametrize(
    "error", [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes")]
)
def test_memory_that_runs_out_in_a_step_ends_in_the_same_remedy(
    error: Exception, settings: TrainSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("rclip_like.train.learner.Learner.learn", fail)
    with pytest.raises(TrainingError, match="piece_size of 4, or set lock_image_tower"):
        train(settings)


def set_memory(monkeypatch: pytest.MonkeyPatch, pair_bytes: float) -> None:
    memory = StepMemory(pair_bytes, state_bytes=0, own_bytes=0, free_bytes=1 << 34)
    monkeypatch.setattr("rclip_like.train.start.measure_step", lambda *_: memory)


def test_an_interrupted_run_keeps_its_pieces(
    settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_memory(monkeypatch, 2.0**29)
    whole = replace(settings, output=tmp_path / "whole")
    train(whole)
    interrupt(settings, 2)
    set_memory(monkeypatch, 2.0**27)
    train(settings)
    other = replace(settings, output=tmp_path / "other")
    train(other)
    assert digest(settings.output) == digest(whole.output) != digest(other.output)


def test_looking_for_the_memory_changes_nothing(
    settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = replace(settings, output=tmp_path / "looked")
    train(looked)
    set_memory(monkeypatch, 1.0)
    train(settings)
    assert digest(settings.output) == digest(looked.output)


@pytest.mark.parametrize("lock", [False, True])
def test_a_run_in_bf16_learns_and_writes_the_same_kind_of_model(
    lock: bool, settings: TrainSettings
) -> None:
    report = train(
        replace(settings, precision="bf16", lock_image_tower=lock, unlock_image_tower=not lock)
    )
    assert report.last_loss is not None
    assert report.first_loss is not None
    assert report.last_loss < report.first_loss
    tensors = load_file(settings.output / WEIGHTS)
    assert {value.dtype for value in tensors.values() if value.is_floating_point()} == {
        torch.float32
    }


def test_bf16_computes_something_else_than_fp32_and_nearly_the_same(
    settings: TrainSettings, tmp_path: Path
) -> None:
    exact = train(replace(settings, precision="fp32", output=tmp_path / "exact"))
    rough = train(replace(settings, precision="bf16"))
    assert exact.first_loss is not None
    assert exact.first_loss != rough.first_loss
    assert exact.first_loss == pytest.approx(rough.first_loss, rel=0.05)
    assert digest(tmp_path / "exact") == digest(
        train(replace(settings, output=tmp_path / "o")).output
    )


def test_a_precision_that_training_does_not_have_is_refused(settings: TrainSettings) -> None:
    with pytest.raises(UsageError, match="fp32 and bf16"):
        train(replace(settings, precision="fp16"))


def test_a_run_goes_on_in_its_own_precision_alone(settings: TrainSettings) -> None:
    interrupt(settings, steps=2)
    with pytest.raises(TrainingError, match="another precision"):
        train(replace(settings, precision="bf16"))


def test_numbers_that_make_no_sense_are_errors(settings: TrainSettings) -> None:
    for wrong in ({"epochs": 0}, {"batch_size": 1}, {"lr": 0.0}, {"lr": float("nan")}):
        with pytest.raises(UsageError, match="makes no sense"):
            train(replace(settings, loop=replace(settings.loop, **wrong)))
    assert not settings.output.exists()


def test_a_loss_that_is_not_finite_stops_and_names_step_and_files(settings: TrainSettings) -> None:
    stopped = r"the loss of step [23] is nan; the batch holds .+ and [1-5] more; there is no check"
    with pytest.raises(TrainingError, match=stopped):
        train(replace(settings, loop=LoopOptions(lr=0.9, weight_decay=1e38, batch_size=8)))


def test_sixteen_pairs_are_learnt_by_heart(
    captioned: MakeData, tiny_model: Path, tmp_path: Path
) -> None:
    loop = LoopOptions(epochs=300, batch_size=16, lr=1e-3, weight_decay=0.0)
    settings = TrainSettings(captioned(16), tmp_path / "out", str(tiny_model), loop=loop, folds=0)
    for text in settings.data.glob("*.txt"):
        text.write_text(text.read_text().splitlines()[0])
    settings = replace(settings, preset="all", unlock_image_tower=True, held_out=0.0)
    report: TrainReport = train(settings)
    assert report.recall_after == {}
    assert report.last_loss is not None
    assert report.last_loss < 0.05


def test_shards_train_as_folders_do(settings: TrainSettings, tmp_path: Path) -> None:
    train(settings)
    members = {path.name: path.read_bytes() for path in sorted(settings.data.iterdir())}
    shard = write_shard(tmp_path / "data.tar.gz", members)
    other = replace(settings, data=shard, output=tmp_path / "from-shard")
    train(other)
    assert digest(other.output) == digest(settings.output)


def test_the_configuration_keeps_the_models_own_preprocessing(settings: TrainSettings) -> None:
    train(settings)
    assert resolve(str(settings.output)).preprocessing == resolve(settings.model).preprocessing
    described = json.loads((settings.output / "open_clip_config.json").read_text())
    assert described["model_cfg"] == dict(resolve(settings.model).config)
