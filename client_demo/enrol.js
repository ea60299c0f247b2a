// A minute at the camera becomes an avatar: who it is, the guided recording, the work.
//
// The recording goes piece by piece to the server on this machine, which keeps it; what the page
// shows of the work is the server's state, asked for once a second, so it may be closed meanwhile.

import { $, element, say } from './elements.js';
import { address } from './server.js';

const PIECE = 1000; // ms of a recording in a piece
const ASK = 1000; // ms between questions about the work
const CAMERA = {
  video: {
    width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 25, max: 30 },
    facingMode: 'user',
  },
};
const KINDS = ['video/webm;codecs=vp9', 'video/webm;codecs=vp8', 'video/webm'];
const SCRIPT = [ // [seconds, what is asked for]
  [4, 'Look into the camera, at ease.'],
  [11, 'Read aloud: “The quick brown fox jumps over a lazy dog, while bees hum in the warm evening.”'],
  [5, 'Turn your head slowly to the left, and back.'],
  [5, 'Turn your head slowly to the right, and back.'],
  [4, 'Raise your chin a little, then lower it.'],
  [4, 'Smile.'],
  [4, 'Say a long “ah”, your mouth wide open.'],
  [4, 'Say a long “oo”, with round lips.'],
  [3, 'Close your eyes until the bar has moved on.'],
  [3, 'Open your eyes wide, brows up.'],
  [13, 'Read aloud: “Five thin fishermen saved two boys; they should have voted for a better job.”'],
];
const MORE = { // what the server finds missing: how it is asked for
  left: [5, 'Turn your head slowly to the left, and back.'],
  right: [5, 'Turn your head slowly to the right, and back.'],
  lowered: [4, 'Lower your head a little.'],
  raised: [4, 'Raise your head a little.'],
  'wide open': [4, 'Say a long “ah”, your mouth wide open.'],
  'eyes closed': [3, 'Close your eyes for a moment.'],
  smile: [4, 'Smile.'],
  rounded: [4, 'Say a long “oo”, with round lips.'],
  eyebrows: [3, 'Raise your brows.'],
};

let stream = null;
let takes = 0;
let script = SCRIPT;
let asking = 0;
let shownPreview = 0;

function show(part) {
  document.body.dataset.enrol = part;
  for (const id of ['who', 'record', 'work']) $(id).hidden = id !== part;
}

function trouble(words) {
  $('trouble').textContent = words;
  $('trouble').hidden = !words;
}

/** where: a path, or an address of its own. */
async function ask(where, options) {
  let answer;
  try {
    const url = where instanceof URL ? where : address(where);
    answer = await fetch(url, { cache: 'no-store', ...options });
  } catch {
    throw new Error('The server does not answer. Is it still running?');
  }
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  return told;
}

const post = (path, message) => ask(path, { method: 'POST', body: JSON.stringify(message) });

/** Runs what a button does; what goes wrong is said. */
const trying = (what) => async (event) => {
  event.preventDefault();
  trouble('');
  try {
    await what();
  } catch (error) {
    trouble(error.message);
  }
};

async function openCamera() {
  if (!navigator.mediaDevices) throw new Error('This browser gives no camera to this page.');
  try {
    stream = await navigator.mediaDevices.getUserMedia(CAMERA);
  } catch (error) {
    throw new Error(error.name === 'NotAllowedError'
      ? 'The browser was not allowed to use the camera. Allow it beside the address, and try again.'
      : `The camera cannot be used: ${error.message}`);
  }
  $('camera').srcObject = stream;
  show('record');
  say('Nothing is recorded yet.');
}

function closeCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  $('camera').srcObject = null;
}

/** One take, with its prompts; resolves when every piece is with the server. */
function recordTake() {
  const kind = KINDS.find((one) => MediaRecorder.isTypeSupported(one));
  const recorder = new MediaRecorder(stream, { mimeType: kind, videoBitsPerSecond: 8_000_000 });
  const take = takes + 1;
  const seconds = script.reduce((sum, [part]) => sum + part, 0);
  let piece = 0;
  let sent = Promise.resolve();
  const begun = performance.now();
  const timer = setInterval(() => {
    const now = (performance.now() - begun) / 1000;
    $('elapsed').value = now / seconds;
    let until = 0;
    const part = script.find(([length]) => (until += length) > now);
    if (part) $('prompt').textContent = part[1];
    else if (recorder.state === 'recording') recorder.stop();
  }, 100);
  return new Promise((resolve, reject) => {
    recorder.ondataavailable = ({ data }) => {
      const url = address('enrol/recording');
      url.searchParams.set('name', $('name').value);
      url.searchParams.set('take', take);
      url.searchParams.set('piece', piece);
      piece += 1;
      sent = sent.then(() => ask(url, { method: 'POST', body: data }));
      sent.catch((error) => {
        if (recorder.state === 'recording') recorder.stop();
        reject(error);
      });
    };
    recorder.onerror = ({ error }) => reject(error);
    recorder.onstop = () => {
      clearInterval(timer);
      sent.then(() => { takes = take; resolve(); }, reject);
    };
    recorder.start(PIECE);
  });
}

