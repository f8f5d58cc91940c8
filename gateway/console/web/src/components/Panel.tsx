import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

/** A titled part of a page. */
export function Panel({ title, aside, children, flush = false, class: extra = "" }: {
  title: ComponentChildren; aside?: ComponentChildren; children: ComponentChildren; flush?: boolean; class?: string;
}) {
  const id = useId();
  return (
    <section class={`panel ${extra}`} aria-labelledby={id}>
      <header class="panel-head">
        <h2 id={id}>{title}</h2>
        {aside !== undefined && <div class="panel-aside">{aside}</div>}
      </header>
      <div class={flush ? "panel-flush" : "panel-body"}>{children}</div>
    </section>
  );
}
