import { useComputed } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Figure, Site } from "../api/types";
import { locale, t } from "../i18n/language";
import { withUnit } from "../format";
import { siteSignal } from "../live/store";
import { worstMark } from "../pages/worst";
import { siteUrl } from "../route";
import { Age, spanText } from "./Age";
import { Mark, Marks } from "./Mark";
import { useNear } from "./near";
import { Words } from "./Words";
import { now } from "../live/link";

function TileBar({ name, figure, full, unit }: { name: string; figure: Figure | null; full: number | null; unit: string }) {
  if (figure === null) return null;
  const value = typeof figure.value === "number" ? figure.value : null;
  const share = value === null || !full ? 0 : Math.min(100, (Math.abs(value) / full) * 100);
  return (
    <div class="tile-bar">
      <span class="tile-bar-name">{name}</span>
      <span class="trough" aria-hidden="true"><span class="fill" style={{ width: `${share}%` }} /></span>
      <span class="tile-bar-value">{withUnit(value, unit, locale())}</span>
    </div>
  );
}

/** One site in four bars: enough to see which one is not as it should be. What nobody sees is not kept up to the second. */
export function Tile({ id }: { id: string }) {
  const [ref, near] = useNear<HTMLAnchorElement>();
  const worst = useComputed(() => (siteSignal(id).value === null ? null : worstMark(siteSignal(id).value!)));
  const site = near ? siteSignal(id).value : siteSignal(id).peek();
  const mark = worst.value;
  const seen = useRef(false);
  seen.current ||= near;
  if (site === null) return null;
  return (
    <a class={`tile${mark === null ? "" : ` tile-${mark}`}`} href={siteUrl(id)} data-row={id} ref={ref}>
      <span class="tile-head">
        {mark && <Mark kind={mark} size={24} />}
        <span class="tile-name"><Words of={site.name} /></span>
        {near && <Age ts={site.ts} />}
      </span>
      {seen.current && <TileBars site={site} />}
    </a>
  );
}

function TileBars({ site }: { site: Site }) {
  const { balance, ratings } = site;
  const ticket = site.tickets.next;
  return (
    <>
      <TileBar name={t().pv} figure={balance.pv_kw} full={ratings.pv_kw} unit="kW" />
      <TileBar name={t().soc_short} figure={site.soc_pct} full={100} unit="%" />
      <TileBar name={t().load} figure={balance.load_kw} full={ratings.contract_kw ?? ratings.transformer_kva} unit="kW" />
      <TileBar name={t().grid} figure={balance.grid_kw} full={ratings.contract_kw ?? ratings.transformer_kva} unit="kW" />
      <span class="tile-foot">
        <Marks counts={site.alerts as unknown as Record<string, number>} size={16} />
        {ticket && <span>{ticket.priority} {ticket.due < now.value ? t().clock_late(spanText(now.value - ticket.due)) : t().clock_left(spanText(ticket.due - now.value))}</span>}
      </span>
    </>
  );
}
