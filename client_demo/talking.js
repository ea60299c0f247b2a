// A conversation: the microphone is opened, a call is made and made again when it breaks.

import { Call } from './call.js';
import { say } from './elements.js';
import { clearFigures, digest, showFigures, tellSkew } from './figures.js';
import { Meter, askMic, closeMic, listMics } from './microphone.js';
import { hideTrouble, page, phaseIs, showPhase, showTrouble } from './page.js';
import { loadConfig } from './server.js';
import { buildSettings, sendSettings, settings } from './settings.js';
import { Trouble } from './words.js';

const RECONNECT_PAUSES = [1, 2, 4, 8, 15, 15, 15]; // seconds; about a minute, then the mic is freed
const STEADY_AFTER = 10_000; // ms of life after which a lost connection counts as a fresh one

const STOPPED = new Trouble('lost'); // what a conversation ends with when its person says so
const REDIAL = new Trouble('lost'); // what a call ends with that is to begin anew at once

let config = null;
let talking = null; // the AbortController of the conversation, null when there is none
let mic = null;
let meter = null;
let call = null;
let telemetry = null;

function onTrack({ track }) {
  const player = track.kind === 'video' ? page.face : page.voice;
  player.srcObject = new MediaStream([track]);
  hearVoice();
  player.play().catch((error) => {
    const stoppedFirst = error.name === 'AbortError';
    if (player === page.face && !stoppedFirst) showTrouble(new Trouble('playback'));
  });
}

function onTelemetry(message) {
  telemetry = message;
  if (message.speaking) document.body.dataset.speaking = '';
  else delete document.body.dataset.speaking;
  if (!phaseIs('live')) return;
  if (meter.silent) say('Nothing comes from the microphone. Is it muted?');
  else if (message.speaking) say('Live. The face says what you say.');
}

const handlers = {
  track: onTrack,
  telemetry: onTelemetry,
  steady: (isSteady) => showPhase(isSteady ? 'live' : 'unsteady'),
  complaint: (sentence) => say(sentence),
};

async function watchFigures(current) {
  let before = digest(await current.stats());
  const timer = setInterval(async () => {
    const stats = await current.stats().catch(() => null); // of a call that ends just now
    if (call !== current || !stats) return;
    const now = digest(stats);
    showFigures(now, before, telemetry, config.look_ahead_ms ?? 0);
    tellSkew(current, now);
    before = now;
  }, 1000);
  return () => clearInterval(timer);
}

/** One call from dialling to its end, which is always thrown. */
async function callOnce(signal) {
  const current = call = new Call(config, mic, page.hear.checked, handlers);
  const onStop = () => current.close(signal.reason);
  signal.addEventListener('abort', onStop);
  let unwatch = () => {};
  try {
    await current.open(settings.identity);
    showPhase('live');
    hideTrouble();
    sendSettings();
    unwatch = await watchFigures(current);
    await current.over;
  } finally {
    unwatch();
    signal.removeEventListener('abort', onStop);
    current.close();
    call = null;
    telemetry = null;
    clearFigures();
  }
}

/** Calls, and calls again when a call that once worked breaks. Ends by throwing. */
async function keepCalling(signal) {
  let tries = 0;
  for (let worked = false; ;) {
    const began = performance.now();
    try {
      await callOnce(signal);
    } catch (trouble) {
      signal.throwIfAborted();
      if (trouble === REDIAL) {
        worked = true;
        showPhase('connecting');
        continue;
      }
      worked ||= trouble.code === 'lost';
      if (performance.now() - began > STEADY_AFTER) tries = 0;
      if (!worked || trouble.code === 'token' || tries === RECONNECT_PAUSES.length) throw trouble;
    }
    await countDown(RECONNECT_PAUSES[tries], signal);
    tries += 1;
    showPhase('reconnecting', `Connection lost. Reconnecting, attempt ${tries}…`);
  }
}

async function countDown(seconds, signal) {
  showPhase('reconnecting', `Connection lost. Trying again in ${seconds} s.`);
  await new Promise((resolve) => {
    setTimeout(resolve, 1000 * seconds);
    signal.addEventListener('abort', resolve, { once: true });
  });
  signal.throwIfAborted();
}

async function talk() {
  const { signal } = talking = new AbortController();
  hideTrouble();
  try {
    if (!globalThis.RTCPeerConnection) throw new Trouble('unsupported');
    showPhase('asking');
    meter = new Meter(); // inside the click: browsers give sound only to a gesture
    useMic(await askMic(page.micsField.hidden ? undefined : page.mics.value, signal));
    void listMics(mic);
    showPhase('connecting');
    await begin();
    signal.throwIfAborted();
    await keepCalling(signal);
  } catch (error) {
    if (error !== STOPPED) {
      if (!(error instanceof Trouble)) console.error(error);
      showTrouble(error instanceof Trouble ? error : new Trouble('unknown'));
    }
  } finally {
    hangUp();
  }
}

export function stop(reason = STOPPED) {
  talking?.abort(reason);
}

export function talkOrStop() {
  if (talking) stop();
  else void talk();
}

function hangUp() {
  talking = null;
  closeMic(mic);
  mic = null;
  meter?.stop();
  meter = null;
  page.face.srcObject = null;
  page.voice.srcObject = null;
  delete document.body.dataset.picture;
  showPhase('idle');
}

export async function changeMic() {
  const current = talking;
  if (!mic) return;
  try {
    const next = await askMic(page.mics.value, current.signal);
    await call?.replaceMic(next);
    closeMic(talking === current ? mic : next); // Stop may have come in between
    if (talking === current) useMic(next);
    hideTrouble();
  } catch (error) {
    if (error instanceof Trouble && error !== STOPPED) showTrouble(error);
  }
}

function useMic(stream) {
  mic = stream;
  meter.listen(stream);
  stream.getAudioTracks()[0].addEventListener('ended', () => stop(new Trouble('mic-lost')));
}

function hearVoice() {
  page.voice.muted = !page.hear.checked; // a muted voice still plays: nothing old piles up in it
}

/** Whether pictures wait for the voice is settled when a call begins: so call anew. */
export function switchVoice() {
  hearVoice();
  call?.close(REDIAL);
}

/** For what is plugged in or out meanwhile. */
export function relistMics() {
  if (mic) void listMics(mic);
}

let begun = null;

/** Reads the configuration and builds the controls from it, once; after a failure, anew. */
export function begin() {
  begun ??= loadConfig().then((loaded) => {
    config = loaded;
    buildSettings(config, (message) => call?.send(message));
  }).catch((error) => {
    begun = null;
    throw error;
  });
  return begun;
}
