// What both pages are built with.

export const $ = (id) => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Puts words into the status line; the same again would make a screen reader repeat itself. */
export function say(words) {
  if ($('status').textContent !== words) $('status').textContent = words;
}
