// The demo page of latentcam: a microphone goes up, a face comes down, figures say how it goes.
// From top to bottom: words, page, server, microphone, call, figures, controls, talking.

import { $, EXPRESSIONS, addFace, addSlider, element, randomFace, showFace } from './controls.js';

const RECONNECT_PAUSES = [1, 2, 4, 8, 15, 15, 15]; // seconds; about a minute, then the mic is freed
const STEADY_AFTER = 10_000; // ms of life after which a lost connection counts as a fresh one
const ANSWER_LIMIT = 15_000; // ms
const CONNECT_LIMIT = 15_000; // ms; ICE itself takes half a minute to give up
const GATHER_LIMIT = 2_000; // ms; one dead STUN server must not hold the call back
const QUIET_LIMIT = 6_000; // ms without telemetry (due twice a second): the server is gone
const SILENT_HINT_AFTER = 6_000; // ms of digital silence from the microphone
const MIC = {
  echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1,
};

const MOODS = ['happy', 'sad', 'angry', 'surprised', 'afraid', 'disgusted'];

const FIGURES = [
  ['fps', 'Frames per second', 'Pictures that this browser decoded in the last second.'],
  ['age', 'Mic to face', 'Added up from what can be measured: server age, the model’s look-ahead, '
    + 'the network there and back, the video buffer and decoding. Not in it: the buffers of the '
    + 'microphone, of the server’s receiver and of the screen, some 50 to 100 ms more. While you '
    + 'hear your voice, the browser holds the picture back to match it.'],
  ['server', 'Server age', 'From the last sample of a tick to its frame leaving the server: '
    + 'half of the frames are at most this old, then 95 of 100.'],
  ['network', 'Network', 'Time of one round trip to the server, as ICE measures it.'],
  ['skew', 'Voice against lips', 'How far the returned voice plays before or after the picture it '
    + 'left the server with. Known only while you hear your voice. Up to 45 ms early or 125 ms '
    + 'late goes unnoticed (ITU-R BT.1359).'],
  ['bitrate', 'Video bitrate', 'What the picture costs on the network.'],
  ['picture', 'Picture', 'Width and height as decoded.'],
  ['dropped', 'Skipped', 'Pictures that this browser dropped, and moves that the server skipped '
    + 'because a newer one was there first.'],
];

// ---- words ----------------------------------------------------------------------------------

const WORDS = {
  insecure: ['The browser gives no microphone to this address',
    'Microphones work only on localhost or over HTTPS. Open the page as http://localhost, '
    + 'or start the server with --tls-cert and --tls-key.'],
  unsupported: ['This browser cannot make calls', 'It has no WebRTC. A current Chrome, Edge, '
    + 'Firefox or Safari does.'],
  'no-mic': ['No microphone found', 'Plug one in, or switch it on in the system’s sound '
    + 'settings, then press Talk.'],
  'mic-refused': ['The microphone was refused', 'Allow it for this page (the icon beside the '
    + 'address), and in the system’s privacy settings, then press Talk.'],
  'mic-busy': ['The microphone does not start', 'Another program may be holding it. Close that, '
    + 'then press Talk.'],
  'mic-lost': ['The microphone went away', 'It was unplugged or switched off. Plug it in or choose '
    + 'another, then press Talk.'],
  token: ['This address lacks its token', 'Open the full address that the server printed; it ends '
    + 'in ?token=…'],
  refused: ['The server refused this page', 'It is up, but takes no calls from this address. '
    + 'Open the address that the server printed.'],
  full: ['The server is full', 'Every place is taken. Try again in a moment.'],
  gone: ['The server does not answer', 'Is latentcam serve still running? Then press Talk.'],
  lost: ['The connection was lost', 'The server stopped or the network broke.'],
  ice: ['No path for voice and picture', 'The server answers, but a firewall stops the media. '
    + 'Try another network, or give the server a TURN server.'],
  failed: ['The server could not go on', 'Its log says why.'],
  bad_request: ['The server did not understand this page', 'Reload it; it may be older than the '
    + 'server.'],
  playback: ['The browser did not start the picture', 'Press Talk again.'],
  unknown: ['Something unexpected happened', 'Reload the page and try again.'],
};

