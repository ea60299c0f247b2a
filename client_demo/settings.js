// What is set on the demo page: remembered, and told to the server as it changes.

import { buildControls, moodOf } from './controls.js';
import { page } from './page.js';
import { recall, remember } from './remembered.js';

let tell = () => {}; // takes a message to the server, if there is a call
let onLook = () => {}; // told when another face or background is chosen
let keep = remember;

export const settings = { identity: '', expression: {}, life: 1, background: '' };

let waiting = null; // what was changed and is not told yet

/** A dragged slider fires faster than frames are made. */
function change(part) {
  Object.assign(settings, part);
  keep(part);
  if (waiting === null) {
    waiting = {};
    setTimeout(tellChange, 40);
  }
  Object.assign(waiting, part);
}

function tellChange() {
  const changed = waiting;
  waiting = null;
  tell({ type: 'change', ...changed });
  if ('identity' in changed || 'background' in changed) onLook();
}

/** All that a call begins with, besides the face, which goes with the offer. */
export function sendSettings() {
  const { expression, life } = settings;
  tell({ type: 'change', expression, life });
}

/** What was remembered, as far as this avatar knows it. */
function stillKnown(config, found) {
  const known = {};
  const { identity, expression, life, background } = found;
  const isFace = config.identities.includes(identity) || /^\d{1,18}$/.test(identity);
  // A server that was started with another face of its choice is meant to show that.
  if (isFace && found.chosenBy === config.identity) known.identity = identity;
  const axes = new Map(config.axes.map((axis) => [axis.name, axis.high - axis.low]));
  const entries = Object.entries(expression ?? {});
  if (entries.every(([name, offset]) => Math.abs(offset) <= axes.get(name))) {
    known.expression = Object.fromEntries(entries);
  }
  if (life >= 0 && life <= 2) known.life = life;
  const named = (name) => config.backgrounds.includes(name) || /^#[0-9a-f]{6}$/i.test(name);
  if (config.alpha && named(background?.replace('blur:', ''))) known.background = background;
  return known;
}

/** send: takes a message to the server; it may come to nothing. onLook: called now and whenever
 * another face or background is chosen. wishes: of the address, which are not remembered. */
export function buildSettings(config, send, chosen, wishes) {
  tell = send;
  onLook = chosen;
  settings.identity = config.identity;
  settings.background = config.background;
  if (wishes) {
    keep = () => {};
    Object.assign(settings, stillKnown(config, { background: wishes.get('background') }), {
      identity: wishes.get('identity') ?? config.identity, // the server says so if there is none
      expression: moodOf(config.axes, wishes.get('mood')),
    });
  } else {
    Object.assign(settings, stillKnown(config, recall()));
    keep = (part) => remember({ ...part, chosenBy: config.identity });
  }
  const show = buildControls(page.panel, config, change);
  show(settings);
  page.background.hidden = config.backgrounds.length === 0;
  onLook();
  document.body.dataset.ready = '';
}
