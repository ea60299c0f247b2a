// The live figures: what the browser measures and what the server tells.

import { element } from './elements.js';
import { page } from './page.js';

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

const UNKNOWN = '—';
const cells = {};

export function buildFigures() {
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

export function clearFigures() {
  for (const cell of Object.values(cells)) cell.textContent = UNKNOWN;
}

/** The three entries of a stats report that the figures are made of. */
export function digest(report) {
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
export function tellSkew(current, now, heard) {
  const skew = skewMs(now);
  if (known(skew) && heard && Math.abs(skew) < 10_000) {
    current.send({ type: 'skew', early_ms: skew });
  }
}

function skewWords(skew, heard) {
  if (!known(skew) || !heard) return UNKNOWN;
  const size = Math.round(Math.abs(skew));
  return size === 0 ? 'together' : `${size} ms ${skew > 0 ? 'early' : 'late'}`;
}

/** What a second of a call was like, for `health.js`. told: the telemetry of a second ago. */
export function lookAt(now, before, telemetry, told, fps) {
  const seconds = (now.at - before.at) / 1000;
  const [video, was] = [now.video, before.video];
  const lost = (video.packetsLost - was.packetsLost)
    / (video.packetsReceived - was.packetsReceived + video.packetsLost - was.packetsLost);
  return {
    fps,
    made: (1000 * (telemetry?.frames - told?.frames)) / (telemetry?.at - told?.at),
    shown: (video.framesDecoded - was.framesDecoded) / seconds,
    age: telemetry?.age_ms.p50, trip: 1000 * now.pair.currentRoundTripTime, lost,
  };
}

export function showFigures(now, before, telemetry, config, heard) {
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
  show('age', ms(age?.p50 + (config.look_ahead_ms ?? 0) + roundTrip + buffer + decode));
  show('server', known(age?.p50, age?.p95) ? `${Math.round(age.p50)} / ${ms(age.p95)}` : UNKNOWN);
  show('network', known(roundTrip) && roundTrip < 1 ? '< 1 ms' : ms(roundTrip));
  show('skew', skewWords(skewMs(now) - (telemetry?.voice_shift_ms ?? 0), heard));
  show('bitrate', known(bits) ? `${Math.round(bits / 1000)} kbit/s` : UNKNOWN);
  show('picture', video.frameWidth ? size(video, config.resolution) : UNKNOWN);
  show('dropped', known(video.framesDropped)
    ? `${video.framesDropped} / ${telemetry?.skipped ?? UNKNOWN}` : UNKNOWN);
}

/** In pixels, and whether that is less than there could be. */
function size({ frameWidth, frameHeight }, most) {
  return `${frameWidth} × ${frameHeight}${frameWidth < most ? ` of ${most}` : ''}`;
}