class Trouble extends Error {
  constructor(code, hint = '') {
    super(code);
    this.code = code in WORDS ? code : 'unknown';
    this.title = WORDS[this.code][0];
    this.hint = hint || WORDS[this.code][1];
  }
}

// ---- page -----------------------------------------------------------------------------------

const page = {
  face: $('face'), voice: $('voice'), talk: $('talk'), pill: $('pill'), status: $('status'),
  trouble: $('trouble'), troubleTitle: $('trouble-title'), troubleHint: $('trouble-hint'),
  meter: $('meter'), meterFill: $('meter-fill'), faces: $('faces'), newFace: $('new-face'),
  moods: $('moods'), sliders: $('sliders'), neutral: $('neutral'), micsField: $('mics-field'), mics: $('mics'),
  hear: $('hear'), figures: $('figures'), meanings: $('meanings'),
};

const PHASES = { // phase: [pill, what the status line says]
  idle: ['Off', 'Press Talk and say something.'],
  asking: ['Microphone?', 'Allow the microphone in the browser’s question.'],
  connecting: ['Connecting', 'Connecting…'],
  live: ['Live', 'Live. Say something.'],
  unsteady: ['Unsteady', 'The connection stutters. Waiting for it…'],
  reconnecting: ['Reconnecting', 'Connection lost. Reconnecting…'],
};

function showPhase(phase, words = PHASES[phase][1]) {
  document.body.dataset.phase = phase;
  page.pill.textContent = PHASES[phase][0];
  page.talk.textContent = phase === 'idle' ? 'Talk' : 'Stop';
  if (phase !== 'live') delete document.body.dataset.speaking;
  say(words);
}

function say(words) { // the same words again would make a screen reader repeat itself
  if (page.status.textContent !== words) page.status.textContent = words;
}

function showTrouble(trouble) {
  page.troubleTitle.textContent = trouble.title;
  page.troubleHint.textContent = trouble.hint;
  page.trouble.hidden = false;
  page.trouble.scrollIntoView({ block: 'nearest' });
}

function hideTrouble() {
  page.trouble.hidden = true;
}

// ---- server ---------------------------------------------------------------------------------

const token = new URLSearchParams(location.search).get('token');

function address(path) {
  const url = new URL(path, location.href);
  url.search = token === null ? '' : `?${new URLSearchParams({ token })}`;
  return url;
}

async function loadConfig() {
  let response;
  try {
    response = await fetch(address('config'), { cache: 'no-store' });
  } catch {
    throw new Trouble('gone');
  }
  if (response.status === 401) throw new Trouble('token');
  if (response.status === 403) throw new Trouble('refused');
  if (!response.ok) throw new Trouble('gone', `It answered with ${response.status}.`);
  return response.json();
}

// ---- microphone -----------------------------------------------------------------------------

async function openMic(deviceId) {
  if (!navigator.mediaDevices?.getUserMedia) throw new Trouble('insecure');
  const audio = deviceId ? { ...MIC, deviceId: { exact: deviceId } } : MIC;
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    if (error.name === 'OverconstrainedError' && deviceId) return openMic(); // it was unplugged
    throw new Trouble(
      { NotAllowedError: 'mic-refused', SecurityError: 'mic-refused', NotFoundError: 'no-mic',
        NotReadableError: 'mic-busy', AbortError: 'mic-busy' }[error.name] ?? 'unknown',
    );
  }
}

/** The microphone, or the reason to stop: a person may press Stop while the browser still asks. */
async function askMic(deviceId, signal) {
  const opened = openMic(deviceId);
  const aborted = new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
  try {
    return await Promise.race([opened, aborted]);
  } catch (error) {
    opened.then(closeMic, () => {}); // a late yes must not leave a microphone open
    throw error;
  }
}

