// What a person sets, on the demo page and on the control page of `latentcam camera` alike: face,
// mood, sliders, background. One set of controls, whoever it talks to.

import { $, card, element, icon } from './elements.js';
import { faceAddress } from './server.js';

const MAX_NEW_FACES = 4; // older ones leave the list

const MOODS = ['happy', 'sad', 'angry', 'surprised', 'afraid', 'disgusted'];
export const MOOD_STRENGTH = 0.7;

const EXPRESSIONS = [
  { label: 'Smile', axes: ['mouthSmile'] },
  { label: 'Brows up', axes: ['browInnerUp', 'browOuterUp'] },
  { label: 'Frown', axes: ['browDown'] },
  { label: 'Eyes wide', axes: ['eyeWide'] },
  { label: 'Squint', axes: ['eyeSquint'] },
];

const MORPH_SECONDS = 2;
const STYLES = [['coarse', 'Shape'], ['middle', 'Features'], ['fine', 'Colours']];

const COLOURS = [
  ['#20242e', 'Night'], ['#e8e4dc', 'Linen'], ['#b9cbd9', 'Sky'], ['#3f5b4b', 'Forest'],
  ['#00b140', 'Green screen'],
];
const BLUR = 'blur:';

/** The sliders that make sense for an avatar: each with its label and how far its axes go. */
function expressionsOf(axes) {
  const highs = new Map(axes.map((axis) => [axis.name, axis.high]));
  return EXPRESSIONS.map(({ label, axes: names }) => ({
    label, highs: names.filter((name) => highs.has(name)).map((name) => [name, highs.get(name)]),
  })).filter((one) => one.highs.length > 0);
}

/** A share of how far some axes go, as a part of an expression. */
function scaled(highs, share) {
  return Object.fromEntries(highs.map(([name, high]) => [name, share * high]));
}

/** The same expression without the moods that it names. */
const withoutMoods = (expression) => Object.fromEntries(
  Object.entries(expression).filter(([name]) => !MOODS.includes(name)),
);

/** A mood as an expression; nothing for a mood that the avatar does not have. */
export function moodOf(axes, mood, strength = MOOD_STRENGTH) {
  if (mood === 'neutral') { // a choice, too: no mood comes by itself then
    const had = axes.filter(({ name }) => MOODS.includes(name));
    return scaled(had.map(({ name, high }) => [name, high]), 0);
  }
  const axis = MOODS.includes(mood) && axes.find(({ name }) => name === mood);
  return axis ? { [mood]: strength * axis.high } : {};
}

/** A slider from 0 to `most`, where 1 is 100 %. Returns its element and what moves it without
 * calling onInput. */
function makeSlider(label, most, onInput) {
  const range = element('input', { type: 'range', min: 0, max: 100 * most, step: 1, value: 0 });
  const output = element('output', { ariaHidden: 'true' }); // the slider says its value itself
  const show = () => {
    output.textContent = `${range.value} %`;
    range.setAttribute('aria-valuetext', `${range.value} percent`);
    range.style.setProperty('--share', range.value / range.max);
  };
  range.addEventListener('input', () => { show(); onInput(range.value / 100); });
  // The output stays outside: it is labelable, and a label names only its first such child.
  const whole = element(
    'div', {}, element('label', {}, element('span', { textContent: label }), range), output,
  );
  show();
  const put = (value) => {
    if (range.value === String(Math.round(100 * value))) return;
    range.value = Math.round(100 * value);
    show();
  };
  return [whole, put];
}

const BY_ITSELF = 'by itself'; // in place of a mood: they follow one another as learned

/** Chips for the moods that an avatar has, and a slider for their strength. comes: whether moods
 * come by themselves as long as the expression names none. */
