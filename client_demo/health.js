// How a call goes, in words: judged once a second from what browser and server count.

const LEAST_SHARE = 0.7; // of the pictures a second that there should be
const OLDEST = 250; // ms from voice to picture at the server
const LONGEST_TRIP = 400; // ms to the server and back
const MOST_LOST = 0.05; // of the packets
const BAD_FOR = 3; // seconds until it is said
const GOOD_FOR = 4; // seconds until it counts as over

const REASONS = {
  server: ({ fps, made }) => `The server’s machine is busy: ${count(made)} of ${fps} pictures a `
    + 'second. Close other programs there.',
  late: ({ age }) => `The server’s machine is busy: the face follows ${seconds(age)} late.`,
  network: ({ lost }) => (lost > MOST_LOST
    ? `The network is weak: ${Math.round(100 * lost)} % of the packets are lost.`
    : 'The network is slow. Nearer to the router, or by cable, it goes better.'),
  browser: ({ fps, shown }) => `This device is busy: it shows ${count(shown)} of ${fps} pictures `
    + 'a second. Close other tabs or programs.',
};

const count = (number) => Math.max(0, Math.round(number));
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** Why a second of a call was bad, or nothing.
 *
 * look: { fps: pictures a second that there should be, made: by the server, shown: by the browser,
 * age: ms at the server, trip: ms, lost: share of packets }; NaN is unknown. */
export function reasonOf(look) {
  const { fps, made, shown, age, trip, lost } = look;
  if (made < LEAST_SHARE * fps) return 'server';
  if (lost > MOST_LOST || trip > LONGEST_TRIP) return 'network';
  if (shown < LEAST_SHARE * fps) return lost > 0 ? 'network' : 'browser';
  if (age > OLDEST) return 'late';
  return null;
}

/** Says how it goes calmly: only what lasts, and until it is over for a while. */
export class Health {
  #bad = 0;
  #good = 0;
  #reason = null;

  /** Takes a second's look. Returns the sentence to show, '' when all is well, and null when
   * there is nothing new to say. */
  look(look) {
    const reason = reasonOf(look);
    this.#bad = reason ? this.#bad + 1 : 0;
    this.#good = reason ? 0 : this.#good + 1;
    if (this.#bad >= BAD_FOR) {
      this.#reason = reason;
      return REASONS[reason](look);
    }
    if (this.#reason && this.#good >= GOOD_FOR) {
      this.#reason = null;
      return '';
    }
    return null;
  }

  get bad() {
    return this.#reason !== null;
  }
}

const rank = (resolution) => parseInt(resolution, 10) - (resolution.endsWith('-light') ? 0.5 : 0);

/** What to say when the server steps down to smaller pictures while its machine is too slow, or up
 * again; nothing when it does neither. before, after: as telemetry names resolutions. */
export function stepWords(before, after) {
  if (!before || !after || before === after) return '';
  return rank(after) < rank(before)
    ? 'The server’s machine is busy: pictures are simpler for now, so that the face keeps up.'
    : 'Live. The pictures are finer again.';
}
