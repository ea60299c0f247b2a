// What a person chose, kept in this browser until they choose otherwise.

const KEY = 'latentcam';

/** What was remembered, or nothing: storage may be forbidden, or hold what another version wrote. */
export function recall() {
  try {
    const found = JSON.parse(localStorage.getItem(KEY));
    return found !== null && typeof found === 'object' ? found : {};
  } catch {
    return {};
  }
}

/** Keeps a part, and forgets what is undefined in it. */
export function remember(part) {
  try {
    localStorage.setItem(KEY, JSON.stringify({ ...recall(), ...part }));
  } catch {
    // full or forbidden: then it lasts as long as the page
  }
}
