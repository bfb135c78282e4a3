"""The manual's section on taking an index out and in."""

INTERCHANGE = """\
*clipfind export --db* FILE writes a whole copy of the index to FILE, also while a run indexes or a
page is open: the copy has all that was committed when it began. It is checked before it gets its
name, has the mode of the original, and overwrites nothing unless *--replace* is given, and then
only an index. Here *--db* names the copy; the index that is copied is the default one, or that of
*CLIPFIND_DB* or of the configuration file:

    clipfind export --db /media/backup/photos.db
    CLIPFIND_DB=~/museum.db clipfind export --db /media/backup/museum.db

The matrix beside the index, which makes searches of many pictures fast, is not copied; the first
*clipfind index* with the copy makes it anew.
"""
