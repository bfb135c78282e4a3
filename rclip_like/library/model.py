"""The index and the model of a library: what it opens and loads when they are first needed."""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING, Self

from rclip_like.library.saved import LibrarySaved
from rclip_like.settings import LibrarySettings
from rclip_like.telemetry import switch_off
from rclip_like.values import AnyPath

if TYPE_CHECKING:
    from rclip_like.models.model import Model
    from rclip_like.models.specification import ModelSpecification
    from rclip_like.query.pictures import InMemory
    from rclip_like.store.embeddings import ModelEmbeddings
    from rclip_like.values import Embeddings


class LibraryModel(LibrarySaved):
    """The part of a `Library` that has a model and encodes texts and pictures with it."""

    @classmethod
    def of(cls, settings: LibrarySettings) -> Self:
        """Return a library by these settings alone, whatever is configured."""
        library = cls.__new__(cls)
        library._begin(settings)
        return library

    def _begin(self, settings: LibrarySettings, model: Model | None = None) -> None:
        switch_off()  # in processes that it starts, too
        super().__init__(settings.library)
        self.settings = settings
        self._model = model
        self._choosing = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the index for all threads; the library opens it again when used again.

        A call in another thread may go on after that, or raise StoreError.
        """
        self._index.close()

    def use_model(self, name: str) -> None:
        """Make a model the default of this index; raises ModelError when it is not there."""
        from rclip_like.models.specification import resolve

        specification = resolve(name)
        # Its own name: that of a folder is absolute, as the next one may stand elsewhere.
        self._index.open(create=True).set_default_model(specification.name)
        with self._choosing:
            self._name, self._model = specification.name, None

    @property
    def model(self) -> Model:
        """The model in use: the one asked for, else the index's default, else the built-in."""
        with self._choosing:
            if self._model is None:
                name = self.chosen_model()
                from rclip_like.models.model import Model
                from rclip_like.models.specification import resolve

                specification = resolve(name, weights=self._weights)
                self._model = Model(specification, self.settings.encoder)
            return self._model

    @property
    def specification(self) -> ModelSpecification:
        """What the model in use is: its name, files, preprocessing and fingerprint."""
        return self.model.specification

    def embed_texts(self, texts: str | Sequence[str]) -> Embeddings:
        """Return one unit row a text, float32 (N, D), in order; nothing is looked up or kept."""
        return self.model.texts([texts] if isinstance(texts, str) else list(texts))

    def embed_pictures(
        self, pictures: AnyPath | InMemory | Sequence[AnyPath | InMemory]
    ) -> Embeddings:
        """Return one unit row a picture, float32 (N, D), in order.

        Each is a path, one of Pillow's pictures or an array of uint8 (H, W), (H, W, 3) or
        (H, W, 4). Of an animation the first frame counts. Raises PictureError for a file that is
        not a picture; nothing is looked up in the index or written to it.
        """
        from rclip_like.query.pictures import embed_pictures

        return embed_pictures(self.model, pictures, self.settings.read)

    def _encoded(self, specification: ModelSpecification | None = None) -> ModelEmbeddings | None:
        """Return the embeddings of a model, by default the one in use; None if it never indexed."""
        store = self._index.existing()
        fingerprint = (specification or self.specification).fingerprint
        model_id = store.model_id(fingerprint) if store else None
        return None if store is None or model_id is None else store.embeddings(model_id)
