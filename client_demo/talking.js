// A conversation: the microphone is opened, a call is made and made again when it breaks.

import { Call } from './call.js';
import { Clips } from './clips.js';
import { cutOut } from './cut.js';
import { say } from './elements.js';
import { clearFigures, digest, lookAt, showFigures, tellSkew } from './figures.js';
import { buildFollow, startFollowing, stopFollowing, willFollow } from './follow.js';
import { Health, stepWords } from './health.js';
import { HereCall } from './here/call.js';
import { LatentsCall } from './here/latents.js';
import { chooseWay, giveUpHere, showWay } from './here/ways.js';
import { Meter, askMic, closeMic, learnMics, listMics } from './microphone.js';
import { hideTrouble, page, phaseIs, showPhase, showTrouble } from './page.js';
import { recall, remember } from './remembered.js';
import { loadConfig } from './server.js';
import { buildSettings, sendSettings, settings } from './settings.js';
import {
  endRecording, hideLast, keepLast, offerPicture, pauseRest, playRest, showAtRest,
} from './stage.js';
import { buildTry } from './try.js';
import { Trouble } from './words.js';

// Seconds: at once, for a cluster has other servers; after about a minute the mic is freed.
const RECONNECT_PAUSES = [0, 1, 2, 4, 8, 15, 15, 15];
const STEADY_AFTER = 10_000; // ms of life after which a lost connection counts as a fresh one
const HELD = 6_000; // ms to read a sentence

const STOPPED = new Trouble('lost'); // what a conversation ends with when its person says so
const REDIAL = new Trouble('lost'); // what a call ends with that is to begin anew at once

let config = null;
let talking = null; // the AbortController of the conversation, null when there is none
let mic = null;
let clips = null; // what speaks in place of the microphone, once it is asked to
let silentMic = false; // the conversation has no microphone, only clips
let meter = null;
let call = null;
let telemetry = null;
let health = new Health();
let held = 0; // when what is said now may give way to what is said all the time

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
  const step = stepWords(telemetry?.resolution, message.resolution);
  if (step) holdWords(step);
  telemetry = { ...message, at: performance.now() };
  document.body.toggleAttribute('data-speaking', message.speaking && phaseIs('live'));
  if (phaseIs('live') && !health.bad) sayHow();
}

const howToPush = matchMedia('(hover: none)').matches
  ? 'Hold the button below to talk.' : 'Hold Space to talk.';

/** Without a microphone nothing can echo. */
const isHeard = () => page.hear.checked || silentMic;

function holdWords(words) {
  held = performance.now() + HELD;
  say(words);
}

function sayHow() {
  if (performance.now() < held) return;
  if (clips?.playing) say('Live. The face says it.');
  else if (silentMic) say('Live, without a microphone.');
  else if (page.muted.checked) say(page.push.checked ? howToPush : 'You are muted.');
  else if (meter.silent) say('Nothing comes from the microphone. Is it muted?', false);
  else if (telemetry?.speaking) say('Live. The face says what you say.');
  else if (page.push.checked) say('You are heard.');
}

const handlers = {
  track: onTrack,
  telemetry: onTelemetry,
  steady: (isSteady) => showPhase(isSteady ? 'live' : 'unsteady'),
  complaint: (sentence) => say(sentence, false),
  drives: willFollow,
};

async function watchCall(current) {
  let before = digest(await current.stats());
  let told = telemetry;
  health = new Health();
  const timer = setInterval(async () => {
    const stats = await current.stats().catch(() => null); // of a call that ends just now
    if (call !== current || !stats) return;
    const now = digest(stats);
    showFigures(now, before, telemetry, config, isHeard());
    tellSkew(current, now, isHeard());
    if (phaseIs('live') && !document.hidden) judge(lookAt(now, before, telemetry, told, config.fps));
    [before, told] = [now, telemetry];
  }, 1000);
  return () => clearInterval(timer);
}

function judge(look) {
  const words = health.look(look);
  if (words) say(words, false);
  else if (words === '') holdWords('Live. It goes well again.');
}

function atRest() {
  const { identity, background } = settings;
  void showAtRest(identity, background === config.background ? '' : background);
}

/** A background is asked for only where there is a choice of one. */
function offered() {
  const { identity, background } = settings;
  if (!config.alpha) return { identity };
  return cuts ? { identity, alpha: true } : { identity, background };
}

function newCall(way) {
  if (way.name === 'here') return new HereCall(way, config, mic, handlers);
  if (way.name === 'latents') return new LatentsCall(way, config, mic, isHeard(), handlers);
  return new Call(config, mic, isHeard(), handlers);
}

