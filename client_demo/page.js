// The demo page's elements, the phase that it shows, and its trouble.

import { $, say } from './elements.js';

export const page = {
  stage: $('stage'), portrait: $('portrait'), rest: $('rest'), last: $('last'), face: $('face'),
  cut: $('cut'), voice: $('voice'), talk: $('talk'), talkWords: $('talk-words'), muted: $('muted'),
  push: $('push'), hold: $('hold'), hear: $('hear'), settings: $('settings'), panel: $('panel'),
  background: $('background'), record: $('record'), small: $('small'), full: $('full'), trouble: $('trouble'),
  troubleTitle: $('trouble-title'), troubleHint: $('trouble-hint'), meter: $('meter'),
  meterFill: $('meter-fill'), mics: $('mics'), listMics: $('list-mics'),
  figuresButton: $('figures-button'), figuresCard: $('figures-card'), figures: $('figures'),
  meanings: $('meanings'),
};

const PHASES = {
  idle: 'Press Talk and say something.',
  asking: 'Allow the microphone in the browser’s question.',
  connecting: 'Connecting…',
  live: 'Live. Say something.',
  unsteady: 'The connection stutters. Waiting for it…',
  reconnecting: 'Connection lost. Reconnecting…',
};

export function showPhase(phase, words = PHASES[phase]) {
  document.body.dataset.phase = phase;
  page.talkWords.textContent = phase === 'idle' ? 'Talk' : 'Stop';
  if (phase !== 'live') delete document.body.dataset.speaking;
  say(words, phase !== 'unsteady' && phase !== 'reconnecting');
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
