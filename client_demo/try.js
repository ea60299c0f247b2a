// Trying without talking, on both pages: a sample voice, typed words, a sound file.

import { $, card, element, icon } from './elements.js';
import { address } from './server.js';
import { Trouble } from './words.js';

const SAMPLE = 'sample.mp3'; // synthesised with espeak-ng; no person is heard in it

async function fetched(path, options) {
  let answer;
  try {
    answer = await fetch(address(path), options);
  } catch {
    throw new Trouble('gone');
  }
  if (!answer.ok) throw new Trouble('no-speech', (await answer.json()).error);
  return answer.arrayBuffer();
}

function plain(name, words, onClick) {
  const button = element('button', { className: 'plain', type: 'button' }, icon(name), words);
  button.addEventListener('click', onClick);
  return button;
}

/** Builds the card at the end of `place`.
 * missing: why the server cannot speak typed words, or nothing. speak: takes the bytes of a sound
 * file; fail: takes a Trouble. */
export function buildTry(place, missing, speak, fail) {
  const attempt = async (get) => {
    try {
      await speak(await get());
    } catch (error) {
      if (!(error instanceof Trouble)) throw error;
      fail(error);
    }
  };
  const sample = plain('play', 'Sample voice', () => attempt(() => fetched(SAMPLE)));
  sample.id = 'sample';

  const file = element('input', { type: 'file', accept: 'audio/*,video/*', hidden: true });
  const open = () => attempt(() => {
    const [chosen] = file.files;
    return chosen.arrayBuffer();
  });
  file.addEventListener('change', () => { if (file.files.length) void open().then(() => { file.value = ''; }); });
  const choose = plain('file', 'Sound file…', () => file.click());

  const text = element('input', {
    type: 'text', id: 'words', maxLength: 500, placeholder: 'Type what the face should say',
    disabled: Boolean(missing), autocomplete: 'off',
  });
  text.setAttribute('aria-label', 'Words for the face to say');
  const say = element('button', {
    className: 'plain', type: 'submit', textContent: 'Say', disabled: Boolean(missing),
  });
  const form = element('form', { className: 'row say' }, text, say);
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!text.value.trim()) return;
    const body = JSON.stringify({ text: text.value, language: navigator.language || 'en' });
    void attempt(() => fetched('say', { method: 'POST', body }));
  });
  const why = missing
    ? `Typed words cannot be spoken: ${missing} (What a browser itself speaks, a page cannot take.)`
    : 'Or drop a sound file anywhere on this page.';
  place.append(card('Try without talking', element('div', { className: 'row' }, sample, choose),
    file, form, element('p', { className: 'why', textContent: why })));

  const holds = (event) => [...event.dataTransfer.types].includes('Files');
  addEventListener('dragover', (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    document.body.dataset.dropping = '';
  });
  addEventListener('dragleave', (event) => {
    if (!event.relatedTarget) delete document.body.dataset.dropping;
  });
  addEventListener('drop', (event) => {
    if (!holds(event)) return;
    event.preventDefault();
    delete document.body.dataset.dropping;
    const [dropped] = event.dataTransfer.files;
    if (dropped) void attempt(() => dropped.arrayBuffer());
  });
}
