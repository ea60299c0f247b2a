// What is on the stage besides the call: the chosen face at rest, and the last picture of a call
// that broke. And what a person does with the picture: larger, smaller, kept.

import { say } from './elements.js';
import { page } from './page.js';
import { faceAddress } from './server.js';

let resting = null; // the AbortController of the film that is shown or being fetched

/** Shows a face as it is before anybody talks: at once its portrait, then the film of it at rest.
 * background: another than the films have; then the portrait must do. */
export async function showAtRest(identity, background = '') {
  const wanted = faceAddress(identity, 'jpg', background).href;
  if (page.portrait.src === wanted && document.body.hasAttribute('data-resting')) return;
  page.portrait.src = wanted;
  resting?.abort();
  const { signal } = resting = new AbortController();
  delete document.body.dataset.resting;
  if (background || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  try {
    // Not by its address: the server may have to make it first, and refuses while somebody talks.
    const response = await fetch(faceAddress(identity, 'webm'), { signal });
    if (!response.ok) return;
    const film = URL.createObjectURL(await response.blob());
    if (signal.aborted) return;
    URL.revokeObjectURL(page.rest.src);
    page.rest.src = film;
    if (!document.body.hasAttribute('data-picture')) await page.rest.play();
    if (!signal.aborted) document.body.dataset.resting = '';
  } catch {
    // the portrait stays: the server is gone, or the browser plays no such film
  }
}

/** A film that nobody sees need not be played. */
export function pauseRest() {
  page.rest.pause();
}

export function playRest() {
  if (page.rest.src) page.rest.play().catch(() => {});
}

/** Keeps the newest picture of the call on the stage, greyed, for when none follows. */
export function keepLast() {
  const { videoWidth: width, videoHeight: height } = page.face;
  if (!width) return;
  Object.assign(page.last, { width, height });
  page.last.getContext('2d').drawImage(page.face, 0, 0, width, height);
  document.body.dataset.last = '';
}

export function hideLast() {
  delete document.body.dataset.last;
}

export async function fullScreen() {
  if (document.fullscreenElement) await document.exitFullscreen();
  else await page.stage.requestFullscreen();
}

export async function pictureInPicture() {
  if (document.pictureInPictureElement) await document.exitPictureInPicture();
  else await page.face.requestPictureInPicture();
}

const KINDS = ['video/mp4;codecs=avc1,mp4a.40.2', 'video/webm;codecs=vp8,opus', 'video/webm'];

let recorder = null;

/** Begins to record the face and its voice, or ends and hands the file over. */
export function record() {
  if (recorder) {
    recorder.stop();
    return;
  }
  const tracks = [page.face, page.voice].flatMap((one) => one.srcObject?.getTracks() ?? []);
  const mimeType = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
  const parts = [];
  recorder = new MediaRecorder(new MediaStream(tracks), { mimeType });
  recorder.addEventListener('dataavailable', ({ data }) => parts.push(data));
  recorder.addEventListener('stop', () => {
    const type = recorder.mimeType.split(';')[0];
    recorder = null;
    page.record.setAttribute('aria-pressed', 'false');
    handOver(new Blob(parts, { type }), type.split('/')[1]);
  });
  recorder.start();
  page.record.setAttribute('aria-pressed', 'true');
  say('Recording. Press Record again to save it.');
}

/** A recording ends with its call: its tracks do. */
export function endRecording() {
  if (recorder?.state === 'recording') recorder.stop();
}

function handOver(file, ending) {
  const now = new Date();
  const stamp = new Date(now - 60_000 * now.getTimezoneOffset()).toISOString()
    .slice(0, 19).replaceAll(':', '-');
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = `synthetic-face-${stamp}.${ending}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  say(`Saved as ${link.download}, in your downloads.`);
}

/** Hides what this browser cannot do. */
export function offerWhatWorks() {
  page.full.hidden = !document.fullscreenEnabled;
  page.small.hidden = !document.pictureInPictureEnabled;
  page.record.hidden = !globalThis.MediaRecorder;
}

/** What needs a picture of a call works only while there is one. */
export function offerPicture(there) {
  page.record.disabled = page.small.disabled = !there;
}
