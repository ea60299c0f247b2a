// Keys that work wherever the focus is: M mutes, Space opens the microphone while it is held.

import { isWritten } from './elements.js';
import { page } from './page.js';
import { remember } from './remembered.js';
import { mute } from './talking.js';

function setMuted(muted) {
  if (page.muted.checked === muted) return;
  page.muted.checked = muted;
  mute();
}

/** Pushing to talk: muted except while Space, or the button on the picture, is held. */
function showPush() {
  page.hold.hidden = !page.push.checked;
  setMuted(page.push.checked);
}

const isSpace = (event) => event.code === 'Space' && page.push.checked && !isWritten(event)
  && !event.target.matches('[type=checkbox], [type=radio], summary');

/** remembers: whether what is chosen is kept. */
export function listenToKeys(remembers) {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (isSpace(event)) {
      event.preventDefault(); // no button is pressed, nothing scrolls
      setMuted(false);
    } else if (event.key.toLowerCase() === 'm' && !event.repeat && !isWritten(event)) {
      setMuted(!page.muted.checked); // Caps Lock may be on
    }
  });
  addEventListener('keyup', (event) => {
    if (!isSpace(event)) return;
    event.preventDefault();
    setMuted(true);
  });
  addEventListener('blur', () => { if (page.push.checked) setMuted(true); });
  page.hold.addEventListener('pointerdown', (event) => {
    page.hold.setPointerCapture(event.pointerId);
    setMuted(false);
  });
  for (const end of ['pointerup', 'pointercancel']) {
    page.hold.addEventListener(end, () => setMuted(true));
  }
  page.hold.addEventListener('contextmenu', (event) => event.preventDefault()); // a long press
  page.muted.addEventListener('change', mute);
  page.push.addEventListener('change', () => {
    if (remembers) remember({ push: page.push.checked });
    showPush();
  });
  if (page.push.checked) showPush();
}
