// The page's address for a phone, as a QR code and a link.

import { $ } from './elements.js';
import { address } from './server.js';

async function show() {
  $('phone-dialog').showModal();
  let found;
  try {
    found = await (await fetch(address('phone'), { cache: 'no-store' })).json();
  } catch {
    found = { address: '', advice: 'The server does not answer.' };
  }
  const [code, link] = [$('phone-code'), $('phone-link')];
  code.hidden = link.hidden = !found.address;
  if (found.address) {
    code.src = address('phone.svg');
    link.href = link.textContent = found.address;
  }
  $('phone-advice').textContent = found.advice ?? found.error ?? '';
}

export function offerPhone() {
  $('phone').addEventListener('click', show);
  $('phone-close').addEventListener('click', () => $('phone-dialog').close());
}
