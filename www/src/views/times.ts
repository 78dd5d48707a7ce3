import { html, nothing, type TemplateResult } from "lit";
import type { Conversation } from "../conversation.js";
import { stretches, time, type Stretch } from "../timing.js";
import { seconds } from "../words.js";

const WHAT: Record<Stretch["what"], string> = { thinks: "supervisor", replies: "worker", jobs: "worker’s jobs" };

/** Where the time of a run went: a bar for each stretch, from its beginning to its end. */
export function times(run: Conversation): TemplateResult | typeof nothing {
  const all = stretches(run);
  if (!all.length || run.state === "running") return nothing;
  const share = (ms: number) => (ms / Math.max(run.elapsedMs, 1)).toFixed(4);
  return html`<details class="times" data-testid="times">
    <summary>
      Where the time went: worker ${seconds(time(all, "worker"))}, supervisor ${seconds(time(all, "supervisor"))}
    </summary>
    <ol>
      ${all.map(
        ({ who, what, round, from, to }) => html`<li class=${who} data-testid="stretch" data-who=${who}>
          <span>Round ${round}, ${WHAT[what]}</span>
          <span class="track" aria-hidden="true"><span .style=${`--from: ${share(from)}; --share: ${share(to - from)}`}></span></span>
          <span class="number">${seconds(to - from)}</span>
        </li>`,
      )}
    </ol>
  </details>`;
}
