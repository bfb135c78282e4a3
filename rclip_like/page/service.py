"""What the page's routes answer: searches, facts, thumbnails, lists; JSON-ready and thread-safe."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote_from_bytes

from rclip_like.errors import ClipfindError, Note, StoreError, UsageError, counted, full_sentence
from rclip_like.images.thumbnails import ThumbnailCache, Wanted
from rclip_like.library.browsing import NOTHING_INDEXED, Browsing, PageRequest
from rclip_like.library.saved import saved_name
from rclip_like.page.copies import Copies
from rclip_like.page.indexing import BackgroundRun
from rclip_like.page.items import facts_of, item_of, match_without_score
from rclip_like.page.pasted import GONE, Pasted
from rclip_like.page.saved import SavedForms, address_of
from rclip_like.page.sheet import Heading, contact_sheet, shown
from rclip_like.page.state import (
    PASTED,
    PageSearch,
    State,
    Words,
    parse_state,
    with_date,
)
from rclip_like.page.thumbnails import ThumbnailMaker
from rclip_like.page.wording import about_absence, in_words, quoted
from rclip_like.query import Kind, Term
from rclip_like.settings import IndexSettings, ReadSettings, SearchSettings
from rclip_like.values import VIDEO_EXTENSIONS, opened_extensions

if TYPE_CHECKING:
    from rclip_like.library.library import Library
    from rclip_like.page.thumbnails import Answer
    from rclip_like.search.browsing import MatchPage
    from rclip_like.store import StoredFile
    from rclip_like.values import Embedding, Root

_PUT_PATH = f"{PASTED} stands for your picture: put its path there."
MOST_ITEMS = 1000
"""Of one page of results."""
MOST_SELECTED = 10_000
_MOST_FOLDERS = 5000
_DIGEST_BYTES = 32
_NOT_HERE = "this picture is not here: its file is gone, has changed, or is not served"


class NotHere(ClipfindError):
    """What is asked for is not among what is served."""


class ServiceSettings(NamedTuple):
    """How the page works.

    indexing: how the served folders are brought up to date in the background; None: not at all.
    spell: puts a search as a command line; saved: how one is kept under a name. spell_copies: puts
    a script for the copies below some paths (None: all) as one. say: puts an error or a note into
    words.
    """

    searching: SearchSettings = SearchSettings()
    read: ReadSettings = ReadSettings()
    indexing: IndexSettings | None = None
    cache_bytes: int = 500_000_000
    spell: Callable[[PageSearch], str] = lambda search: ""
    spell_copies: Callable[[tuple[bytes, ...] | None], str] = lambda paths: ""
    say: Callable[[ClipfindError | str], str] = str
    saved: SavedForms = SavedForms()


class Service:
    """Answers the page, of what is indexed under the roots (None: everywhere).

    A picture is named by its content's digest in hex, and answered only if a file under the roots
    still has this content. Methods raise NotHere for what is not served, and other ClipfindErrors
    for what cannot be done; all may be called by several threads.
    """

    def __init__(
        self, library: Library, roots: Sequence[Root] | None, settings: ServiceSettings
    ) -> None:
        self._library, self._roots, self._settings = library, roots, settings
        self.say = settings.say
        self._browsing: Browsing = library.browse(roots, settings.searching)
        self._cache = ThumbnailCache(settings.cache_bytes)
        self._maker = ThumbnailMaker(self._cache, settings.read)
        self._pasted = Pasted(lambda: library.model, settings.read)
        self._run = BackgroundRun(library, roots, settings.say)
        self.copies = Copies(library, self._browsing, settings)

    def start(self) -> None:
        """Start what works in the background. Call it once the page is served."""
        Thread(target=self._warm_up, daemon=True).start()
        if self._settings.indexing is not None:
            self._run.start(self._settings.indexing)

    def stop(self) -> None:
        """End all that works in the background; what was indexed is kept."""
        self.copies.stop()
        self._run.stop()
        self._maker.close()

    def _warm_up(self) -> None:
        """Load what the first search needs, before anybody has typed it."""
        with suppress(ClipfindError):  # the search itself will say so
            self._library.model.texts([""])

    # Searching.

    def search(self, query: bytes) -> dict[str, object]:
        """Return a page of what the query string asks for; without terms, the newest pictures."""
        from rclip_like.search.browsing import MOST_SORTED

        began = time.perf_counter()
        state, date, about_date = self._without_date(parse_state(query))
        request = self._request_of(state)
        if state.terms:
            terms, embedded = self._terms_of(state)
            found = self._browsing.ranked(terms, embedded, request)
            is_by_rank = state.sort == "score"
            most = request.start + len(found.matches) if is_by_rank else MOST_SORTED
            command = self._settings.spell(self._page_search(terms, state, most))
        else:
            embedded, command = {}, ""
            found = self._browsing.unranked(request)
        return {
            "total": found.total,
            "start": request.start,
            "items": [*map(item_of, found.matches, found.copies)],
            "next": found.following,
            "notes": [
                full_sentence(note)
                for note in (
                    *about_date,
                    *about_absence(state, found),
                    *self._notes(found),
                    *map(self._settings.say, self._browsing.place_notes(request)),
                )
            ],
            "missing": "" if found.matches else self._about_missing(request),
            "date": date,
            "command": command,
            "command_note": _PUT_PATH if command and embedded else "",
            "presence": None if found.presence is None else round(found.presence, 4),
            "milliseconds": round((time.perf_counter() - began) * 1000, 1),
        }

    def _without_date(self, asked: State) -> tuple[State, str, list[str]]:
        """Return what to search for, the date taken out of the words or "", and what to say of it.

        A date that leaves no picture stays among the words.
        """
        found = with_date(asked)
        if found is None:
            return asked, "", []
        state, dated = found
        request = self._request_of(state)
        if not self._browsing.has_any(request):
            none = f"there are no {dated.pictures()} here"
            return asked, "", [f"{none}, so {quoted(asked.words)} is searched as words"]
        number = self._browsing.count_undated(request)
        undated = f"; {counted(number, 'picture')} without a date left out" if number else ""
        about = f"only {dated.pictures()} are searched for {quoted(state.words)}{undated}"
        return state, dated.date, [about]

    def _request_of(self, state: State) -> PageRequest:
        return PageRequest(
            start=state.start,
            most=min(state.most, MOST_ITEMS),
            folder=state.folder,
            all_hidden=state.all_hidden,
            filters=state.filters,
            sort=state.sort,
            words=self._words_of(state),
            only_likely=state.only_likely,
        )

    def _words_of(self, state: State) -> Words:
        """Return whether the words are looked for, which they are for people."""
        return state.look_for_words or self._settings.searching.words or "on"

    def _terms_of(self, state: State) -> tuple[list[Term], dict[str, Embedding]]:
        """Return the terms as a search takes them; indexed pictures as paths."""
        terms: list[Term] = []
        embedded: dict[str, Embedding] = {}
        for term in state.terms:
            if isinstance(term, Term):
                terms.append(term)
            elif term.is_pasted:
                picture = self._pasted.find(term.id)
                if picture is None:
                    raise NotHere(GONE)
                embedded[term.id] = picture.embedding
                terms.append(Term(term.weight, Kind.PIXELS, term.id, term.id))
            else:
                path = os.fsdecode(self.files(term.id)[0].path)
                typed = f"{term.typed_weight}{path}"
                terms.append(Term(term.weight, Kind.PICTURE, path, typed))
        return terms, embedded

    def _notes(self, found: MatchPage) -> Iterator[str]:
        """Yield notes for people, without the commands that a terminal shows."""
        if found.notes == (NOTHING_INDEXED,) and self._run.is_running():
            yield "nothing is indexed yet; pictures appear as they are indexed"
        else:
            for note in found.notes:
                yield note.reason if isinstance(note, Note) else self.say(note)

    def _about_missing(self, request: PageRequest) -> str:
        return shown(os.fsencode(full_sentence(self._browsing.missing_note(request))))

    def _page_search(self, terms: Sequence[Term], state: State, most: int) -> PageSearch:
        roots = None if self._roots is None else tuple(root.path for root in self._roots)
        if state.folder is not None:
            roots = (state.folder,)
        return PageSearch(
            terms=tuple(terms),
            roots=roots,
            all_hidden=state.all_hidden,
            most=max(1, most),
            filters=state.typed_filters,
            reads_dates=state.reads_dates,
            sort=state.sort,
            words=self._words_of(state),
            only_likely=state.only_likely,
        )

    # Saved searches.

    def saved_searches(self) -> list[dict[str, object]]:
        """Return the saved searches by name, each with its address, None if it has none here."""
        usual = self._words_of(State())
        found: list[dict[str, object]] = []
        for each in self._library.saved_searches():
            search = self._settings.saved.search(each.arguments)
            address = None if search is None else address_of(search, self._browsing, usual)
            found.append({"name": each.name, "address": address})
        return found

    def save_search(self, name: str, query: bytes, *, replace: bool) -> dict[str, object]:
        """Save what the query string asks for; return the name, and whether it was free.

        Spaces in a name become dashes. Raises UsageError for other names that are not words, and
        if the search asks for an unknown @name.
        """
        state = parse_state(query)
        if not state.terms:
            raise UsageError("there is no search yet: say in words what to look for")
        terms, _ = self._terms_of(state)
        self._library.refuse_unknown_names(terms)
        arguments = self._settings.saved.arguments(self._page_search(terms, state, 0))
        name = saved_name("-".join(name.split()))
        is_saved = self._library.save_search(name, arguments, None, replace=replace)
        return {"name": name, "saved": is_saved}

    def remove_search(self, name: str) -> bool:
        """Remove a saved search; return whether there was one of this name."""
        return self._library.remove_search(name)

    # Pictures.

    def files(self, name: str) -> list[StoredFile]:
        """Return the files under the roots that have the content, as it was indexed, by path.

        Each was looked at just now. Raises NotHere if there is none.
        """
        found = self._browsing.files([_digest_of(name)])
        if not found:
            raise NotHere(_NOT_HERE)
        return next(iter(found.values()))

    def shown_folders(self) -> list[bytes]:
        """Return the folders below which pictures are shown, without links in their paths."""
        if self._roots is None:
            return self._library.walked_folders()
        return [os.path.dirname(root.path) if root.is_file else root.path for root in self._roots]

    def picture(self, name: str) -> dict[str, object]:
        """Return what is known of a picture: the paths of its content, size, date, camera."""
        return facts_of(name, self.files(name))

    def thumbnail(self, name: str, size: int, second: float | None = None) -> Answer:
        """Return what will hold the thumbnail, of SMALL or LARGE; see ThumbnailMaker.request.

        second: the moment of a video that is to be seen.
        """
        stored = self.files(name)[0]
        return self._maker.request(Wanted(stored.path, stored.digest, second), size)

    # Pasted pictures.

    def paste(self, content: bytes) -> str:
        """Keep a picture, given as the bytes of a file, in memory; return its id."""
        return self._pasted.add(content)

    def pasted_thumbnail(self, name: str) -> bytes:
        """Return the thumbnail of a pasted picture as WebP."""
        picture = self._pasted.find(name)
        if picture is None:
            raise NotHere(GONE)
        return picture.thumbnail

    # Around the pictures.

    def facts(self) -> dict[str, object]:
        """Return what the pictures can be filtered by: cameras, and countries and states.

        And whether videos are read, and where words are looked for unless the address says it.
        """
        return {
            "cameras": self._browsing.cameras(),
            "places": self._browsing.regions(),
            "words": self._words_of(State()),
            "videos": opened_extensions() >= VIDEO_EXTENSIONS,
        }

    def folders(self) -> list[dict[str, object]]:
        """Return the folders that hold pictures, in order of path; the deepest left out of many."""
        folders = self._browsing.folders()
        deepest = max((folder.depth for folder in folders), default=0)
        while len(folders) > _MOST_FOLDERS and deepest:
            folders = [folder for folder in folders if folder.depth < deepest]
            deepest -= 1
        return [
            {
                "name": shown(folder.path if folder.depth == 0 else os.path.basename(folder.path)),
                "address": quote_from_bytes(folder.path),
                "count": folder.number,
                "depth": folder.depth,
            }
            for folder in folders[:_MOST_FOLDERS]
        ]

    def progress(self) -> dict[str, object]:
        """Return how far the run is that brings the index up to date, if there is one.

        Where the index cannot be read, none counts as indexed: searches say why.
        """
        try:
            indexed = self._browsing.count()
        except StoreError:
            indexed = 0  # what the run says of itself must reach the page all the same
        progress = self._run.progress(indexed)
        return progress._asdict() | {"sentence": full_sentence(progress.sentence)}

    # What is done with a selection.

    def paths(self, names: Sequence[str]) -> list[bytes]:
        """Return the path of each picture, in order; those that are not here are left out."""
        return [stored.path for stored in self._selected(names)]

    def sheet(self, names: Sequence[str], query: bytes) -> Iterator[str]:
        """Yield the parts of the contact sheet of the pictures, in order."""
        state, _, _ = self._without_date(parse_state(query))
        matches = [
            match_without_score(rank, stored)
            for rank, stored in enumerate(self._selected(names), 1)
        ]
        details = []
        if state.folder is not None:
            details.append(("folder", shown(state.folder)))
        details += [(name, shown(value.encode())) for name, value in state.typed_filters]
        details.append(("made", datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")))
        # No command line: none finds those that somebody has picked out.
        searched = in_words(state)
        title = f"{counted(len(matches), 'picture')} selected{searched and f' from: {searched}'}"
        heading = Heading(title, tuple(details))
        return contact_sheet(heading, matches, self._cache, self._settings.read, say=self.say)

    def hide(self, names: Sequence[str]) -> int:
        """Leave the pictures out of searches; return how many were not hidden before."""
        return self._library.hide_contents(self._digests_here(names))

    def unhide(self, names: Sequence[str]) -> int:
        """Let searches show the pictures again; return how many were hidden."""
        return self._library.unhide_contents(self._digests_here(names))

    def _digests_here(self, names: Sequence[str]) -> list[bytes]:
        return [stored.digest for stored in self._selected(names)]

    def _selected(self, names: Sequence[str]) -> list[StoredFile]:
        digests = [_digest_of(name) for name in dict.fromkeys(names)]
        return [files[0] for files in self._browsing.files(digests).values()]


def _digest_of(name: str) -> bytes:
    try:
        digest = bytes.fromhex(name)
    except ValueError:
        digest = b""
    if len(digest) != _DIGEST_BYTES or digest.hex() != name:
        raise NotHere(_NOT_HERE)
    return digest
