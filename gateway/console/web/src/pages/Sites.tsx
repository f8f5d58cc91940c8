import { useComputed, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Page, Site } from "../api/types";
import { useResource } from "../api/resource";
import { Tile } from "../components/Tile";
import { Empty, Failed, Loading } from "../components/States";
import { useTitle } from "../components/title";
import { t } from "../i18n/language";
import { siteIds, siteSignal, takeSites } from "../live/store";
import { go, siteUrl } from "../route";
import { worstFirst } from "./worst";

/** The fleet, worst first. A single site has nothing to be compared with: its own page is shown. */
export function SitesPage() {
  useTitle(t().sites);
  const asked = useResource<Page<Site>>("/sites");
  const held = useSignal<string | null>(null);
  useEffect(() => {
    if (asked.data.value !== null && siteIds.peek() === null) takeSites(asked.data.value.items);
  }, [asked.data.value]);
  // A text, so that the list is drawn anew only where the order has changed.
  const sorted = useComputed(() => {
    const known = (siteIds.value ?? []).map((id) => siteSignal(id).value).filter((site): site is Site => site !== null);
    return worstFirst(known).map((site) => site.id).join("\n");
  });
  const ids = siteIds.value;
  useEffect(() => {
    if (ids?.length === 1) go(siteUrl(ids[0]!), true);
  }, [ids]);

  if (ids === null) {
    return asked.problem.value ? <Failed problem={asked.problem.value} retry={asked.refresh} /> : <Loading tall page={t().sites} />;
  }
  if (ids.length === 0) return <Empty title={t().sites_empty} hint={t().sites_empty_hint} />;
  // The order stands still while somebody points at or walks through the tiles.
  const order = (held.value ?? sorted.value).split("\n");
  const hold = (): void => {
    held.value ??= sorted.peek();
  };
  const release = (): void => {
    held.value = null;
  };
  return (
    <>
      <div class="page-head"><h1>{t().sites}</h1><span class="muted">{t().sites_count(ids.length)}</span></div>
      <ul class="tiles" onPointerEnter={hold} onPointerLeave={release} onFocusIn={hold} onFocusOut={release}>
        {order.map((id) => <li key={id}><Tile id={id} /></li>)}
      </ul>
    </>
  );
}
