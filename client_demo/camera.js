// The control page of `latentcam camera`: settings go up as they change, figures come down.

import { buildControls } from './controls.js';
import { $, card, element, isWritten, say } from './elements.js';
import { Health } from './health.js';
import { buildTry } from './try.js';

const EVERY = 500; // ms between looks at the state
const GONE = new Error('latentcam camera does not run any more.');

const SEEN = {
  avatar: 'The meeting sees the avatar', camera: 'The meeting sees YOU',
  still: 'The meeting sees a still picture',
};

const health = new Health();
let judged = null; // the counts that were judged last

let state = null; // the server's newest, with what was changed here since
let [begun, ended] = [0, 0]; // changes asked for, changes answered
let refusal = ''; // why the newest change was not made

async function ask(path, body) {
  const options = body ? { method: 'POST', body } : {};
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
    const answer = await ask('change', JSON.stringify({ type: 'change', ...change }));
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
  document.body.toggleAttribute('data-gone', error === GONE);
  say(error === GONE && state?.ended ? `${GONE.message} ${state.ended}` : error.message, false);
}

function show(newest) {
  const again = document.body.hasAttribute('data-gone');
  state = newest;
  $('muted').checked = state.muted;
  $('frozen').checked = state.frozen;
  showControls(state);
  document.body.dataset.seen = state.seen;
  $('seen').textContent = SEEN[state.seen];
  $('through-words').textContent = state.through ? 'Back to the avatar' : 'Show me instead';
  const share = Math.min(1, Math.sqrt(state.level) * 1.6);
  $('meter-fill').style.transform = `scaleY(${share})`;
  $('meter').setAttribute('aria-valuenow', Math.round(share * 100));
  const voice = state.voice_delay_ms === null ? '' : `, voice ${ms(state.voice_delay_ms)} later`;
  $('going').textContent = `${state.device}: ${state.fps.toFixed(1)} pictures a second, `
    + `${ms(state.age_ms.p50)} old${voice}`;
  if (state.ended) {
    sayWhy(GONE);
    return;
  }
  document.body.removeAttribute('data-gone');
  if (again) $('picture').src = `preview.mjpg?${Date.now()}`; // its stream ended with the camera
  judge(state);
  if (refusal || state.notice) say(refusal || state.notice, false);
  else say(state.playing ? 'The face says it, in place of your microphone.' : '');
}

/** Says it when pictures do not come in time: then the last one is shown again. Once a second. */
function judge({ frames, repeated, age_ms, frozen, through }) {
  const at = performance.now();
  if (judged && at - judged.at < 900) return;
  const [before, seconds] = [judged, (at - judged?.at) / 1000];
  judged = { frames, repeated, at };
  if (!before || frozen || through) return;
  const made = (frames - before.frames) / seconds;
  const fps = Math.round(made + (repeated - before.repeated) / seconds);
  const words = health.look({ fps, made, shown: fps, age: age_ms.p50, trip: 0, lost: 0 });
  if (words !== null) $('slow').textContent = words.replace('server’s machine', 'machine');
}

const ms = (value) => `${Math.round(value)} ms`;

const first = await ask('state');
const showControls = buildControls($('panel'), first, set);
$('below').append($('background-card'));
buildTry($('below'), first.speech, async (data) => show(await ask('play', data)), (trouble) => {
  refusal = `${trouble.title}. ${trouble.hint}`;
  say(refusal, false);
});
show(first);
document.body.dataset.ready = '';

const putThrough = () => void set({ through: !state.through });
$('through').addEventListener('click', putThrough);
/** The list of microphones; an empty one, where a file speaks, is not shown. */
function showMics({ names, chosen }) {
  $('mics-card').hidden = names.length === 0;
  $('mics').replaceChildren(...['', ...names].map((name) => element('option', {
    value: name, textContent: name || 'The system’s own', selected: name === chosen,
  })));
}

const mics = element('select', { id: 'mics' });
const micsCard = card('Sound', element('label', { className: 'field' },
  element('span', { textContent: 'Microphone' }), mics));
micsCard.id = 'mics-card';
micsCard.hidden = true;
$('below').prepend(micsCard);
const listMics = () => ask('microphones').then(showMics, () => {}); // gone: the state says so
mics.addEventListener('change', () => {
  ask('microphone', JSON.stringify({ microphone: mics.value })).then(showMics, (error) => {
    refusal = error.message;
    say(refusal, false);
    void listMics();
  });
});
void listMics();

for (const switched of ['muted', 'frozen']) {
  $(switched).addEventListener('change', (event) => set({ [switched]: event.target.checked }));
}
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isWritten(event)) return;
  const key = event.key.toLowerCase(); // Caps Lock may be on
  if (key === 'm') void set({ muted: !state.muted });
  if (key === 'p') putThrough();
  if (key === 'f') void set({ frozen: !state.frozen });
});
$('full').hidden = !document.fullscreenEnabled;
$('full').addEventListener('click', () => (
  document.fullscreenElement ? document.exitFullscreen() : $('stage').requestFullscreen()));
setInterval(look, EVERY);