function makeMoods(axes, comes, onInput) {
  const highs = MOODS.map((mood) => axes.find(({ name }) => name === mood)).filter(Boolean)
    .map(({ name, high }) => [name, high]);
  if (highs.length === 0) return { parts: [], neutral: {}, show() {}, reset() {} };
  const first = comes ? BY_ITSELF : '';
  let [chosen, strength] = [first, MOOD_STRENGTH];
  const tell = () => onInput(chosen === BY_ITSELF ? {} : Object.fromEntries(
    highs.map(([name, high]) => [name, name === chosen ? strength * high : 0]),
  ));
  const radios = new Map();
  const chips = element('div', { className: 'chips', id: 'moods', role: 'radiogroup' });
  chips.setAttribute('aria-label', 'Mood');
  const [slider, put] = makeSlider('Strength', 1, (share) => { strength = share; tell(); });
  const dim = () => { slider.hidden = !chosen || chosen === BY_ITSELF; };
  const names = ['', ...highs.map(([mood]) => mood)];
  for (const name of comes ? [BY_ITSELF, ...names] : names) {
    const checked = name === first;
    const radio = element('input', { type: 'radio', name: 'mood', value: name, checked });
    radio.addEventListener('change', () => { chosen = name; dim(); tell(); });
    radios.set(name, radio);
    const label = name ? name[0].toUpperCase() + name.slice(1) : 'Neutral';
    chips.append(element(
      'label', { className: 'chip' }, radio, element('span', { textContent: label }),
    ));
  }
  put(strength);
  dim();
  const show = (expression) => {
    const [strongest, share] = highs.map(([mood, high]) => [mood, (expression[mood] ?? 0) / high])
      .reduce((most, one) => (one[1] > most[1] ? one : most), ['', 0]);
    const named = highs.some(([mood]) => mood in expression);
    const name = named ? strongest : first;
    if (strength === 0 && expression[chosen] === 0) return; // a mood at 0 % stays chosen
    chosen = name;
    radios.get(name).checked = true;
    if (strongest) put(strength = share);
    dim();
  };
  const reset = () => put(strength = MOOD_STRENGTH);
  const neutral = comes ? scaled(highs, 0) : {};
  return { parts: [chips, element('div', { className: 'sliders' }, slider)], neutral, show, reset };
}

const isNumber = (identity) => /^\d+$/.test(identity);
const faces = () => [...$('faces').querySelectorAll('input')];

function makeFace(identity) {
  const radio = element('input', { type: 'radio', name: 'face', value: identity });
  const name = isNumber(identity) ? `No. ${identity}` : identity;
  const picture = element('img', { alt: '', width: 96, height: 96, decoding: 'async' });
  picture.src = faceAddress(identity, 'jpg');
  return element('label', { className: 'face' }, radio, picture,
    element('span', { textContent: name }));
}

/** Puts a face into the list: one of the pack's by its name, a made one by its number. */
function addFace(identity) {
  const numbered = faces().filter((radio) => isNumber(radio.value));
  if (isNumber(identity) && numbered.length >= MAX_NEW_FACES) numbered[0].parentElement.remove();
  const made = makeFace(identity);
  $('new-face').before(made);
  return made.querySelector('input');
}

function randomFace() {
  return String(1 + Math.floor(Math.random() * 999_999)); // short enough to note down
}

/** What a face may take from another: its styles of one kind. */
function makeMix(identities, apply) {
  const whose = element('select', { id: 'mix-with' }, ...identities.map(
    (name) => element('option', { value: name, textContent: name }),
  ));
  whose.setAttribute('aria-label', 'Mix with');
  const buttons = STYLES.map(([styles, label]) => {
    const button = element('button', { className: 'plain', type: 'button', textContent: label });
    button.addEventListener('click', () => apply({
      mix: { identity: whose.value, styles }, morph: MORPH_SECONDS,
    }));
    return button;
  });
  return element('details', { id: 'mix' },
    element('summary', { textContent: 'Mix with' }),
    whose, element('div', { className: 'row' }, ...buttons));
}

