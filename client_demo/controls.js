// What the demo page and the control page of `latentcam camera` share: faces, moods, sliders.

import { $, element } from './elements.js';

const MAX_NEW_FACES = 4; // older ones leave the list

const MOODS = ['happy', 'sad', 'angry', 'surprised', 'afraid', 'disgusted'];
const MOOD_STRENGTH = 0.7;

const EXPRESSIONS = [
  { label: 'Smile', axes: ['mouthSmile'] },
  { label: 'Brows up', axes: ['browInnerUp', 'browOuterUp'] },
  { label: 'Frown', axes: ['browDown'] },
  { label: 'Eyes wide', axes: ['eyeWide'] },
  { label: 'Squint', axes: ['eyeSquint'] },
];

/** The sliders that make sense for an avatar: each with its label and how far its axes go. */
export function expressionsOf(axes) {
  const highs = new Map(axes.map((axis) => [axis.name, axis.high]));
  return EXPRESSIONS.map(({ label, axes: names }) => ({
    label, highs: names.filter((name) => highs.has(name)).map((name) => [name, highs.get(name)]),
  })).filter((one) => one.highs.length > 0);
}

/** A share of how far some axes go, as a part of an expression. */
export function scaled(highs, share) {
  return Object.fromEntries(highs.map(([name, high]) => [name, share * high]));
}

/** A slider from 0 to `most`, where 1 is 100 %. Returns what moves it without calling onInput. */
export function addSlider(label, most, onInput) {
  const range = element('input', { type: 'range', min: 0, max: 100 * most, step: 1, value: 0 });
  const output = element('output', { ariaHidden: 'true' }); // the slider says its value itself
  const show = () => {
    output.textContent = `${range.value} %`;
    range.setAttribute('aria-valuetext', `${range.value} percent`);
    range.style.setProperty('--share', range.value / range.max);
  };
  range.addEventListener('input', () => { show(); onInput(range.value / 100); });
  // The output stays outside: it is labelable, and a label names only its first such child.
  $('sliders').append(element(
    'div', {}, element('label', {}, element('span', { textContent: label }), range), output,
  ));
  show();
  return (value) => {
    if (range.value === String(Math.round(100 * value))) return;
    range.value = Math.round(100 * value);
    show();
  };
}

/** Chips for the moods that an avatar has, and a slider for their strength.
 * onInput gets their part of an expression. Returns { show(expression), reset() }; reset
 * tells onInput. */
export function addMoods(axes, onInput) {
  const highs = MOODS.map((mood) => axes.find(({ name }) => name === mood)).filter(Boolean)
    .map(({ name, high }) => [name, high]);
  if (highs.length === 0) return { show() {}, reset() {} };
  let [chosen, strength] = ['', MOOD_STRENGTH];
  const tell = () => onInput(Object.fromEntries(
    highs.map(([name, high]) => [name, name === chosen ? strength * high : 0]),
  ));
  const radios = new Map();
  for (const name of ['', ...highs.map(([mood]) => mood)]) {
    const radio = element('input', { type: 'radio', name: 'mood', value: name, checked: !name });
    radio.addEventListener('change', () => { chosen = name; tell(); });
    radios.set(name, radio);
    const label = name ? name[0].toUpperCase() + name.slice(1) : 'Neutral';
    $('moods').append(element(
      'label', { className: 'chip' }, radio, element('span', { textContent: label }),
    ));
  }
  const put = addSlider('Strength', 1, (share) => { strength = share; tell(); });
  put(strength);
  const show = (expression) => {
    const [name, share] = highs.map(([mood, high]) => [mood, (expression[mood] ?? 0) / high])
      .reduce((most, one) => (one[1] > most[1] ? one : most), ['', 0]);
    if (strength === 0 && expression[chosen] === 0) return; // a mood at 0 % stays chosen
    chosen = name;
    radios.get(name).checked = true;
    if (name) put(strength = share);
  };
  const reset = () => {
    put(strength = MOOD_STRENGTH);
    show({});
    tell();
  };
  return { show, reset };
}

const faces = () => [...$('faces').querySelectorAll('input')];
const isNumber = (identity) => /^\d+$/.test(identity);

/** Puts a face into the list: one of the pack's by its name, a made one by its number. */
export function addFace(identity) {
  const numbered = faces().filter((radio) => isNumber(radio.value));
  if (isNumber(identity) && numbered.length >= MAX_NEW_FACES) numbered[0].parentElement.remove();
  const radio = element('input', { type: 'radio', name: 'face', value: identity });
  const name = element('span', { textContent: isNumber(identity) ? `No. ${identity}` : identity });
  $('new-face').before(element('label', { className: 'chip' }, radio, name));
  return radio;
}

/** Shows which face is chosen; one that is not in the list is added. */
export function showFace(identity) {
  const radio = faces().find((one) => one.value === identity) ?? addFace(identity);
  radio.checked = true;
  return radio;
}

export function randomFace() {
  return String(1 + Math.floor(Math.random() * 999_999)); // short enough to note down
}
