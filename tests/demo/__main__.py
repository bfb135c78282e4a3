"""Show clipfind at work: python -m demo [FOLDER] writes the album there and searches it."""

from __future__ import annotations

import sys
from pathlib import Path

from demo.album import CAT, NAMES, PHOTOS, write_album, write_altered_copy
from demo.questions import ENOUGH, Asker, ask_all


def main(folder: str = "album") -> int:
    """Run the demonstration; return 0 when the cat came first each time and most questions hit."""
    asker = Asker(Path(folder).absolute())
    _lay_out(asker)
    for arguments in _searches_for_the_cat(asker.album.name):
        if not _is_cat(asker, asker.show(*arguments)):
            print("The cat did not come first.", file=sys.stderr)
            return 1
    return 0 if _show_table(asker) >= ENOUGH else 1


def _lay_out(asker: Asker) -> None:
    write_album(asker.album)
    write_altered_copy(CAT, asker.folder / "copy.jpg")
    print(f"{len(PHOTOS)} photos lie in {asker.album}, under a camera's names:\n")
    for name, source in PHOTOS.items():
        print(f"  {name:22}{Path(source).stem}")
    print("\nIn .demo beside them: this demonstration's index, and copy.jpg, which is the cat")
    print("cropped, with a watermark, smaller and encoded anew.")


def _searches_for_the_cat(album: str) -> tuple[tuple[str, ...], ...]:
    copy = f"./{album}/.demo/copy.jpg"
    return (
        ("cat", album, "-t", "3"),
        (copy, album, "-t", "3"),
        ("cat", "--add", copy, album, "-t", "3"),
    )


def _is_cat(asker: Asker, output: str) -> bool:
    first = output.partition("\n")[0]
    return first.endswith(f"\t{asker.album.name}/{NAMES[CAT]}")


def _show_table(asker: Asker) -> int:
    print("\nTwelve questions, and the photo that came first:\n")
    right = 0
    for query, answer, is_right in ask_all(asker):
        right += is_right
        shown = Path(PHOTOS.get(answer, "nothing")).stem
        print(f"  {query:18}{answer:22}{shown:20}{'right' if is_right else 'wrong'}", flush=True)
    print(f"\n{right} of 12 are right. For photos of your own, the program is here:")
    print(f"  {Path(sys.executable).with_name('clipfind')}")
    return right


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