/** names: of the pictures that there are, besides colours. */
function makeBackgrounds(names, apply) {
  const swatches = element('div', { className: 'chips', id: 'backgrounds', role: 'radiogroup' });
  swatches.setAttribute('aria-label', 'Background');
  const colour = element('input', { type: 'color', value: '#6f7fb8', id: 'own-colour' });
  const radios = new Map();
  const blur = element('input', { type: 'checkbox', role: 'switch', id: 'blur' });
  const isPicture = (name) => name !== 'own' && names.includes(name);
  const chosen = () => [...radios.values()].find((one) => one.checked)?.value;
  const tell = () => {
    const name = chosen();
    apply({ background: blur.checked && isPicture(name) ? BLUR + name : name });
  };
  const add = (value, name) => {
    const radio = element('input', { type: 'radio', name: 'background', value });
    radio.addEventListener('change', () => { dim(); tell(); });
    radios.set(value, radio);
    const dot = element('span', { className: 'dot' });
    if (value.startsWith('#')) dot.style.background = value;
    swatches.append(element('label', { className: 'chip swatch' }, radio,
      element('span', {}, dot, name)));
    return { radio, dot };
  };
  for (const name of names) add(name, name[0].toUpperCase() + name.slice(1));
  for (const [value, name] of COLOURS) add(value, name);
  const other = add(colour.value, 'Other');
  const pick = element('label', { className: 'field colour' },
    element('span', { textContent: 'Other colour' }), colour);
  const soft = element('label', { className: 'switch' }, blur,
    element('span', { className: 'track', ariaHidden: 'true' }),
    element('span', { textContent: 'Blurred' }));
  const dim = () => { soft.hidden = !isPicture(chosen()); };
  const putOther = (value) => {
    radios.delete(other.radio.value);
    other.radio.value = colour.value = other.dot.style.background = value;
    radios.set(value, other.radio);
  };
  colour.addEventListener('input', () => {
    putOther(colour.value);
    other.radio.checked = true;
    dim();
    tell();
  });
  blur.addEventListener('change', tell);
  const show = (background) => {
    const name = background.replace(BLUR, '');
    blur.checked = name !== background;
    if (!radios.has(name) && /^#[0-9a-f]{6}$/i.test(name)) putOther(name);
    for (const [value, radio] of radios) radio.checked = value === name;
    dim();
  };
  return { parts: [swatches, soft, pick], show };
}

/** Builds the cards of what can be set into `place`.
 *
 * about: { identities, axes, backgrounds, moods }; without a background there is no choice of one.
 * apply: gets what a person changed, as the fields of a Change in docs/protocol.md.
 * Returns show(state), which moves the controls to { identity, expression, life, background }. */
export function buildControls(place, about, apply) {
  let state = { identity: about.identities[0], expression: {}, life: 1, background: 'own' };
  const change = (part) => { state = { ...state, ...part }; apply(part); };
  // With the axes that no slider here moves: the server replaces an expression whole.
  const express = (part) => change({ expression: { ...state.expression, ...part } });

  const newFace = element('button', { className: 'face new', id: 'new-face', type: 'button' },
    element('i', {}, icon('plus')), element('span', { textContent: 'New' }));
  newFace.setAttribute('aria-label', 'A new face');
  const list = element('div', { className: 'faces', id: 'faces' }, newFace);
  const slowly = element('input', { type: 'checkbox', role: 'switch', id: 'morph' });
  const morph = element('label', { className: 'switch' }, slowly,
    element('span', { className: 'track', ariaHidden: 'true' }),
    element('span', { textContent: 'Morph from face to face' }));
  const facesCard = card('Face', list, morph, makeMix(about.identities, change));
  const become = (identity) => change(
    slowly.checked ? { identity, morph: MORPH_SECONDS } : { identity },
  );

  const moods = makeMoods(about.axes, about.moods, (part) => change({
    expression: { ...withoutMoods(state.expression), ...part },
  }));
  const neutral = element('button', {
    className: 'quiet', id: 'neutral', type: 'button', textContent: 'Back to neutral',
  });
  const sliders = element('div', { className: 'sliders', id: 'sliders' });
  const puts = [];
  for (const { label, highs } of expressionsOf(about.axes)) {
    const [[axis, high]] = highs;
    const [slider, put] = makeSlider(label, 1, (share) => express(scaled(highs, share)));
    puts.push(() => put((state.expression[axis] ?? 0) / high));
    sliders.append(slider);
  }
  const [life, putLife] = makeSlider('Liveliness', 2, (value) => change({ life: value }));
  puts.push(() => putLife(state.life));
  sliders.append(life);
  const fine = element('details', { id: 'fine' },
    element('summary', { textContent: 'Adjust by hand' }), sliders);
  const moodCard = card('Expression', neutral, ...moods.parts, fine);
  place.prepend(facesCard, moodCard);

  const choice = about.backgrounds.length > 0;
  const backgrounds = choice ? makeBackgrounds(about.backgrounds, change) : { show() {} };
  if (choice) {
    const whole = card('Background', ...backgrounds.parts);
    whole.id = 'background-card';
    moodCard.after(whole);
  }

  const show = (newest) => {
    state = { ...state, ...newest };
    const radio = faces().find((one) => one.value === state.identity) ?? addFace(state.identity);
    radio.checked = true;
    moods.show(state.expression);
    for (const put of puts) put();
    backgrounds.show(state.background);
  };
  for (const name of about.identities) addFace(name);
  list.addEventListener('change', (event) => become(event.target.value));
  newFace.addEventListener('click', () => {
    const identity = randomFace();
    addFace(identity).checked = true;
    newFace.scrollIntoView({ block: 'nearest' });
    become(identity);
  });
  neutral.addEventListener('click', () => {
    change({ expression: moods.neutral, life: 1 });
    moods.reset();
    show(state);
  });
  return show;
}
