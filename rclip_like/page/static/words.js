// Numbers, dates and names as people read them.

const NUMBER = new Intl.NumberFormat("en");
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric" });
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

export const number = (value) => NUMBER.format(value);

export const pictures = (count) => (count === 1 ? "1 picture" : `${number(count)} pictures`);

/** Return a file's size. */
export function bytes(size) {
  if (size < 1e5) return `${number(Math.ceil(size / 1e3))}\u00a0kB`;
  return `${(size / 1e6).toFixed(size < 1e7 ? 1 : 0)}\u00a0MB`;
}

/** Return a picture's size. */
export function pixels({ width, height }) {
  return width && height ? `${number(width)}\u00a0×\u00a0${number(height)} pixels` : "";
}

/** Return a date for people; the clock is that of the picture's place, whatever its zone. */
export function date(takenAt, { withTime = false } = {}) {
  const isDay = takenAt?.length === 10; // alone it would be read as UTC
  const day = new Date(isDay ? `${takenAt}T00:00` : (takenAt?.slice(0, 19) ?? ""));
  if (Number.isNaN(day.getTime())) return takenAt ?? "";
  const hasTime = withTime && !isDay;
  return hasTime ? `${DAY.format(day)}, ${TIME.format(day)}` : DAY.format(day);
}

/** Return a moment of a video, as in 1:05. */
export function moment(second) {
  const two = (value) => String(value % 60).padStart(2, "0");
  const [seconds, minutes] = [Math.floor(second), Math.floor(second / 60)];
  return `${minutes < 60 ? minutes : `${Math.floor(minutes / 60)}:${two(minutes)}`}:${two(seconds)}`;
}

/** Return the mark of a video, with the moment that was found; "" for a picture. */
export const playedFrom = ({ is_video: isVideo, second }) =>
  isVideo ? `video${second == null ? "" : ` ${moment(second)}`}` : "";

/** Return what a picture is called where it cannot be seen. */
export const alternative = (item) => [item.name, date(item.taken_at)].filter(Boolean).join(", ");

/** Return where the words of the query stand, as in "caption: The red boat". */
export const foundBy = ({ words = [] }) => words.map((each) => each.join(": ")).join("; ");

/** Return a text as nodes that a line may break after a slash, as paths are read. */
export function breakable(text) {
  const parts = String(text).split(/(?<=\/)/);
  return parts.flatMap((part, index) => (index ? [document.createElement("wbr"), part] : [part]));
}