async function roll() {
  $('roll').disabled = true;
  say('Recording. Follow the words in the picture.');
  try {
    await recordTake();
  } finally {
    $('roll').disabled = false;
    $('elapsed').value = 0;
  }
  $('prompt').textContent = 'Done. Record once more if you like: every take helps.';
  $('roll').textContent = 'Record again';
  $('learn').hidden = false;
  say(`${takes} recorded, kept on this computer.`);
}

const goOn = async () => showState(await post('enrol/start', {
  type: 'enrol', name: $('name').value,
}));

async function learn() {
  closeCamera();
  showState(await post('enrol/start', {
    type: 'enrol',
    name: $('name').value,
    consent: {
      whose: $('whose').value, own: $('own').checked, of_age: $('of-age').checked,
      purpose: $('purpose').value, agreed: '',
    },
  }));
}

const left = (seconds) => (seconds === null ? ''
  : seconds < 90 ? 'about a minute to go' : `about ${Math.round(seconds / 60)} minutes to go`);

const WORDS = {
  working: 'Learning your face. You may close this page.',
  stopped: 'Stopped. What is done is kept.',
  failed: 'It did not work.',
  done: 'Your face is ready.',
};

function showState(state) {
  clearTimeout(asking);
  if (state.phase === 'idle') return;
  show('work');
  takes = state.takes;
  if (!$('name').value) $('name').value = state.name;
  const working = state.phase === 'working';
  say(WORDS[state.phase], working || state.phase === 'done');
  trouble(state.message);
  $('step').textContent = state.phase === 'done'
    ? `Start it with: latentcam serve --avatar ${state.name}` : state.step;
  $('share').value = state.share;
  $('left').textContent = working ? left(state.left_s) : '';
  $('missing').hidden = !state.missing.length;
  $('missing-list').replaceChildren(
    ...state.missing.map((words) => element('li', { textContent: words })));
  $('more').hidden = state.phase === 'done';
  $('stop').hidden = !working;
  $('go-on').hidden = !['stopped', 'failed'].includes(state.phase);
  if (state.preview && state.preview !== shownPreview) {
    shownPreview = state.preview;
    const url = address('enrol/preview.jpg');
    url.searchParams.set('at', state.preview);
    $('preview').src = url;
    $('preview').hidden = false;
  }
  if (working) asking = setTimeout(follow, ASK);
}

async function follow() {
  try {
    showState(await ask('enrol/state'));
  } catch (error) {
    trouble(error.message);
    asking = setTimeout(follow, 3 * ASK);
  }
}

/** Another take, of what is missing. */
async function recordMore() {
  const words = [...$('missing-list').children].map((one) => one.textContent);
  showState(await post('enrol/stop'));
  const wanted = Object.entries(MORE).filter(([part]) => words.some((one) => one.includes(part)));
  script = wanted.length ? wanted.map(([, part]) => part) : SCRIPT;
  $('learn').hidden = false;
  await openCamera();
}

async function forget() {
  if (!window.confirm('Delete the avatar, the recording and all that was made of them?')) return;
  await post('enrol/forget', { name: $('name').value });
  window.location.reload();
}

$('whose').addEventListener('input', () => {
  const name = $('name');
  if (name.dataset.own) return;
  name.value = $('whose').value.normalize('NFKD').toLowerCase()
    .replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 64);
});
$('name').addEventListener('input', () => { $('name').dataset.own = 'yes'; });
$('who').addEventListener('submit', trying(openCamera));
$('roll').addEventListener('click', trying(roll));
$('learn').addEventListener('click', trying(learn));
$('go-on').addEventListener('click', trying(goOn));
$('stop').addEventListener('click', trying(async () => showState(await post('enrol/stop'))));
$('more').addEventListener('click', trying(recordMore));
$('forget').addEventListener('click', trying(forget));
window.addEventListener('pagehide', closeCamera);

follow();
