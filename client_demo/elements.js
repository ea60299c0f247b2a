// What both pages are built with.

export const $ = (id) => document.getElementById(id);

export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

/** An icon by its name in icons.svg; nothing to those who do not see it. */
export function icon(name) {
  const [made, use] = [document.createElementNS(SVG, 'svg'), document.createElementNS(SVG, 'use')];
  made.setAttribute('class', 'icon');
  made.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `icons.svg#${name}`);
  made.append(use);
  return made;
}

/** Puts words into the status line; the same again would make a screen reader repeat itself.
 * calm: false colours the line, for what a person should know. */
export function say(words, calm = true) {
  if ($('status').textContent !== words) $('status').textContent = words;
  $('status').toggleAttribute('data-warns', !calm);
}

/** A part of the panel under a heading of its own. */
export function card(title, ...children) {
  return element('fieldset', { className: 'card' }, element('legend', { textContent: title }),
    ...children);
}

/** Whether a key goes to something that is written in. */
export const isWritten = (event) => event.target.matches(
  'input:not([type=checkbox], [type=radio], [type=range], [type=color]), textarea, select',
);
