// Problems of the studio in the words of the page.

const READABLE = "JPEG, PNG, WebP, HEIC, AVIF and TIFF work.";
const WORDS = {
  "bad-picture": unreadable,
  "not-found": () => "This no longer exists.",
  "too-large": (detail) => `This file is too large: ${megabytes(detail)} MB are allowed.`,
  "slow-upload": () => "The connection is too slow, or it broke off. Try again.",
  "rate-limited": () => "That was too much at once. Try again in a minute.",
  busy: () => "Many photos are waiting. Try again in a few seconds.",
  "queue-full": () => "Many paintings are waiting. Try again later.",
  "too-many-jobs": () => "Many paintings of yours are under way. Wait for one, or stop one.",
  "wrong-state": () => "This is no longer possible: the painting has changed meanwhile.",
  "broken-style": () => "This style cannot be used: its file is damaged. Choose another.",
  internal: () => "Something went wrong in the studio. Try again.",
};

/** What a problem (RFC 9457) says to somebody who uses the page. */
export function words({ code, detail = "Something went wrong in the studio" }) {
  return WORDS[code]?.(detail) ?? sentence(plain(detail));
}

/** A text of the studio without the names of options: `style_scale` is the stroke size. */
export function plain(text) {
  return text
    .replace("<memory>: ", "")
    .replace(/--(?=[a-z])/g, "")
    .replace(/\b[a-z]+(?:[_-][a-z]+)*_[a-z]+\b/g, (name) => label(name) ?? name.replaceAll("_", " "))
    .replace(/(\d)x(\d)/g, "$1 × $2");
}

function unreadable(detail) {
  if (/damaged/.test(detail)) return "This picture is damaged. Part of the file may be missing.";
  if (!/is not a picture|is empty/.test(detail)) return sentence(plain(detail));
  const [, look] = /it looks like (.*)/.exec(detail) ?? [];
  return `This is not a picture we can read${look ? `: it looks like ${look}` : ""}. ${READABLE}`;
}

const megabytes = (detail) => Math.floor(Number(/[\d,]+/.exec(detail)[0].replaceAll(",", "")) / 2 ** 20);
const label = (name) => document.querySelector(`label[for$="-${name}"]`)?.textContent.toLowerCase();
const sentence = (text) => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, "")}.`;
