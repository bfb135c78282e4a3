// The video in the large view: at the moment that was found, still until somebody plays it.

export const video = document.querySelector("#large video");

/** Return whether the browser plays this video, which is then ready at its moment. */
export function prepare({ id, second }, poster) {
  stop();
  video.poster = poster;
  video.src = `/original/${id}${second == null ? "" : `#t=${second}`}`;
  return new Promise((resolve) => {
    // Where the codec of the pictures is unknown, the sound alone is played.
    video.onloadeddata = () => resolve(video.videoWidth > 0);
    video.onerror = () => resolve(false);
  });
}

/** Take the video away; the connection that it is loaded over is free then. */
export function stop() {
  video.onloadeddata = video.onerror = null;
  video.hidden = true;
  if (!video.hasAttribute("src")) return;
  video.pause();
  video.removeAttribute("src");
  video.load();
}

/** Play the video or pause it. */
export function playOrPause() {
  if (video.hidden) return;
  if (video.paused) video.play().catch(() => {}); // paused or closed before it has begun
  else video.pause();
}
