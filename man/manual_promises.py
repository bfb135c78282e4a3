"""What the manual promises, and by which tests each promise is held; written as manual_text is."""

from __future__ import annotations

PROMISES = """\
What is promised, and by which files of the source's tests/robustness it is held, with real
processes, disks and databases; where a test lacks the rights for that it is skipped and says so.

Pictures :: They are read, never changed, moved or deleted.

Nothing sent :: Nothing leaves the machine but a request for a model, or for a picture on the web,
that is named: the reports of use that ONNX Runtime and Hugging Face's libraries send to their
makers are switched off before these are loaded. In *index*, *search* and *train* no library leaves
files outside the folders named under FILES and the one that *train* is told to write.
*test_nothing_sent.py*: by the calls of an index run held open for 45 seconds, which reports where
it is left to, and of a query and a training run.

Private folders :: The default folders, and all in them, can be read by their owner alone, under any
umask. *test_private_folders.py*.

A kill at any moment :: Pictures are written to the index in batches, each whole or not at all. What
was committed stays, and is not encoded again; at most the batch in hand is lost, and the next run
goes on. *test_kill.py*: a hundred kills of the indexing of 1,000 pictures, from the first import to
the last commit. *test_interrupt.py*: Ctrl-C and SIGTERM, which end a run within two seconds, and
SIGHUP.

Power loss :: A committed batch is on the disk, and so are the names of the index and of the folders
made for it. *test_power_loss.py*: the writes of a recorded run played up to 200 points, with any
part of what was not synced left out.

A full disk :: It is named in a sentence, with exit status 2; nothing committed is lost, and with
room the next run goes on. *test_full_disk.py*: a disk that runs full at over fifty moments, and a
full folder for temporary files.

A disk that fails, takes no writes or vanishes :: A run ends in a sentence that names the index. An
index that cannot be written is searched all the same, unless a run was cut off there that left rows
in SQLite's log alone; where another process wrote to it meanwhile, the search says so. A folder
that cannot be read is not a folder that is empty: its pictures stay indexed, and so do those of a
disk that is not mounted, if that disk has a device number of its own. *test_mounts.py*.

Company :: One process indexes at a time; another one waits and says so, or leaves at once with
*--no-wait*. The lock dies with its process, whatever its file says. A search never waits for an
indexer, and sees one committed state. An index has one lock, by whatever link it is named; where
nothing can be locked it is only read. *test_crowd.py*: twelve processes for a minute at one index,
with two models, while files come, change and go. *test_lock.py*.

The matrix beside the index :: Only a cache: what is missing in it is read from the index, and a
file that is cut off, written to or another index's is ignored. *test_matrix_kill.py*, and
*test_power_loss.py*, which holds it against the rows after each power cut.

Damage :: A changed bit or a lost page of the matrix, of an embedding, of a remembered text or of a
cache gives no wrong result without a word, as far as UPKEEP says. *test_damage.py*: what ranks
first by damage alone, and what ranks last by it.

Planted files :: Where somebody put a link, a pipe or a file with a second name in the place of a
file of the index, nothing is written to what it leads to, and no run waits for it.
*test_planted.py*. Not promised where SQLite's own files are exchanged in the instant between the
look at them and their opening.

Upkeep :: *prune*, *forget* and *doctor --repair* leave the index whole when they are killed or the
disk is full. *test_upkeep.py*.

Freshness :: A match whose file is gone or has another size or time than when it was read is not
shown, nor is one of another content whose inode or ctime differ: *test_unchanged.py*. A file
changed within two seconds before it was read is read again. *test_tree_changes.py*: after any
changes the rows are what is on the disk. Pictures of a format whose reader was mended are read
again, and encoded where they look otherwise: *test_reread.py*.

Failures :: What could not be read is remembered by its reason. A picture that took too long or too
much memory is tried in two more runs, and a limit or a fault of one model's run takes no picture
from another model: *test_failures.py*.

A model of others :: Its configuration is data, checked against what open_clip knows, within limits,
before anything is built: nothing that a model brings along is run, and no file of it but a regular
one of sane size is read. What is refused is named with file and key. *test_hostile_models.py*:
folders that name code, hang or would fill the memory. *test_fuzzed_models.py*: hundreds of changed
models, each refused in a sentence or encoded as open_clip encodes with it.

An index from elsewhere :: A view, a loose table or a trigger in it that clipfind has not made is
refused before anything is asked of it. *test_foreign_index.py*.

An index of another kind :: That of a newer version, another program's database and garbage are
refused and left as they are; damage is told. *test_refused.py*, *test_damaged.py*. An older index
is brought up to date in steps, each whole or not at all, with a copy from before.
*test_migrations.py*.

Hostile files :: Pictures are decoded in processes of their own, with limits on time and memory: one
that crashes, hangs or swells costs itself. *test_pictures.py*, *test_hostile_pictures.py*, and
*test_fuzzed_run.py*: a thousand damaged files over every format, none of which costs one of two
hundred good ones. Names may be any bytes, and trees lead anywhere. *test_trees.py*.

Bare surroundings :: With the index named, a user without a home folder and a name needs nothing
else, and nothing is written elsewhere. *test_no_home.py*.

Queries :: Any text is answered or refused in a sentence. *test_queries.py*. A picture on the web is
asked for at public addresses alone, unless *--allow-private* is typed, within limits on time and
size that hold for any answer, *test_web_answers.py*, and is never a file, so that nothing of it
stays on the disk, even after a kill. *test_web_query.py*.

What takes minutes is run by *make test-all*, the rest by *make test*, too. Not promised is what the
disk does not keep though it said that it was synced.
"""
