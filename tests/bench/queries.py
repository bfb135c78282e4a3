"""Start-up and text queries, beside the peer's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench.agreement import check_answers
from bench.measure import Summary, details, in_turn, program
from bench.peer import model
from bench.report import Result
from bench.rows import clipfind_rows, rclip_rows
from bench.scale import Scale
from bench.tools import Clipfind, Rclip, Tool, Word

_NUM_FEW = 1_000


def measure_help(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Time `--help` of both."""
    ours, album = clipfind_rows(_NUM_FEW, model())
    programs = [program(ours, album, lambda _: ("--help",))]
    if has_peer:
        programs.append(program(rclip_rows(ours, _NUM_FEW), album, lambda _: ("--help",)))
    yield _timed("help", in_turn(programs, scale.repeats), scale)


def measure_queries(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Time queries over a thousand rows: new words by two models, and words asked before."""
    same, album = clipfind_rows(_NUM_FEW, model())
    builtin, _ = clipfind_rows(_NUM_FEW, "builtin")
    programs = [
        program(same, album, _new_words(same)),
        program(builtin, album, _new_words(builtin)),
        program(same, album, lambda _: same.showing("a red car")),
    ]
    if has_peer:
        peer = rclip_rows(same, _NUM_FEW)
        _check(same, peer)
        programs.append(program(peer, album, _new_words(peer)))
    *ours, last = in_turn(programs, scale.repeats)
    theirs = [last] if has_peer else []
    ours = ours if has_peer else [*ours, last]
    yield from _query_results([ours[0], *theirs], scale)
    yield _timed("query-builtin", [ours[1], *theirs], scale, rows=_NUM_FEW, model="builtin")
    yield _timed("query-again", [ours[2], *theirs], scale, rows=_NUM_FEW)


def measure_rows(scale: Scale, has_peer: bool) -> Iterator[Result]:
    """Time a new query over more and more rows, and look at its memory."""
    for count in scale.rows:
        ours, album = clipfind_rows(count, model())
        tools: list[Tool] = [ours, *([rclip_rows(ours, count)] if has_peer else [])]
        summaries = in_turn([program(t, album, _new_words(t)) for t in tools], scale.repeats)
        yield _timed(f"rows-{count}", summaries, scale, rows=count)
        if count >= 100_000:
            yield _memory(f"rows-{count}-memory", summaries, scale, rows=count)


def _check(ours: Clipfind, peer: Rclip) -> None:
    exact, album = clipfind_rows(_NUM_FEW, ours.model, "fp32")
    check_answers(exact, peer, album)


def _new_words(tool: Tool) -> Callable[[int], Sequence[Word]]:
    return lambda n: tool.showing(f"a red car number {n}")


def _query_results(summaries: Sequence[Summary], scale: Scale) -> Iterator[Result]:
    yield _timed("query", summaries, scale, rows=_NUM_FEW)
    yield _of("query-cpu", [each.cpu_s for each in summaries], summaries, scale)
    yield _memory("query-memory", summaries, scale)


def _timed(name: str, summaries: Sequence[Summary], scale: Scale, **more: object) -> Result:
    return _of(name, [each.wall_s for each in summaries], summaries, scale, **more)


def _memory(name: str, summaries: Sequence[Summary], scale: Scale, **more: object) -> Result:
    return _of(name, [each.private_mb for each in summaries], summaries, scale, **more)


def _of(
    name: str,
    values: Sequence[float],
    summaries: Sequence[Summary],
    scale: Scale,
    **more: object,
) -> Result:
    reference = values[1] if len(values) > 1 else None
    return Result(name, values[0], reference, details(summaries, scale.repeats, **more))
