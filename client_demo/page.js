// The demo page's elements, the phase that it shows, and its trouble.

import { $, say } from './elements.js';

export const page = {
  face: $('face'), voice: $('voice'), talk: $('talk'), pill: $('pill'),
  trouble: $('trouble'), troubleTitle: $('trouble-title'), troubleHint: $('trouble-hint'),
  meter: $('meter'), meterFill: $('meter-fill'), faces: $('faces'), newFace: $('new-face'),
  moods: $('moods'), neutral: $('neutral'), micsField: $('mics-field'), mics: $('mics'),
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

export function showPhase(phase, words = PHASES[phase][1]) {
  document.body.dataset.phase = phase;
  page.pill.textContent = PHASES[phase][0];
  page.talk.textContent = phase === 'idle' ? 'Talk' : 'Stop';
  if (phase !== 'live') delete document.body.dataset.speaking;
  say(words);
}

export function showTrouble(trouble) {
  page.troubleTitle.textContent = trouble.title;
  page.troubleHint.textContent = trouble.hint;
  page.trouble.hidden = false;
  page.trouble.scrollIntoView({ block: 'nearest' });
}

export function hideTrouble() {
  page.trouble.hidden = true;
}

export const phaseIs = (phase) => document.body.dataset.phase === phase;
