"""The section of the manual on videos."""

VIDEOS = """\
Videos (MP4, MOV, MKV, AVI, WebM and others) are indexed where the package *av* is installed
(*python -m pip install av*). Without it they are not read, and *index* says how many there are. The
sound is not used.

From a video, 24 moments spread over it are compared in small, and three to eight frames that differ
are encoded, fewer where nothing moves; frames of one colour count only where there are no others.
Each moment is looked up, so a video of three hours takes no longer than one of three minutes, but
for its digest the whole file is read once. If a video can only be decoded from its start, it is
decoded for at most 15 seconds of processor time, and of a longer one the beginning counts. *status*
says how many videos there are, and by how many frames they are found.

The video's score is that of the frame nearest to the query, and *--json*, the table, the page and
contact sheets say at which moment that frame comes, and show it. Other thumbnails, *classify* and a
query by a video use the one frame that resembles the others most. *duplicates* takes videos for
copies only if their files are equal. The page plays the video from that moment if the browser can.

Date, camera and position come from the file; a date of a video is in UTC unless the camera wrote
its zone. A video that was filmed upright is shown upright, if the file says so. The colours of HDR
videos are taken as they are, paler than a player shows them, and transparent parts may get any
colour.

Of a damaged video, what can be decoded counts; if nothing can, it is refused. A file that has the
name of a video and is not one is refused, whatever it holds. GIF, PNG and WebP animations are
pictures, not videos: they are found by up to four frames, for which no moment is given.

A *.mov* or *.mp4* of at most 20 MiB beside a JPEG or HEIC of the same name (or of that name and
_HEVC) is the video of a live photo: the picture stands for both. A motion photo, a JPEG with a
video behind it, is read as its picture.
"""
