// The demo page of latentcam: a microphone goes up, a face comes down, figures say how it goes.
//
// words.js: what it says · elements.js, page.js: what it shows · server.js: whom it asks ·
// remembered.js · controls.js, settings.js: what a person sets · stage.js: the face at rest, the
// picture · cut.js: the face without what is behind it · microphone.js · try.js, clips.js: without
// one · call.js: one connection · figures.js, health.js: how it goes · keys.js · phone.js ·
// follow.js: a camera that moves the head ·
// talking.js: a conversation, from the click to its end. camera.js is another page.

import { $ } from './elements.js';
import { buildFigures } from './figures.js';
import { listenToKeys } from './keys.js';
import { page, showTrouble } from './page.js';
import { offerPhone } from './phone.js';
import { recall } from './remembered.js';
import { fullScreen, offerWhatWorks, pictureInPicture, record } from './stage.js';
import {
  begin, changeMic, relistMics, showMics, showPicture, stop, switchVoice, talkOrStop,
} from './talking.js';
import { Trouble } from './words.js';

async function beginOrSay(wishes) {
  const insecure = !navigator.mediaDevices?.getUserMedia; // the first thing to fix, so told first
  try {
    await begin(wishes);
    if (insecure) throw new Trouble('insecure');
  } catch (error) {
    if (!(error instanceof Trouble)) throw error;
    showTrouble(insecure ? new Trouble('insecure') : error);
  }
}

function toggle(button, part) {
  part.hidden = !part.hidden;
  button.setAttribute('aria-expanded', !part.hidden);
}

const narrow = matchMedia('(max-width: 50rem)');

function showSettings() {
  if (narrow.matches) {
    page.panel.scrollIntoView({ behavior: 'smooth' });
    return;
  }
  toggle(page.settings, page.panel);
  document.body.toggleAttribute('data-alone', page.panel.hidden);
}

function showBackgrounds() {
  if (page.panel.hidden) showSettings();
  $('background-card').scrollIntoView({ behavior: 'smooth', block: 'nearest' });
  $('background-card').querySelector('input:checked')?.focus({ preventScroll: true });
}

page.background.addEventListener('click', showBackgrounds);
page.talk.addEventListener('click', talkOrStop);
page.mics.addEventListener('change', changeMic);
page.listMics.addEventListener('click', showMics);
page.hear.addEventListener('change', switchVoice);
page.settings.addEventListener('click', showSettings);
page.full.addEventListener('click', fullScreen);
page.small.addEventListener('click', pictureInPicture);
page.record.addEventListener('click', record);
page.figuresButton.addEventListener('click', () => toggle(page.figuresButton, page.figuresCard));
page.face.addEventListener('loadeddata', () => showPicture(true));
navigator.mediaDevices?.addEventListener('devicechange', relistMics);
addEventListener('pagehide', () => stop());
buildFigures();
offerWhatWorks();
offerPhone();

const wishes = new URLSearchParams(location.search);
if (wishes.has('badge')) document.body.dataset.badge = wishes.get('badge'); // 1 or 0
if (wishes.get('obs') === '1') { // a browser source: only the face, on nothing or on a colour
  document.body.dataset.obs = '';
  document.documentElement.style.background = wishes.get('background') ?? 'transparent';
  listenToKeys(false);
  void beginOrSay(wishes).then(() => page.talk.click());
} else {
  const { hear, push } = recall();
  page.hear.checked = hear === true;
  page.push.checked = push === true;
  listenToKeys(true);
  relistMics();
  void beginOrSay();
}