/** One call from dialling to its end, which is always thrown. */
async function callOnce(signal) {
  const way = await chooseWay(config);
  signal.throwIfAborted();
  showWay(way);
  const current = call = newCall(way);
  const onStop = () => current.close(signal.reason);
  signal.addEventListener('abort', onStop);
  let unwatch = () => {};
  let lived = false;
  try {
    const hasAlpha = await current.open(offered());
    lived = true;
    page.cut.hidden = !hasAlpha;
    if (hasAlpha) cutOut(page.face, page.cut);
    showPhase('live');
    hideTrouble();
    sendSettings();
    void startFollowing((driven) => current.drive(driven));
    unwatch = await watchCall(current);
    await current.over;
  } finally {
    unwatch();
    signal.removeEventListener('abort', onStop);
    endRecording();
    if (lived && !signal.aborted) keepLast(); // else what an earlier call kept stays
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
      if (trouble.code === 'slow') giveUpHere();
      if (trouble === REDIAL || trouble.code === 'slow') {
        worked = true;
        showPhase('connecting');
        continue;
      }
      worked ||= trouble.code === 'lost';
      if (performance.now() - began > STEADY_AFTER) tries = 0;
      if (!worked || trouble.code === 'token' || tries === RECONNECT_PAUSES.length) throw trouble;
    }
    if (RECONNECT_PAUSES[tries]) await countDown(RECONNECT_PAUSES[tries], signal);
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

/** opened: what is sent in place of a microphone, if anything. */
async function talk(opened = null) {
  const { signal } = talking = new AbortController();
  silentMic = opened !== null;
  hideTrouble();
  hideLast();
  try {
    if (!globalThis.RTCPeerConnection) throw new Trouble('unsupported');
    showPhase('asking');
    meter = new Meter(); // inside the click: browsers give sound only to a gesture
    useMic(opened ?? await askMic(chosenMic(), signal));
    if (!silentMic) void listMics(mic);
    showPhase('connecting');
    await begin();
    signal.throwIfAborted();
    await keepCalling(signal);
  } catch (error) {
    if (error === STOPPED) hideLast();
    else {
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
  stopFollowing();
  closeMic(mic);
  mic = null;
  clips?.close();
  clips = null;
  silentMic = false;
  meter?.stop();
  meter = null;
  page.face.srcObject = null;
  page.voice.srcObject = null;
  showPicture(false);
  showPhase('idle');
  if (config) atRest(); // what was chosen during the call, perhaps
}

/** Whether the stage shows a picture of the call, or the face at rest. */
export function showPicture(there) {
  document.body.toggleAttribute('data-picture', there);
  offerPicture(there);
  if (there) {
    hideLast();
    pauseRest();
  } else playRest();
}

/** Before the browser tells names, what was chosen once is not in the list. */
const chosenMic = () => (page.listMics.hidden ? page.mics.value : recall().mic);

export async function changeMic() {
  remember({ mic: page.mics.value });
  const current = talking;
  if (!mic || silentMic) return;
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
  mute();
  meter.listen(stream);
  stream.getAudioTracks()[0].addEventListener('ended', () => stop(new Trouble('mic-lost')));
}

/** Speaks a sound file in place of the microphone, in a call of its own if there is none. data: its
 * bytes. Rejects with a Trouble if it cannot be played. */
export async function speak(data) {
  const mine = clips ??= new Clips(); // inside the click, as the meter
  if (!talking) {
    void talk(mine.stream);
    if (!await liveOrOver()) return;
  }
  const own = mic;
  if (!silentMic) await call?.replaceMic(mine.stream);
  await mine.play(data);
  if (!mine.playing && mic === own && !silentMic) await call?.replaceMic(own);
}

/** Whether the call that begins came to life. */
function liveOrOver() {
  return new Promise((resolve) => {
    const watch = new MutationObserver(() => {
      if (phaseIs('live') || phaseIs('idle')) {
        watch.disconnect();
        resolve(phaseIs('live'));
      }
    });
    watch.observe(document.body, { attributeFilter: ['data-phase'] });
  });
}

/** Muted, nothing of the voice leaves this device. */
export function mute() {
  for (const track of mic?.getAudioTracks() ?? []) track.enabled = !page.muted.checked;
  if (phaseIs('live') && !health.bad) {
    if (page.muted.checked) sayHow();
    else say('Live. You are heard.');
  }
}

function hearVoice() {
  page.voice.muted = !isHeard(); // a muted voice still plays: nothing old piles up in it
}

/** Whether pictures wait for the voice is settled when a call begins: so call anew. */
export function switchVoice() {
  remember({ hear: page.hear.checked });
  hearVoice();
  call?.close(REDIAL);
}

/** The camera is to move the head, or no longer: a call that cannot say so is made anew. */
function follow(wanted) {
  if (!wanted) stopFollowing();
  else if (phaseIs('live') && call?.canDrive) void startFollowing((driven) => call?.drive(driven));
  else call?.close(REDIAL);
}

/** For what is plugged in or out meanwhile. */
export function relistMics() {
  void listMics(mic, recall().mic);
}

/** For somebody who wants to choose a microphone before talking. */
export async function showMics() {
  try {
    await learnMics();
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    showTrouble(error);
  }
}

let begun = null;
let cuts = false; // whether faces are cut out, where they have alpha

/** Reads the configuration and builds the controls from it, once; after a failure, anew.
 * wishes: what the address asks for, instead of what is remembered. */
export function begin(wishes = null) {
  begun ??= loadConfig().then((loaded) => {
    config = loaded;
    cuts = wishes !== null && !wishes.has('background');
    const chosen = () => {
      if (talking) return; // its call shows it
      hideLast();
      atRest();
    };
    buildSettings(config, (message) => call?.send(message), chosen, wishes);
    buildFollow(page.panel, config, follow);
    buildTry(page.panel, config.speech, speak, showTrouble);
    chooseWay(config).then(showWay, showTrouble);
  }).catch((error) => {
    begun = null;
    throw error;
  });
  return begun;
}