function closeMic(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

async function listMics(current) {
  const devices = await navigator.mediaDevices.enumerateDevices();
  // "default" and "communications" are second names of microphones that are listed anyway.
  const mics = devices.filter((device) => device.kind === 'audioinput' && device.label
    && device.deviceId !== 'default' && device.deviceId !== 'communications');
  const track = current.getAudioTracks()[0];
  const named = (mic) => mic.deviceId === track.getSettings().deviceId
    || track.label.endsWith(mic.label); // the default is called "Default - <its label>"
  const chosen = mics.findLast(named);
  page.mics.replaceChildren(...mics.map((mic) => element(
    'option', { value: mic.deviceId, textContent: mic.label, selected: mic === chosen },
  )));
  page.micsField.hidden = mics.length < 2;
}

/** Shows the microphone's level until stopped; tells when it gives digital silence for long. */
class Meter {
  #context = new AudioContext();
  #analyser = new AnalyserNode(this.#context, { fftSize: 1024 });
  #samples = new Float32Array(1024);
  #source = null;
  #shown = 0;
  #told = 0;
  #heard = performance.now();
  #frame = requestAnimationFrame((now) => this.#draw(now));

  listen(stream) {
    this.#source?.disconnect();
    this.#source = new MediaStreamAudioSourceNode(this.#context, { mediaStream: stream });
    this.#source.connect(this.#analyser);
    void this.#context.resume(); // Safari begins suspended even after a click
  }

  get silent() {
    return performance.now() - this.#heard > SILENT_HINT_AFTER;
  }

  #draw(now) {
    this.#frame = requestAnimationFrame((next) => this.#draw(next));
    this.#analyser.getFloatTimeDomainData(this.#samples);
    const power = this.#samples.reduce((sum, value) => sum + value * value, 0) / 1024;
    if (power > 1e-10) this.#heard = now;
    const decibels = 10 * Math.log10(power + 1e-12);
    const share = Math.min(1, Math.max(0, (decibels + 60) / 54)); // from -60 to -6 dBFS
    this.#shown = Math.max(share, this.#shown - 0.025); // rises at once, falls gently
    page.meterFill.style.transform = `scaleX(${this.#shown.toFixed(3)})`;
    if (now - this.#told > 250) this.#tell(now);
  }

  #tell(now) {
    this.#told = now;
    const percent = Math.round(this.#shown * 100);
    page.meter.setAttribute('aria-valuenow', percent);
    page.meter.setAttribute('aria-valuetext', `${percent} percent`);
  }

  stop() {
    cancelAnimationFrame(this.#frame);
    void this.#context.close();
    page.meterFill.style.transform = '';
    page.meter.setAttribute('aria-valuenow', 0);
    page.meter.setAttribute('aria-valuetext', 'off');
  }
}

// ---- call -----------------------------------------------------------------------------------

const timeout = (ms, code) => new Promise((_, reject) => {
  setTimeout(() => reject(new Trouble(code)), ms);
});

/** The answer with voice and face in streams of their own, which nothing keeps in step. Otherwise
 * Chromium holds every picture back to match the voice, by some 50 ms, even if nobody hears it. */
function apart(sdp) {
  const sections = sdp.split(/^(?=m=)/m);
  const split = (part) => (part.startsWith('m=audio')
    ? part.replace(/^a=msid:\S+/gm, 'a=msid:voice') : part);
  return sections.map(split).join('');
}

function gathered(peer) {
  return new Promise((resolve) => {
    setTimeout(resolve, GATHER_LIMIT);
    peer.addEventListener('icegatheringstatechange', () => {
      if (peer.iceGatheringState === 'complete') resolve();
    });
  });
}

/** One WebRTC connection and its WebSocket. `over` rejects with the Trouble that ended it. */
class Call {
  #socket;
  #peer;
  #sender;
  #inSync;
  #on;
  #end;
  #answer = Promise.withResolvers?.() ?? withResolvers();
  #connected = Promise.withResolvers?.() ?? withResolvers();
  #isUp = false;
  #heard = performance.now();
  #watch = 0;

  /** inSync: whether pictures wait for the returned voice.
   * on: { track(event), telemetry(message), steady(isSteady), complaint(sentence) } */
  constructor(config, mic, inSync, on) {
    this.#inSync = inSync;
    this.#on = on;
    this.over = new Promise((_, reject) => { this.#end = reject; });
    this.over.catch(() => {}); // whoever awaits it hears it; before that it is no accident
    this.#peer = new RTCPeerConnection({ iceServers: config.ice_servers ?? [] });
    this.#peer.addEventListener('track', (event) => on.track(event));
    this.#peer.addEventListener('connectionstatechange', () => this.#onConnection());
    const [track] = mic.getAudioTracks();
    const voice = this.#peer.addTransceiver(track, { direction: 'sendrecv', streams: [mic] });
    this.#sender = voice.sender;
    const face = this.#peer.addTransceiver('video', { direction: 'recvonly' });
    // A face wants to be new rather than smooth. The voice keeps its buffer: gaps are heard.
    if ('jitterBufferTarget' in face.receiver) face.receiver.jitterBufferTarget = 0;
  }

  /** Resolves when media flows. Rejects with a Trouble. */
  async open(identity) {
    await Promise.race([this.#open(identity), this.over]);
  }

  async #open(identity) {
    const socketOpen = this.#openSocket();
    const complete = gathered(this.#peer);
    await this.#peer.setLocalDescription();
    await Promise.all([socketOpen, complete]);
    this.send({ type: 'offer', sdp: this.#peer.localDescription.sdp, identity });
    const sdp = await Promise.race([this.#answer.promise, timeout(ANSWER_LIMIT, 'gone')]);
    await this.#peer.setRemoteDescription({ type: 'answer', sdp: this.#inSync ? sdp : apart(sdp) });
    await Promise.race([this.#connected.promise, timeout(CONNECT_LIMIT, 'ice')]);
    this.#isUp = true;
    this.#heard = performance.now();
    this.#watch = setInterval(() => this.#checkPulse(), 1000);
  }

  #openSocket() {
    const url = address('ws');
    url.protocol = url.protocol.replace('http', 'ws');
    const socket = this.#socket = new WebSocket(url);
    return new Promise((resolve) => {
      let wasOpen = false;
      socket.addEventListener('open', () => { wasOpen = true; resolve(); });
      socket.addEventListener('message', (event) => this.#onMessage(JSON.parse(event.data)));
      socket.addEventListener('close', async () => {
        this.#end(wasOpen ? new Trouble('lost') : await whyClosed());
      });
    });
  }

  #onMessage(message) {
    this.#heard = performance.now();
    if (message.type === 'answer') this.#answer.resolve(message.sdp);
    else if (message.type === 'telemetry') this.#on.telemetry(message);
    else if (message.type === 'error' && this.#isUp && message.code === 'bad_request') {
      this.#on.complaint(message.message); // one control message failed, the session goes on
    } else if (message.type === 'error') this.#end(new Trouble(message.code, message.message));
  }

  #onConnection() {
    const state = this.#peer.connectionState;
    if (state === 'connected') this.#connected.resolve();
    if (state === 'failed') this.#end(new Trouble(this.#isUp ? 'lost' : 'ice'));
    if (this.#isUp && (state === 'connected' || state === 'disconnected')) {
      this.#on.steady(state === 'connected');
    }
  }

  #checkPulse() { // a dead network closes no socket
    if (performance.now() - this.#heard > QUIET_LIMIT) this.#end(new Trouble('lost'));
  }

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  replaceMic(mic) {
    return this.#sender.replaceTrack(mic.getAudioTracks()[0]);
  }

  stats() {
    return this.#peer.getStats();
  }

  close(trouble = new Trouble('lost')) {
    clearInterval(this.#watch);
    this.#end(trouble);
    this.#socket?.close();
    this.#peer.close();
  }
}

function withResolvers() { // browsers of before 2024
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

/** A refused WebSocket tells a page nothing; the same door's HTTP answer does. */
async function whyClosed() {
  try {
    await loadConfig();
  } catch (trouble) {
    return trouble;
  }
  return new Trouble('refused');
}

// ---- figures --------------------------------------------------------------------------------

const UNKNOWN = '—';
const cells = {};

function buildFigures() {
  for (const [key, label, meaning] of FIGURES) {
    cells[key] = element('dd', { id: `figure-${key}`, textContent: UNKNOWN });
    page.figures.append(
      element('div', { title: meaning }, element('dt', { textContent: label }), cells[key]),
    );
    page.meanings.append(
      element('dt', { textContent: label }), element('dd', { textContent: meaning }),
    );
  }
}

function clearFigures() {
  for (const cell of Object.values(cells)) cell.textContent = UNKNOWN;
}

/** The three entries of a stats report that the figures are made of. */
function digest(report) {
  const found = { at: performance.now() };
  const entries = [...report.values()];
  const inbound = (kind) => entries.find((e) => e.type === 'inbound-rtp' && e.kind === kind) ?? {};
  found.video = inbound('video');
  found.audio = inbound('audio');
  const transport = entries.find((e) => e.type === 'transport' && e.selectedCandidatePairId);
  found.pair = report.get(transport?.selectedCandidatePairId)
    ?? entries.find((e) => e.type === 'candidate-pair' && e.nominated) ?? {}; // Firefox
  return found;
}

const known = (...values) => values.every((value) => Number.isFinite(value));
const ms = (value) => (known(value) ? `${Math.round(value)} ms` : UNKNOWN);

/** Mean of a growing total over a growing count since the last look, in ms. */
function meanMs(now, before, total, count) {
  const n = now[count] - before[count];
  return n > 0 ? (1000 * (now[total] - before[total])) / n : NaN;
}

/** By the sender reports of both. Positive: the voice plays earlier than its picture. */
function skewMs({ audio, video }) {
  return audio.estimatedPlayoutTimestamp - video.estimatedPlayoutTimestamp;
}

/** Tells the server, which then sends the voice that much later. */
function tellSkew(current, now) {
  const skew = skewMs(now);
  if (known(skew) && page.hear.checked && Math.abs(skew) < 10_000) {
    current.send({ type: 'skew', early_ms: skew });
  }
}

function skewWords(skew) {
  if (!known(skew) || !page.hear.checked) return UNKNOWN;
  const size = Math.round(Math.abs(skew));
  return size === 0 ? 'together' : `${size} ms ${skew > 0 ? 'early' : 'late'}`;
}

function showFigures(now, before, telemetry, lookAhead) {
  const seconds = (now.at - before.at) / 1000;
  const { video, pair } = now;
  const roundTrip = 1000 * pair.currentRoundTripTime;
  const buffer = meanMs(video, before.video, 'jitterBufferDelay', 'jitterBufferEmittedCount');
  const decode = meanMs(video, before.video, 'totalDecodeTime', 'framesDecoded');
  const age = telemetry?.age_ms;
  const fps = (video.framesDecoded - before.video.framesDecoded) / seconds;
  const bits = (8 * (video.bytesReceived - before.video.bytesReceived)) / seconds;
  const show = (key, text) => { cells[key].textContent = text; };
  show('fps', known(fps) ? fps.toFixed(1) : UNKNOWN);
  show('age', ms(age?.p50 + lookAhead + roundTrip + buffer + decode));
  show('server', known(age?.p50, age?.p95) ? `${Math.round(age.p50)} / ${ms(age.p95)}` : UNKNOWN);
  show('network', known(roundTrip) && roundTrip < 1 ? '< 1 ms' : ms(roundTrip));
  show('skew', skewWords(skewMs(now) - (telemetry?.voice_shift_ms ?? 0)));
  show('bitrate', known(bits) ? `${Math.round(bits / 1000)} kbit/s` : UNKNOWN);
  show('picture', video.frameWidth ? `${video.frameWidth} × ${video.frameHeight}` : UNKNOWN);
  show('dropped', known(video.framesDropped)
    ? `${video.framesDropped} / ${telemetry?.skipped ?? UNKNOWN}` : UNKNOWN);
}

// ---- controls -------------------------------------------------------------------------------

const settings = { identity: '', expression: {}, life: 1 };

function chooseFace(identity) {
  settings.identity = identity;
  call?.send({ type: 'change', identity });
}

function newFace() {
  const seed = randomFace();
  showFace(seed).scrollIntoView({ block: 'nearest' });
  chooseFace(seed);
  if (phaseIs('live')) say(`A new face, number ${seed}.`);
}

const phaseIs = (phase) => document.body.dataset.phase === phase;

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
  const highs = new Map(axes.map((axis) => [axis.name, axis.high]));
  buildMoods(highs);
  for (const { label, axes: names } of EXPRESSIONS) {
    const present = names.filter((name) => highs.has(name));
    if (present.length === 0) continue;
    addSetting(label, 1, 0, (share) => {
      for (const name of present) settings.expression[name] = share * highs.get(name);
      sendSoon();
    });
  }
  addSetting('Liveliness', 2, 1, (strength) => { settings.life = strength; sendSoon(); });
}

let sending = 0;
function sendSoon() { // a dragged slider fires faster than frames are made
  sending ||= setTimeout(() => { sending = 0; sendSettings(); }, 40);
}

function sendSettings() {
  call?.send({ type: 'change', expression: settings.expression, life: settings.life });
}

function buildControls() {
  for (const name of config.identities) addFace(name);
  [settings.identity] = config.identities;
  showFace(settings.identity);
  buildSliders(config.axes);
  document.body.dataset.ready = '';
}

async function changeMic() {
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
function switchVoice() {
  hearVoice();
  call?.close(REDIAL);
}

// ---- talking --------------------------------------------------------------------------------

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

function stop(reason = STOPPED) {
  talking?.abort(reason);
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

let begun = null;

/** Reads the configuration and builds the controls from it, once; after a failure, anew. */
function begin() {
  begun ??= loadConfig().then((loaded) => {
    config = loaded;
    buildControls();
  }).catch((error) => {
    begun = null;
    throw error;
  });
  return begun;
}

async function beginOrSay() {
  const insecure = !navigator.mediaDevices?.getUserMedia; // the first thing to fix, so told first
  try {
    await begin();
    if (insecure) throw new Trouble('insecure');
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    showTrouble(insecure ? new Trouble('insecure') : error);
  }
}

page.talk.addEventListener('click', () => (talking ? stop() : talk()));
page.faces.addEventListener('change', (event) => chooseFace(event.target.value));
page.newFace.addEventListener('click', newFace);
page.mics.addEventListener('change', changeMic);
page.hear.addEventListener('change', switchVoice);
page.face.addEventListener('loadeddata', () => { document.body.dataset.picture = ''; });
navigator.mediaDevices?.addEventListener('devicechange', () => { if (mic) void listMics(mic); });
addEventListener('pagehide', () => stop());
buildFigures();
const wishes = new URLSearchParams(location.search);
if (wishes.get('obs') === '1') { // a browser source: only the face, on nothing or on a colour
  document.body.dataset.obs = '';
  document.documentElement.style.background = wishes.get('background') ?? 'transparent';
  void beginOrSay().then(() => page.talk.click());
} else {
  void beginOrSay();
}
