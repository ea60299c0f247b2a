// The demo page of latentcam: a microphone goes up, a face comes down, figures say how it goes.
//
// words.js: what it says · elements.js, page.js: what it shows · server.js: whom it asks ·
// microphone.js · call.js: one connection · figures.js · controls.js, settings.js: what a person
// sets · talking.js: a conversation, from the click to its end. camera.js is another page.

import { buildFigures } from './figures.js';
import { page, showTrouble } from './page.js';
import { chooseFace, newFace } from './settings.js';
import { begin, changeMic, relistMics, stop, switchVoice, talkOrStop } from './talking.js';
import { Trouble } from './words.js';

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

page.talk.addEventListener('click', talkOrStop);
page.faces.addEventListener('change', (event) => chooseFace(event.target.value));
page.newFace.addEventListener('click', newFace);
page.mics.addEventListener('change', changeMic);
page.hear.addEventListener('change', switchVoice);
page.face.addEventListener('loadeddata', () => { document.body.dataset.picture = ''; });
navigator.mediaDevices?.addEventListener('devicechange', relistMics);
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
