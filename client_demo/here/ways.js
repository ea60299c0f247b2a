// Which way a page gets its face: all of it by itself, drawn by itself from latents, or as video.

import { $ } from '../elements.js';
import { Trouble } from '../words.js';
import { findDetector, openPack } from './call.js';
import { Face, TooSlow } from './face.js';
import { Performer } from './motion/performer.js';

const WORDS = {
  here: 'Drawn here. Neither your voice nor your picture leaves this device.',
  latents: 'Drawn here. Your voice goes to the server, and only the motion comes back.',
  video: 'Drawn by the server. Your voice goes there, and the picture comes back.',
};

let chosen = null; // { name, face, mayLeave, why }, promised

/** Chooses, once; the face is loaded meanwhile. mayLeave: for video, if drawing turns out too slow.
 * why: in words, if it is not the best way. The address may ask for one, by way=here,
 * way=latents or way=video. Rejects with a Trouble. */
export function chooseWay(config) {
  chosen ??= choose(config.ways, new URLSearchParams(location.search).get('way'), config.fps);
  return chosen;
}

async function choose(offered, wish, fps) {
  if (!offered.includes('video')) { // there is no server: later perhaps not even a network
    $('phone').hidden = true;
    navigator.serviceWorker?.register('offline.js').catch(console.warn);
  }
  const only = offered.includes(wish) ? [wish] : offered;
  if (only[0] === 'video') return { name: 'video' };
  try {
    // Asked for by name, or the only way: a slow face is better than none.
    const face = await Face.make({ open: openPack, fps, anyGpu: !only.includes('video') });
    const name = only.length > 1 && !await hearsInTime(face.pack) ? 'latents' : only[0];
    return { name, face, mayLeave: only.includes('video') };
  } catch (error) {
    const slow = error instanceof TooSlow;
    if (!only.includes('video')) throw new Trouble(slow ? 'slow' : 'pack', error.message);
    if (!slow) console.warn(error);
    return { name: 'video', why: error.message };
  }
}

const HEARD = 0.4; // seconds of sound that are timed, after as many that are not
const SPARE = 0.4; // share of the time that hearing may take

/** Whether this device hears as fast as sound comes, with enough to spare. */
async function hearsInTime({ card, motion }) {
  const performer = new Performer({ card, motion, detector: await findDetector(), seed: 0 });
  let took = 0;
  for (let n = 0; n < 2; n += 1) {
    const begun = performance.now();
    for (let i = 0; i < HEARD * 100; i += 1) {
      performer.hear(new Float32Array(160));
      performer.pose();
    }
    took = performance.now() - begun;
  }
  return took < 1000 * HEARD * SPARE;
}

/** From now on as video, for a device that does not keep up. */
export function giveUpHere() {
  chosen = Promise.resolve({ name: 'video', why: 'This device is too slow to draw the face.' });
}

/** Says which way it is, and what leaves this device. */
export function showWay({ name, why = '' }) {
  document.body.dataset.way = name;
  $('way').textContent = [why, WORDS[name]].filter(Boolean).join(' ');
}
