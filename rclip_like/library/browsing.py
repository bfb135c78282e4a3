"""The indexed pictures under some roots, to be looked through page by page."""

from __future__ import annotations

import os
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from rclip_like.errors import Note, Remedy, RootError
from rclip_like.files import lies_in
from rclip_like.library.reach import missing_note, place_notes
from rclip_like.query import Kind, Term
from rclip_like.settings import Filters
from rclip_like.values import Root
from rclip_like.walk import Scope
from rclip_like.walk.patterns import SEPARATOR

if TYPE_CHECKING:
    from rclip_like.models.model import Model
    from rclip_like.search.browsing import MatchPage, Ranking, Unranked, View
    from rclip_like.settings import SearchSettings
    from rclip_like.store import Store, StoredFile
    from rclip_like.values import Embedding, Pixels

    Order: TypeAlias = Ranking | Unranked

_MOST_ORDERS, _MOST_ROWS = 16, 4_000_000
"""Of 12 bytes each; the last order is kept whatever its length."""
NOTHING_INDEXED = Note("nothing is indexed for this model yet", Remedy.INDEX)


class PageRequest(NamedTuple):
    """Which pictures are asked for, in what order: `most` of them behind the first `start`.

    folder: the absolute path of a folder in the roots, to show what lies in it alone. sort and
    words: as in SearchSettings, though of ranked matches only the first are sorted otherwise.
    only_likely: whether to leave out what does not seem to show what the words say.
    """

    start: int = 0
    most: int = 100
    folder: bytes | None = None
    all_hidden: bool = False
    filters: Filters = Filters()
    sort: Literal["score", "date", "-date", "path"] = "score"
    words: Literal["off", "on", "only"] = "off"
    only_likely: bool = False

    @property
    def selection(self) -> PageRequest:
        """The request for the first page, of which the others are further parts."""
        return self._replace(start=0, most=0)


class Folder(NamedTuple):
    """A folder, how many pictures lie in it and in those below, and how deep it lies in its root.

    The depth of a root is 0.
    """

    path: bytes
    number: int
    depth: int


