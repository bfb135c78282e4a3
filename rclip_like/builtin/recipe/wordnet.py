"""Names, definitions and wider words of things, from WordNet's files and timm's lists."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

_TOO_WIDE = """
    entity, physical entity, object, physical object, whole, unit, matter, thing, abstraction,
    abstract entity, artifact, artefact, organism, being, living thing, animate thing, causal agent,
    cause, causal agency, attribute, measure, quantity, amount, group, grouping, relation,
    instrumentality, instrumentation, way, set, placental, placental mammal, eutherian,
    eutherian mammal, vertebrate, craniate, chordate, unit of measurement, part, portion, piece,
    part of, covering, natural covering, cover, psychological feature, communication, event,
    creation, substance, solid, fluid, process, physical process, state, act, human activity,
    human action, location, region, area, system, conveyance, transport, substance, commodity,
    trade good, good, consumer goods, device, implement, mechanism, mammalian, arthropod,
    invertebrate, animate being, beast, brute, creature, fauna, natural object, plant part,
    plant structure, plant organ, reproductive structure, vascular plant, tracheophyte, flora,
    plant life, aquatic vertebrate, bony fish, diapsid, diapsid reptile, anapsid, anapsid reptile,
    carnivore, ungulate, hoofed mammal, even-toed ungulate, artiodactyl, artiodactyl mammal,
    odd-toed ungulate, perissodactyl, perissodactyl mammal, canid, felid, domestic animal,
    domesticated animal
"""
TOO_WIDE = frozenset(name.strip() for name in _TOO_WIDE.split(","))
"""Names so far up that calling a picture by them says nothing."""


@dataclass(frozen=True, slots=True)
class Synset:
    """One meaning: its names, plainest first, its definition and the next wider meanings."""

    names: tuple[str, ...]
    definition: str
    wider: tuple[str, ...] = ()


def read_nouns(path: Path) -> dict[str, Synset]:
    """Return WordNet's nouns by identifier (`n02084071`) from its file `data.noun`."""
    nouns = {}
    for line in path.read_text(encoding="latin-1").splitlines():
        if not line.startswith("  "):
            data, _, gloss = line.partition(" | ")
            fields = data.split()
            nouns["n" + fields[0]] = _noun(fields, gloss)
    return nouns


def wider_words(nouns: dict[str, Synset], identifier: str, *, levels: int = 9) -> tuple[str, ...]:
    """Return the names of the meanings above one, nearest first, empty-sounding ones left out."""
    found: dict[str, None] = {}
    front = [identifier] if identifier in nouns else []
    for _ in range(levels):
        front = [wide for name in front for wide in nouns[name].wider]
        for wide in front:
            found |= dict.fromkeys(nouns[wide].names)
    return tuple(name for name in found if name not in TOO_WIDE)


def imagenet_identifiers() -> tuple[str, ...]:
    """Return the identifiers of ImageNet's 1,000 classes in the classifier's order."""
    return tuple((_timm_lists() / "imagenet_synsets.txt").read_text().split())


def imagenet_21k() -> dict[str, Synset]:
    """Return the 21,843 meanings that ImageNet was collected for, without wider meanings."""
    folder = _timm_lists()
    definitions = dict(_tabbed(folder / "imagenet_synset_to_definition.txt"))
    return {
        identifier: Synset(tuple(names.split(", ")), definitions[identifier])
        for identifier, names in _tabbed(folder / "imagenet_synset_to_lemma.txt")
    }


def _noun(fields: list[str], gloss: str) -> Synset:
    num_names = int(fields[3], 16)
    names = tuple(name.replace("_", " ") for name in fields[4 : 4 + 2 * num_names : 2])
    pointers = fields[5 + 2 * num_names :]
    wider = [f"n{pointers[i + 1]}" for i in range(0, len(pointers) - 3, 4) if pointers[i][0] == "@"]
    return Synset(names, gloss.partition("; ")[0].strip(), tuple(wider))


def _tabbed(path: Path) -> list[tuple[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [(key, value) for key, _, value in (line.partition("\t") for line in lines)]


def _timm_lists() -> Path:
    # Found, not imported: timm's import loads torchvision, and these are plain text files.
    found = importlib.util.find_spec("timm")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "data" / "_info"
