// The control page of `latentcam camera`: settings go up as they change, figures come down.

import {
  addFace, addMoods, addSlider, expressionsOf, randomFace, scaled, showFace,
} from './controls.js';
import { $, say } from './elements.js';

const EVERY = 500; // ms between looks at the state
const GONE = new Error('latentcam camera does not run any more.');

let state = null; // the server's newest, with what was changed here since
let [begun, ended] = [0, 0]; // changes asked for, changes answered
let refusal = ''; // why the newest change was not made
const puts = []; // what moves the sliders to a state

async function ask(path, change) {
  const body = JSON.stringify({ type: 'change', ...change });
  const options = change ? { method: 'POST', body } : {};
  const response = await fetch(path, { cache: 'no-store', ...options }).catch(() => { throw GONE; });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

/** Shows the change at once. Answers to what was asked before the newest change are stale. */
async function set(change) {
  const mine = begun += 1;
  refusal = '';
  show({ ...state, ...change });
  try {
    const answer = await ask('change', change);
    if (mine === begun) show(answer);
  } catch (error) {
    if (error !== GONE) refusal = error.message;
    sayWhy(error);
  } finally {
    ended += 1;
  }
}

async function look() {
  if (ended < begun) return;
  const before = begun;
  try {
    const answer = await ask('state');
    if (before === begun) show(answer);
  } catch (error) {
    $('going').textContent = '';
    sayWhy(error);
  }
}

function sayWhy(error) {
  say(error === GONE && state?.ended ? `${GONE.message} ${state.ended}` : error.message);
}

function show(newest) {
  state = newest;
  $('muted').checked = state.muted;
  $('frozen').checked = state.frozen;
  showFace(state.identity);
  for (const put of puts) put();
  const share = Math.min(1, Math.sqrt(state.level) * 1.6);
  $('meter-fill').style.transform = `scaleX(${share})`;
  $('meter').setAttribute('aria-valuenow', Math.round(share * 100));
  document.body.toggleAttribute('data-speaking', state.speaking);
  const voice = state.voice_delay_ms === null ? '' : `, voice ${ms(state.voice_delay_ms)} later`;
  $('going').textContent = `${state.device}: ${state.fps.toFixed(1)} pictures a second, `
    + `${ms(state.age_ms.p50)} old${voice}`;
  if (state.ended) sayWhy(GONE);
  else say(refusal || state.notice);
}

const ms = (value) => `${Math.round(value)} ms`;

function addSetting(label, most, read, change) {
  const put = addSlider(label, most, (value) => set(change(value)));
  puts.push(() => put(read()));
}

const first = await ask('state');
for (const name of first.identities) addFace(name);
// With the axes that this page has no slider for: the server replaces an expression whole.
const withPart = (part) => ({ expression: { ...state.expression, ...part } });
const moods = addMoods(first.axes, (part) => set(withPart(part)));
puts.push(() => moods.show(state.expression));
for (const { label, highs } of expressionsOf(first.axes)) {
  const [[axis, high]] = highs;
  const read = () => (state.expression[axis] ?? 0) / high;
  addSetting(label, 1, read, (share) => withPart(scaled(highs, share)));
}
addSetting('Liveliness', 2, () => state.life, (life) => ({ life }));
show(first);
document.body.dataset.ready = '';

for (const switched of ['muted', 'frozen']) {
  $(switched).addEventListener('change', (event) => set({ [switched]: event.target.checked }));
}
$('faces').addEventListener('change', (event) => set({ identity: event.target.value }));
$('new-face').addEventListener('click', () => set({ identity: randomFace() }));
$('neutral').addEventListener('click', () => set({ expression: {}, life: 1 }));
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const key = event.key.toLowerCase(); // Caps Lock may be on
  if (key === 'm') void set({ muted: !state.muted });
  if (key === 'f') void set({ frozen: !state.frozen });
});
setInterval(look, EVERY);