class Browsing:
    """The pictures of a library under some roots (None: all), put in order once, shown in pages.

    An order is kept while it is among those asked for last. Its first page is ranked anew after
    something was written to the index; the next ones go on with the order of the first. Files are
    looked at when they are shown. Nothing is written. Any thread may use it, several at a time.
    Every method raises StoreError where the index fails.
    """

    def __init__(
        self,
        connect: Callable[[], Store | None],
        model: Callable[[], Model],
        read_given: Callable[[Sequence[Term]], Mapping[str, Pixels | Embedding]],
        roots: Sequence[Root] | None,
        settings: SearchSettings,
    ) -> None:
        self._connect, self._model, self._read_given = connect, model, read_given
        self.roots = roots
        if settings.min_score == "auto":  # each request says whether
            settings = settings._replace(min_score=None)
        self.settings = settings._replace(collapse=True, cache_texts=False)
        self._orders: OrderedDict[object, tuple[object, Order]] = OrderedDict()
        self._lock = Lock()
        self._folders: tuple[object, list[Folder]] = None, []
        self._states: dict[bytes | None, tuple[object, bytes]] = {}

    def ranked(
        self, terms: Sequence[Term], embedded: Mapping[str, Embedding], request: PageRequest
    ) -> MatchPage:
        """Return a page of matches, best first: what `Library.search` gives, equal ones once.

        embedded: the embeddings of pictures in memory, unit float32 (D,), by the term's value.
        Raises RootError for a folder elsewhere, UsageError for terms that cancel out, and
        PictureError for a picture that cannot be read.
        """
        from rclip_like.search.asking import ask
        from rclip_like.search.browsing import MatchPage, Ranking, ranked_page
        from rclip_like.search.checks import MatrixDisagrees

        store, model = self._connect(), self._model()
        model_id = store.model_id(model.specification.fingerprint) if store else None
        if store is None or model_id is None:
            return MatchPage((), notes=(NOTHING_INDEXED,))
        # The order of ranks is kept; sorting some of the matches otherwise is quick.
        key = (tuple(terms), request.selection._replace(sort="score"))
        state, kept = self._order_of(key)
        if isinstance(kept, Ranking):
            with self._view(store, request) as view:
                if request.start or state == store.state:
                    try:
                        return kept.page(view, request.start, request.most)
                    except MatrixDisagrees:  # since a row was written meanwhile
                        pass
        if isinstance(kept, Ranking) and all(term.kind is not Kind.NAMED for term in terms):
            asked = kept.asked
        else:  # a name may stand for other pictures by now
            given = {**self._read_given(terms), **embedded}
            settings = self._settings_for(request)
            asked = ask(store.embeddings(model_id), model, terms, given, settings)
        with self._view(store, request) as view:
            ranking = Ranking(view, model_id, asked, model.specification.name)
            self._remember(key, store.state, ranking)
            return ranked_page(ranking, view, request.start, request.most)

    def unranked(self, request: PageRequest) -> MatchPage:
        """Return a page of the pictures without scores, sorted by date or path.

        The newest first, unless another order than that of scores is asked for. Raises RootError
        for a folder elsewhere.
        """
        from rclip_like.search.browsing import MatchPage, Unranked

        store = self._connect()
        if store is None:
            return MatchPage((), notes=(NOTHING_INDEXED,))
        with self._view(store, request) as view:
            key = (None, request.selection._replace(words="off", only_likely=False))
            state, order = self._order_of(key)
            if not isinstance(order, Unranked) or (request.start == 0 and state != store.state):
                order = Unranked(view)
                self._remember(key, store.state, order)
            return order.page(view, request.start, request.most)

    def files(self, digests: Sequence[bytes]) -> dict[bytes, list[StoredFile]]:
        """Return, by digest, the files of each content that are as they were indexed.

        Those under the roots, in order of path bytes. Contents without such a file are left out.
        """
        from rclip_like.search.checks import FileCheck
        from rclip_like.store.contents import files_of_digests

        store = self._connect()
        if store is None:
            return {}
        with self._view(store, PageRequest()) as view:
            check = FileCheck(store, view.scope)
            found = files_of_digests(store, digests, view.roots).values()
            fresh = [[each for each in some if check.look_at(each) == "fresh"] for some in found]
        by_digest = {some[0].digest: some for some in fresh if some}
        return {digest: by_digest[digest] for digest in digests if digest in by_digest}

    def digest_at(self, path: bytes) -> bytes | None:
        """Return the digest of what the file at this path held when it was indexed."""
        store = self._connect()
        return None if store is None else store.digest_at(path)

    def folders(self) -> list[Folder]:
        """Return the folders with pictures in them or in those below, in order of path bytes.

        They begin with the roots; without roots, with the folders that were indexed.
        """
        from rclip_like.store.contents import paths

        store = self._connect()
        if store is None:
            return []
        with self._view(store, PageRequest()) as view:
            state, kept = self._folders
            if state != store.state:
                tops = self.roots if self.roots is not None else store.walked_roots()
                direct = _direct_numbers(paths(store, view.roots), view.scope)
                kept = _folders(direct, {root.path for root in tops})
                self._folders = store.state, kept
            return kept

    def cameras(self) -> list[str]:
        """Return the names of the cameras that took the pictures, in order."""
        from rclip_like.store.contents import cameras_of

        store = self._connect()
        return [] if store is None else cameras_of(store, self.roots)

    def regions(self) -> list[str]:
        """Return the countries, then the states, in which the pictures were taken."""
        from rclip_like.store.contents import regions_of

        store = self._connect()
        return [] if store is None else regions_of(store, self.roots)

    def has_any(self, request: PageRequest) -> bool:
        """Return whether any picture passes, whatever the query. Raises RootError as above."""
        from rclip_like.store.contents import count_passing

        store = self._connect()
        if store is None:
            return False
        with self._view(store, request) as view:
            return (
                count_passing(store, view.roots, request.filters, all_hidden=request.all_hidden) > 0
            )

    def count_undated(self, request: PageRequest) -> int:
        """Return how many files there say no date. Raises RootError for a folder elsewhere."""
        store = self._connect()
        roots = self.roots if request.folder is None else self.within(request.folder)
        return 0 if store is None else store.count_undated(roots)

    def place_notes(self, request: PageRequest) -> tuple[str, ...]:
        """Say why the place that the filters ask for may find nothing; nothing without one."""
        roots = self.roots if request.folder is None else self.within(request.folder)
        return place_notes(self._connect(), roots, request.filters)

    def missing_note(self, request: PageRequest) -> str:
        """Say that nothing that is asked for is there now, as on a disk that is not mounted.

        "" where any of it is. Raises RootError for a folder elsewhere.
        """
        roots = self.roots if request.folder is None else self.within(request.folder)
        return missing_note(self._connect(), roots)

    def count(self) -> int:
        """Return how many files are indexed under the roots."""
        store = self._connect()
        return 0 if store is None else store.count_files(self.roots)

    def state_of_files(self, folder: bytes | None) -> bytes:
        """Return a value that changes with the indexed files in a folder (None: all) and only then.

        Raises RootError for a folder elsewhere.
        """
        from rclip_like.store.contents import state_of_files

        roots = self.roots if folder is None else self.within(folder)
        store = self._connect()
        if store is None:
            return b""
        with self._lock:
            state, kept = self._states.get(folder, (None, b""))
        with store.snapshot():
            if state != store.state:
                kept = state_of_files(store, roots)
                with self._lock:
                    self._states = {folder: (store.state, kept)}
        return kept

    @contextmanager
    def _view(self, store: Store, request: PageRequest) -> Iterator[View]:
        from rclip_like.search.browsing import View

        roots = self.roots if request.folder is None else self.within(request.folder)
        scope = Scope(self.roots, self.settings.walk)
        with store.snapshot():
            yield View(store, roots, scope, self._settings_for(request))

    def _settings_for(self, request: PageRequest) -> SearchSettings:
        return self.settings._replace(
            all_hidden=request.all_hidden,
            filters=request.filters,
            sort=request.sort,
            words=request.words,
            min_score="auto" if request.only_likely else self.settings.min_score,
        )

    def within(self, folder: bytes) -> list[Root]:
        """Return the part of the roots that lies in a folder. Raises RootError for nothing."""
        inside = os.path.join(folder, b"")
        if self.roots is None or any(
            not root.is_file and lies_in(folder, root.path) for root in self.roots
        ):
            return [Root(folder, folder)]
        within = [root for root in self.roots if root.path.startswith(inside)]
        if not within:
            raise RootError("this folder is not among those that are shown here")
        return within

    def _order_of(self, key: object) -> tuple[object, Order | None]:
        """Return the order kept for this, and the state of the index that it is of."""
        with self._lock:
            if key not in self._orders:
                return None, None
            self._orders.move_to_end(key)
            return self._orders[key]

    def _remember(self, key: object, state: object, order: Order) -> None:
        with self._lock:
            self._orders[key] = state, order
            self._orders.move_to_end(key)
            rows = sum(len(each) for _, each in self._orders.values())
            while len(self._orders) > _MOST_ORDERS or (rows > _MOST_ROWS and len(self._orders) > 1):
                rows -= len(self._orders.popitem(last=False)[1][1])


