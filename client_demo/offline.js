// Keeps a page that needs no server for when there is no network: a service worker, registered only
// by the folder that `latentcam page` writes, whose list of files it reads.

const KEPT = 'latentcam page';
const at = (name) => new URL(name, globalThis.registration.scope).href;

async function keep() {
  const names = await (await fetch(at('files.json'), { cache: 'no-store' })).json();
  const cache = await caches.open(KEPT);
  await cache.addAll(['.', ...names].map(at));
}

/** What the network has, or what was kept. */
async function newest(request) {
  const cache = await caches.open(KEPT);
  try {
    const response = await fetch(request);
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept && response.ok) await cache.put(request.url.split('?')[0], response.clone());
    return response;
  } catch (error) {
    const kept = await cache.match(request, { ignoreSearch: true });
    if (kept) return kept;
    throw error;
  }
}

addEventListener('install', (event) => event.waitUntil(keep()));
addEventListener('activate', (event) => event.waitUntil(globalThis.clients.claim()));
addEventListener('fetch', (event) => {
  const { method, url } = event.request;
  if (method === 'GET' && url.startsWith(at('.'))) event.respondWith(newest(event.request));
});
