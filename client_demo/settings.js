// What a person sets on the demo page: face, mood, sliders. It goes to the server as it changes.

import {
  addFace, addMoods, addSlider, expressionsOf, randomFace, scaled, showFace,
} from './controls.js';
import { element, say } from './elements.js';
import { page, phaseIs } from './page.js';

let tell = () => {}; // takes a message to the server, if there is a call

export const settings = { identity: '', expression: {}, life: 1 };

export function chooseFace(identity) {
  settings.identity = identity;
  tell({ type: 'change', identity });
}

export function newFace() {
  const seed = randomFace();
  showFace(seed).scrollIntoView({ block: 'nearest' });
  chooseFace(seed);
  if (phaseIs('live')) say(`A new face, number ${seed}.`);
}

function addSetting(label, most, start, apply) {
  const put = addSlider(label, most, apply);
  put(start);
  page.neutral.addEventListener('click', () => { put(start); apply(start); });
}

function buildSliders(axes) {
  const set = (part) => { Object.assign(settings.expression, part); sendSoon(); };
  const moods = addMoods(axes, set);
  page.neutral.addEventListener('click', moods.reset);
  for (const { label, highs } of expressionsOf(axes)) {
    addSetting(label, 1, 0, (share) => set(scaled(highs, share)));
  }
  addSetting('Liveliness', 2, 1, (strength) => { settings.life = strength; sendSoon(); });
}

let sending = 0;
function sendSoon() { // a dragged slider fires faster than frames are made
  sending ||= setTimeout(() => { sending = 0; sendSettings(); }, 40);
}

export function sendSettings() {
  tell({ type: 'change', expression: settings.expression, life: settings.life });
}

/** send: what takes a message to the server; it may come to nothing. */
export function buildSettings(config, send) {
  tell = send;
  for (const name of config.identities) addFace(name);
  [settings.identity] = config.identities;
  showFace(settings.identity);
  buildSliders(config.axes);
  document.body.dataset.ready = '';
}
