// What the guards of a run saw, as marks in its charts.

import { grouped } from "./figures.js";

const pieceSize = 1000;

/** The colour of the marks, for `readColours`. */
export const markColour = "--interrupted";

/** The alerts of one run, in the order in which they were seen; `changed()` is called when there are more. */
export class AlertMarks {
  constructor(runId, changed) {
    this.runId = runId;
    this.changed = changed;
    this.alerts = [];
    this.last = this.wanted = 0;
    this.reading = false;
  }

  /** Reads what came after the last one that is known, until there is nothing newer than `latest`; null reads what there is. */
  async read(latest = null) {
    this.wanted = Math.max(this.wanted, latest ?? 0);
    if (this.reading || (latest !== null && latest <= this.last)) return;
    this.reading = true;
    const before = this.alerts.length;
    try {
      // Another one may be announced while these are read.
      for (let piece; (piece = await this.#piece()).length === pieceSize || (piece.length > 0 && this.wanted > this.last););
    } finally {
      this.reading = false;
    }
    if (this.alerts.length > before) this.changed();
  }

  async #piece() {
    const answer = await fetch(`/api/runs/${this.runId}/alerts?after=${this.last}&limit=${pieceSize}`);
    if (!answer.ok) throw new Error(`The alerts could not be read: ${answer.status}`);
    const piece = await answer.json();
    this.alerts.push(...piece);
    this.last = piece.length > 0 ? piece[piece.length - 1].id : this.last;
    return piece;
  }

  /** Draws a line with a flag at each update that an alert is about, over what uPlot has drawn. */
  draw(u, colour) {
    const { ctx } = u, { left, top, width, height } = u.bbox, flag = 5 * devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = colour;
    ctx.lineWidth = devicePixelRatio;
    for (const step of new Set(this.alerts.map(alert => alert.step))) {
      const x = Math.round(u.valToPos(step, "x", true));
      if (x < left || x > left + width) continue;
      ctx.setLineDash([3 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath(); ctx.moveTo(x, top); ctx.lineTo(x, top + height); ctx.stroke();
      ctx.beginPath(); ctx.moveTo(x - flag, top); ctx.lineTo(x + flag, top); ctx.lineTo(x, top + 1.5 * flag); ctx.fill();
    }
    ctx.restore();
  }

  /** The titles of the alerts around an update, no further away than `distance`. */
  around(step, distance) {
    return [...new Set(this.alerts.filter(alert => Math.abs(alert.step - step) <= distance).map(alert => `${alert.title} (update ${grouped(alert.step)})`))].join(", ");
  }

  /** All of them in a sentence; empty without any. */
  inWords() {
    if (this.alerts.length === 0) return "";
    const steps = [...new Set(this.alerts.map(alert => alert.step))];
    return ` Marked: ${this.alerts.length === 1 ? "what a guard saw" : `${this.alerts.length} things that guards saw`}, ${steps.length === 1 ? "at update" : "at updates"} ${steps.slice(0, 5).map(grouped).join(", ")}${steps.length > 5 ? " and others" : ""}.`;
  }
}
