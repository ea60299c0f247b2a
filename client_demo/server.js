// The server's door: its addresses with the token, and what it says about itself.

import { Trouble } from './words.js';

const token = new URLSearchParams(location.search).get('token');

export function address(path) {
  const url = new URL(path, location.href);
  url.search = token === null ? '' : `?${new URLSearchParams({ token })}`;
  return url;
}

/** A face's portrait (jpg), before another background if one is given, or the film of it at rest
 * (webm). */
export function faceAddress(identity, kind, background = '') {
  const url = address(`faces/${encodeURIComponent(identity)}.${kind}`);
  if (background) url.searchParams.set('background', background);
  return url;
}

export async function loadConfig() {
  let response;
  try {
    response = await fetch(address('config'), { cache: 'no-store' });
  } catch {
    throw new Trouble('gone');
  }
  if (response.status === 401) throw new Trouble('token');
  if (response.status === 403) throw new Trouble('refused');
  if (!response.ok) throw new Trouble('gone', `It answered with ${response.status}.`);
  return response.json();
}
