// What a person sets on the demo page: face, mood, sliders. It goes to the server as it changes.

import {
  addFace, addSlider, expressionsOf, randomFace, scaled, showFace,
} from './controls.js';
import { element, say } from './elements.js';
import { page, phaseIs } from './page.js';

const MOODS = ['happy', 'sad', 'angry', 'surprised', 'afraid', 'disgusted'];

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

function buildMoods(highs) {
  const present = MOODS.filter((name) => highs.has(name));
  if (present.length === 0) return;
  let chosen = '';
  let strength = 0.7;
  const apply = () => {
    for (const name of present) {
      settings.expression[name] = name === chosen ? strength * highs.get(name) : 0;
    }
    sendSoon();
  };
  for (const name of ['', ...present]) {
    const radio = element('input', { type: 'radio', name: 'mood', value: name, checked: !name });
    radio.addEventListener('change', () => { chosen = name; apply(); });
    const label = name ? name[0].toUpperCase() + name.slice(1) : 'Neutral';
    page.moods.append(element(
      'label', { className: 'chip' }, radio, element('span', { textContent: label }),
    ));
  }
  page.neutral.addEventListener('click', () => {
    page.moods.querySelector('input').checked = true;
    chosen = '';
  });
  addSetting('Strength', 1, 0.7, (share) => { strength = share; apply(); });
}

function buildSliders(axes) {
  buildMoods(new Map(axes.map((axis) => [axis.name, axis.high])));
  for (const { label, highs } of expressionsOf(axes)) {
    addSetting(label, 1, 0, (share) => {
      Object.assign(settings.expression, scaled(highs, share));
      sendSoon();
    });
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
