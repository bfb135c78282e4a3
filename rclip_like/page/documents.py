"""Documents of one HTML file: pictures and styles are inside, they load nothing, run no script."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: object) -> Iterator[str]:
    """Yield the parts of the document that a template in `templates` makes of the values.

    It escapes every text. An iterator among the values is asked as the parts are.
    """
    yield from _environment().get_template(template).generate(**values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FunctionLoader, StrictUndefined  # 0.1 s that others do without

    folder = resources.files("rclip_like.page") / "templates"
    loader = FunctionLoader(lambda name: (folder / name).read_text("utf-8"))
    return Environment(
        autoescape=True, loader=loader, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
