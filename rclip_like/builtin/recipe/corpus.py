"""The strings on which the text tower learns English: captions, names, words and phrases."""

from __future__ import annotations

import gzip
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from rclip_like.models.towers.torchvision_cure import import_open_clip

from .photos import Photo
from .wordnet import Synset, imagenet_identifiers, wider_words
from .words import plural

TEMPLATES = (
    "a photo of a {}.",
    "a photo of a {}",
    "photo of {}",
    "a photo of the {}.",
    "a picture of a {}",
    "a {}",
    "the {}",
    "a close-up photo of a {}.",
    "a photo of a small {}.",
    "a photo of a large {}.",
    "a bright photo of a {}.",
    "a blurry photo of a {}.",
    "a photo of my {}.",
    "many {}",
    "two {}",
    "an image of {}",
)
_COLOURS = (
    "red orange yellow green blue purple pink brown black white grey golden silver dark colourful"
)
_MANNERS = (
    "old new big small tiny empty broken wooden metal wet dry dirty clean beautiful funny modern "
    "ancient round tall"
)
_PLACES = (
    "at night;in the rain;in the snow;on the beach;on a table;in the grass;in a garden;in the city;"
    "at sunset;in front of a building;on the street;in the forest;by the water;in the mountains;"
    "indoors;outside;in a kitchen;in a room;under water;in the sky;from above;with people;"
    "in the dark;in autumn;on a white background"
)
COLOURS, MANNERS, PLACES = _COLOURS.split(), _MANNERS.split(), _PLACES.split(";")
NUM_WORDS = 20_000
MAX_DEFINITION_WORDS = 9


def normalise(text: str) -> str:
    """Return the form in which two captions count as equal: case, ends and spaces aside."""
    return " ".join(text.lower().split()).rstrip(" .")


def read_captions(folder: Path) -> list[str]:
    """Return the captions that come without photos, one a line of the starter's text file."""
    with gzip.open(folder / "captions-text-only.txt.gz", "rt", encoding="utf-8") as stream:
        return [line.strip() for line in stream if line.strip()]


def collect(
    captions: Sequence[str],
    photos: Sequence[Photo],
    meanings: Iterable[Synset],
    forbidden: Iterable[str],
    *,
    seed: int,
) -> list[str]:
    """Return the distinct strings of the corpus, none equal to a forbidden one, in fixed order."""
    generator = random.Random(seed)
    photo_captions = [caption for photo in photos for caption in photo.captions]
    everything = [*captions, *photo_captions]
    common = frequent_words(everything)
    meanings = list(meanings)
    names = [name for meaning in meanings for name in meaning.names]
    labels = [name for photo in photos for name in photo_names(photo)]
    everything += [*labels, *common, *vocabulary_words(NUM_WORDS), *names]
    everything += definitions(meanings)
    everything += [plural(name) for name in sorted({*labels, *common[:3000]})]
    everything += dressed(sorted({*labels, *names}), generator)[::2]
    everything += dressed(sorted(set(labels)), generator)
    everything += phrases(sorted(set(labels)) + common[:3000], generator, number=18_000)
    banned = {normalise(text) for text in forbidden}
    return [text for text in dict.fromkeys(everything) if text and normalise(text) not in banned]


def class_strings(names: Sequence[str], nouns: dict[str, Synset]) -> list[str]:
    """Return what ImageNet's classes are called, in words and in the first templates."""
    found: list[str] = []
    for identifier, name in zip(imagenet_identifiers(), names, strict=True):
        found += [name, *nouns[identifier].names, *wider_words(nouns, identifier)]
        found += [template.format(name) for template in TEMPLATES[:6]]
    return list(dict.fromkeys(found))


def token_words(tokenizer: Any) -> list[str]:
    """Return each token of the vocabulary as the text it stands for; the last two are empty."""
    bytes_of = tokenizer.byte_decoder
    words = []
    for number in range(tokenizer.vocab_size - 2):
        letters = tokenizer.decoder[number].replace("</w>", "").strip() or "."
        words.append(bytearray(bytes_of.get(c, 32) for c in letters).decode("utf-8", "replace"))
    return [*words, "", ""]


def photo_names(photo: Photo) -> list[str]:
    """Return the names written about a labelled photo, its own label first."""
    wide = [photo.kind] if photo.kind else []
    return [photo.label, *photo.names, *wide, *photo.objects] if photo.label else []


def frequent_words(texts: Iterable[str], *, least: int = 2) -> list[str]:
    """Return the words in at least so many texts, the commonest first, equals by the alphabet."""
    counts = Counter(word for text in texts for word in set(re.findall("[a-z]+", text.lower())))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [word for word, count in ordered if count >= least and len(word) > 1]


def vocabulary_words(number: int) -> list[str]:
    """Return the tokenizer's whole words, in the order of their merging: the commoner first."""
    import_open_clip()
    path = files("open_clip").joinpath("bpe_simple_vocab_16e6.txt.gz")
    merges = gzip.decompress(path.read_bytes()).decode().splitlines()[1 : 49_152 - 256 - 2 + 1]
    words = ["".join(merge.split())[: -len("</w>")] for merge in merges if merge.endswith("</w>")]
    return [word for word in words if re.fullmatch("[a-z]{2,}", word)][:number]


def definitions(meanings: Iterable[Synset]) -> list[str]:
    """Return the definitions of more than two words and at most MAX_DEFINITION_WORDS."""
    texts = [meaning.definition for meaning in meanings]
    return [text for text in texts if 2 < len(text.split()) <= MAX_DEFINITION_WORDS]


def dressed(names: Iterable[str], generator: random.Random) -> list[str]:
    """Return each name once in a template drawn for it."""
    return [generator.choice(TEMPLATES).format(name) for name in names]


def phrases(nouns: Sequence[str], generator: random.Random, *, number: int) -> list[str]:
    """Return short made-up queries: noun with colour or manner, in a place, or with another."""
    made = []
    for _ in range(number):
        noun = generator.choice(nouns)
        colour, manner = generator.choice(COLOURS), generator.choice(MANNERS)
        place, other = generator.choice(PLACES), generator.choice(nouns)
        forms = [
            f"{colour} {noun}",
            f"a {colour} {noun}",
            f"{manner} {noun}",
            f"{noun} {place}",
            f"{colour} {noun} {place}",
            f"{noun} and {other}",
            f"a {noun} next to a {other}",
        ]
        made.append(generator.choice(forms))
    return made