def _direct_numbers(every: Iterator[bytes], scope: Scope) -> Counter[bytes]:
    """Return how many of the paths lie directly in each folder, without those not wanted."""
    if scope.has_patterns:
        every = filter(scope.wants, every)
    direct: Counter[bytes] = Counter()
    one: dict[bytes, bytes] = {}
    for path in every:
        folder = path.rpartition(SEPARATOR)[0] or SEPARATOR
        direct[folder] += 1
        one[folder] = path
    for folder, path in one.items():  # without patterns, a folder is wanted or not
        if not scope.wants(path):
            del direct[folder]
    return direct


def _folders(direct: Mapping[bytes, int], tops: Collection[bytes]) -> list[Folder]:
    """Return the folders and those above them, up to the outermost of the tops that they lie in."""
    numbers: Counter[bytes] = Counter()
    for folder, number in direct.items():
        line = [folder, *_above(folder)]
        # A picture that is a root itself lies in no other.
        last = max(i for i, each in enumerate(line) if each in tops or each in direct)
        for each in line[: last + 1]:
            numbers[each] += number
    found: list[Folder] = []
    around: list[bytes] = []
    for path in sorted(numbers, key=lambda each: os.path.join(each, b"")):
        while around and not lies_in(path, around[-1]):
            around.pop()
        found.append(Folder(path, numbers[path], len(around)))
        around.append(path)
    return found


def _above(folder: bytes) -> Iterator[bytes]:
    while (above := os.path.dirname(folder)) != folder:
        yield above
        folder = above
