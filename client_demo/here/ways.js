// Which way a page gets its face: drawn by itself, or as video.

import { $ } from '../elements.js';
import { Trouble } from '../words.js';
import { openPack } from './call.js';
import { Face, TooSlow } from './face.js';

const WORDS = {
  here: 'Drawn here. Neither your voice nor your picture leaves this device.',
  video: 'Drawn by the server. Your voice goes there, and the picture comes back.',
};

let chosen = null; // { name, face, why }, promised. why: in words, if it is not what could be

/** Chooses, once; the face is loaded meanwhile. The address may ask for one, by way=here or
 * way=video. Rejects with a Trouble. */
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
  if (!only.includes('here')) return { name: 'video' };
  try {
    // Asked for by name, or the only way: a slow face is better than none.
    const face = await Face.make({ open: openPack, fps, anyGpu: !only.includes('video') });
    return { name: 'here', face };
  } catch (error) {
    const slow = error instanceof TooSlow;
    if (!only.includes('video')) throw new Trouble(slow ? 'slow' : 'pack', error.message);
    if (!slow) console.warn(error);
    return { name: 'video', why: error.message };
  }
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
