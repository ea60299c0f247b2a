// What is shown of motion that comes over a network: as it is while it comes, gone on with for a
// moment when it does not, and led back gently afterwards.

const CARRY = 0.5; // share of the last move that a missing tick goes on with, and so on
const LEAD_BACK = 0.5; // share of the way back that is left after each tick
const NEAR = 0.01; // in the unit of any axis: nobody sees it

export class Glide {
  #last = null; // what came
  #shown = null;
  #move; // of the last tick
  #strayed = false; // whether anything else than what came is shown

  /** Motion came, `missed` ticks after the one before. Returns what to show. */
  came(x, missed = 0) {
    this.#move = x.map((value, i) => (this.#last ? (value - this.#last[i]) / (1 + missed) : 0));
    this.#last = x.slice();
    if (this.#strayed) {
      this.#shown = x.map((value, i) => value + LEAD_BACK * (this.#shown[i] - value));
      this.#strayed = this.#shown.some((value, i) => Math.abs(value - x[i]) > NEAR);
    } else this.#shown = this.#last;
    return this.#shown.slice();
  }

  /** Nothing came in time for a tick. Returns what to show. */
  late() {
    this.#strayed = true;
    this.#move = this.#move.map((move) => CARRY * move);
    this.#shown = this.#shown.map((value, i) => value + this.#move[i]);
    return this.#shown.slice();
  }
}
