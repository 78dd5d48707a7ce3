import { html, nothing, type TemplateResult } from "lit";
import type { Conversation } from "../conversation.js";
import { strings } from "../strings.js";
import { stretches, time } from "../timing.js";

/** Where the time of a run went: a bar for each stretch, from its beginning to its end. */
export function times(run: Conversation): TemplateResult | typeof nothing {
  const all = stretches(run);
  if (!all.length || run.state === "running") return nothing;
  const says = strings.times;
  const share = (ms: number) => (ms / Math.max(run.elapsedMs, 1)).toFixed(4);
  return html`<details class="times" data-testid="times">
    <summary>${says.summary(time(all, "worker"), time(all, "supervisor"))}</summary>
    <ol>
      ${all.map(
        ({ who, what, round, from, to }) => html`<li class=${who} data-testid="stretch" data-who=${who}>
          <span>${says.stretch(round, says.what[what])}</span>
          <span class="track" aria-hidden="true"><span .style=${`--from: ${share(from)}; --share: ${share(to - from)}`}></span></span>
          <span class="number">${strings.amounts.seconds(to - from)}</span>
        </li>`,
      )}
    </ol>
  </details>`;
}
