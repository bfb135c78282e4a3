"""The manual's section on taking an index out and in, with the columns of each kind."""

from rclip_like.interchange.columns import COLUMNS, FORM, FORM_KEY, KIND_KEY, TYPE_NAMES, Kind

_KINDS: dict[Kind, str] = {
    "facts": "What is known of each content, beside its pixels.",
    "embeddings": "What the model made of each content, float16 numbers of unit length.",
    "words": "What is written in pictures.",
    "files": "Which file had which content when it was read.",
    "sidecars": "What was read from files of metadata beside pictures.",
    "hidden": "What searches leave out.",
    "names": "Names of one's own: a row for each model that one was made for.",
    "saved": "Searches under names, without what they have shown.",
}


def _columns_of(kind: Kind) -> str:
    return "; ".join(
        f"{each.name} ({TYPE_NAMES[each.type]}{', may be missing' * each.is_optional}): "
        f"{each.meaning}"
        for each in COLUMNS[kind]
    )


_KINDS_OF_ROWS = "\n\n".join(f"{kind} :: {_KINDS[kind]} {_columns_of(kind)}." for kind in COLUMNS)

INTERCHANGE = f"""\
*clipfind export --db* FILE writes a whole copy of the index to FILE, even while a run indexes or a
page is open: the copy has all that was committed when it began. It is checked before it gets its
name, has the mode of the original, and overwrites nothing unless *--replace* is given, and then
only an index. Without a FOLDER *--db* names the copy; the index that is copied is the default one,
or that of *CLIPFIND_DB* or of the configuration file:

    clipfind export --db /media/backup/photos.db
    CLIPFIND_DB=~/museum.db clipfind export --db /media/backup/museum.db

The matrix beside the index, which makes searches of many pictures fast, is not copied; the first
*clipfind index* with the copy makes it anew.

*clipfind export* FOLDER [PATH]... writes what is indexed under the PATHs, or all, into a new folder
of Parquet files, which *clipfind import* takes into another index, and which other programs read.
Both need the package pyarrow (*pip install pyarrow*). The files hold no picture, but all paths,
captions, dates and positions, so mind to whom you give them. A PATH below which nothing is indexed
is an error, and then nothing is written.

    clipfind export ~/archive ~/Pictures
    clipfind import ~/archive --db ~/both.db

All rows are those of one moment, whoever writes meanwhile, and the folder gets its name when it is
whole.
Each file has at most 65,536 rows or some 64 MB, unless one picture alone has more. Of several
models, the embeddings of the one that a search would use are written. Damaged embeddings are left
out and counted.

*clipfind import* FOLDER... first checks everything: the columns, sizes, paths, the order of rows
and the length of each embedding. If anything is wrong, or if rows are of a model that neither the
index nor *--model* names, nothing is imported. Then the rows are merged, in any order with the same
result: what this machine has read itself stays, and of rows from elsewhere that disagree, the
greater ones stay (of one path the file that was changed last, of one name the search that was saved
last). After a kill, run the import again.

Names come back as they were made, those by a probe and of a probe's label too. If a name is in both
indexes, the one that was made last stays. An export of some PATHs has neither names nor saved
searches.

A picture whose path does not exist on this machine stays in the index; searches do not show it, and
*prune* keeps it until *clipfind index* has walked its folder without finding it. If the picture is
there, *clipfind index* reads it once and encodes nothing.

The files lie in a folder for each kind. Contents are named by their digests. In its metadata each
file has {FORM_KEY} ({FORM}) and {KIND_KEY}, the name of the kind. In Python, two lines open one:

    import pandas
    print(pandas.read_parquet("archive/facts").describe())

{_KINDS_OF_ROWS}
"""
